"""Drills: what they measure can be broken, what they leave is signed, and where they would hurt they refuse."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from apps.base.audit import AuditRow
from apps.base.commands import UsedWrongly
from apps.base.incidents import raise_incident
from apps.ops.drills import all_drills, runner
from apps.ops.drills import shop_copy as drill_copy
from apps.ops.drills.measure_labels import MEASURED, TITLES
from apps.ops.drills.measures import Measure, all_within, at_least, at_most, exactly
from apps.ops.drills.report import Report, as_html, is_genuine, keep
from apps.ops.drills.shop_copy import CopyFailed, ShopCopy
from apps.ops.models import DrillReport

all_drills.load()
KEPT = Measure("one", "something is so", "it is", True)
BROKEN = Measure("two", "nothing is <lost>", "3", False)


def report(*measures: Measure) -> Report:
    start = datetime(2026, 11, 24, 3, tzinfo=UTC)
    return Report(
        "demo", "It holds.", 7, "abc", "2 cores", start, start + timedelta(minutes=5), ["kill"], list(measures)
    )


def test_measures_can_be_broken() -> None:
    assert exactly("a", "p", 3, 3).kept
    assert not exactly("a", "p", 2, 3).kept
    assert at_least("a", "p", 3, 3).kept
    assert not at_least("a", "p", 2, 3).kept
    assert at_most("a", "p", 3, 3).kept
    assert not at_most("a", "p", 3.1, 3).kept
    assert all_within("a", "p", [1.0, 2.0], 2).kept
    assert not all_within("a", "p", [1.0, 2.1], 2).kept
    assert not all_within("a", "p", [], 2).kept, "nothing measured is no proof"


def test_a_report_without_measures_is_red() -> None:
    assert not report().passed
    assert report(KEPT).passed
    assert not report(KEPT, BROKEN).passed


def test_a_report_is_signed_audited_and_shown(db: Any) -> None:
    row = keep(report(KEPT, BROKEN))
    assert is_genuine(row)
    said = AuditRow.objects.get(kind="drill.failed")
    assert said.data["name"] == "demo"
    page = as_html(row)
    assert "nothing is &lt;lost&gt;" in page
    assert "TIDAK lulus" in page
    assert json.loads(row.text)["verdict"] == "failed"


def test_a_changed_report_is_not_genuine(db: Any, settings: Any) -> None:
    row = keep(report(BROKEN))
    forged = DrillReport(**{f: getattr(row, f) for f in ("name", "passed", "started_at", "ended_at", "signature")})
    forged.text = row.text.replace('"failed"', '"passed"')
    assert not is_genuine(forged)
    assert "TIDAK ASLI" in as_html(forged)
    with pytest.raises(DatabaseError), transaction.atomic():
        DrillReport.objects.filter(pk=row.pk).update(passed=True)


def test_the_owner_finds_it_in_the_dashboard(db: Any) -> None:
    row = keep(report(KEPT))
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("tono"))
    assert "demo" in client.get("/admin/ops/drillreport/").content.decode()
    assert "something is so" in client.get(f"/admin/ops/drillreport/{row.pk}/change/").content.decode()


def test_a_shop_that_was_never_started_is_told_so(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE base_incident RENAME TO elsewhere")
    monkeypatch.setattr("apps.ops.management.commands.drill.missing_migrations", lambda: 0)
    with pytest.raises(UsedWrongly, match="make run"):
        call_command("drill", "chaos")


class TestRefusals:
    def test_while_an_incident_is_open(self, db: Any) -> None:
        raise_incident("gateway.down", "gateway_down")
        with pytest.raises(runner.RefusesToDrill, match=r"An incident is open \(gateway.down\)"):
            runner.refuse_where_it_would_hurt()

    def test_short_of_memory(self, db: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(runner, "FREE_MEMORY", 2**60)
        with pytest.raises(runner.RefusesToDrill, match="MB of memory are free"):
            runner.refuse_where_it_would_hurt()

    def test_short_of_disk(self, db: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(runner, "FREE_DISK", 2**60)
        with pytest.raises(runner.RefusesToDrill, match="GB of disk are free"):
            runner.refuse_where_it_would_hurt()

    def test_two_at_once(self, db: Any) -> None:
        with runner.only_one(), pytest.raises(runner.RefusesToDrill, match="Another drill"), runner.only_one():
            pass

    def test_an_unknown_fault(self, db: Any) -> None:
        with pytest.raises(UsedWrongly, match="chaos knows these faults: spared, slow,"):
            call_command("drill", "chaos", "--plant", "lost,rain")


def test_a_copy_that_breaks_is_a_failed_drill(db: Any, monkeypatch: Any) -> None:
    def breaks(play: runner.Play) -> None:
        raise CopyFailed("waited 40 s for the shop")

    monkeypatch.setitem(runner.REGISTRY, "demo", runner.Drill("demo", "It holds.", breaks, {}))
    made = runner.play("demo", seed=1, say=lambda what: None)
    assert not made.passed
    assert made.measures[0].seen == "CopyFailed: waited 40 s for the shop"


def test_a_copy_that_breaks_in_any_other_way_leaves_a_report_too(db: Any, monkeypatch: Any) -> None:
    def breaks(play: runner.Play) -> None:
        json.loads("")

    monkeypatch.setitem(runner.REGISTRY, "demo", runner.Drill("demo", "It holds.", breaks, {}))
    made = runner.play("demo", seed=1, say=lambda what: None)
    assert (made.passed, made.measures[0].seen.partition(":")[0]) == (False, "JSONDecodeError")


def test_a_copy_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: Any) -> None:
    copy = ShopCopy(tmp_path / "copy")
    monkeypatch.setattr(drill_copy, "ENDING", 0.2)
    deaf = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        " subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print('up', flush=True);"
        " time.sleep(60)"
    )
    copy.up = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    copy.up.stdout.readline()  # type: ignore[union-attr]
    child = copy.everything()[0]
    assert copy.stop() == -signal.SIGKILL
    for _ in range(200):  # its end takes the kernel a moment
        if not Path(f"/proc/{child}").exists() or ") Z" in Path(f"/proc/{child}/stat").read_text():
            return
        time.sleep(0.05)
    raise AssertionError("its child lives on")


def test_a_copy_takes_nothing_of_the_shop_around_it(tmp_path: Path, monkeypatch: Any) -> None:
    for name in (
        "TELEGRAM_BOT_TOKEN",
        "DATABASE_URL",
        "FIELD_KEYS",
        "AUDIT_KEY",
        "PAKASIR_API_KEY",
        "OWNER_BOT_TOKEN",
        "EMAIL_URL",
    ):
        monkeypatch.setenv(name, "secret-of-the-shop")
    copy = ShopCopy(tmp_path / "copy")
    assert "secret-of-the-shop" not in copy.env.values()
    assert copy.env["AUTOORDER_ENV_FILE"] == str(tmp_path / "copy" / "env")


def test_every_measure_has_words_of_the_owners() -> None:
    makers = {"exactly", "at_least", "at_most", "all_within", "Measure"}
    named = {
        call.args[0].value
        for path in Path(runner.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in makers
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert len(named) > 30
    assert named - set(MEASURED) == set()
    assert set(MEASURED) - named == set()
    assert set(TITLES) == set(runner.REGISTRY)


def test_every_measure_has_a_fault_that_must_break_it() -> None:
    """That each fault does is played: tests/acceptance/test_drill.py."""
    broken = set().union(*(broken for drill in runner.REGISTRY.values() for broken in drill.plants.values()))
    assert set(MEASURED) - broken == {"the drill itself"}, (
        "which any error breaks: test_a_copy_that_breaks_is_a_failed_drill"
    )
    assert broken <= set(MEASURED)
