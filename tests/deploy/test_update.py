"""What an update compares, and what a move into the installed database refuses."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from apps.base.audit import AuditRow
from apps.base.commands import UsedWrongly
from apps.base.credentials import Credential, adopt_environment
from apps.base.health import examine
from apps.base.sealing import seal
from apps.bot.dialogue.texts import CONTACT
from apps.ops.management.commands import prepare
from host import adopt_tryout

WORSE = Path(__file__).resolve().parent.parent.parent / "deploy/worse.py"


def books(**violations: int) -> str:
    rows = [{"name": name, "kind": "truth", "violations": count} for name, count in violations.items()]
    return json.dumps({"ok": False, "invariants": [*rows, {"name": "late", "kind": "freshness", "violations": 9}]})


def health(**states: str) -> str:
    return json.dumps({"ok": False, "checks": {name: {"state": state} for name, state in states.items()}})


@pytest.mark.parametrize(
    ("before", "after", "code", "said"),
    [
        (books(ledger=0), books(ledger=0), 0, ""),
        (books(ledger=2), books(ledger=2), 0, ""),  # broken before: no reason not to update
        (books(ledger=2), books(ledger=3), 1, "ledger: 3, 2 before"),
        (books(), books(seats=1), 1, "seats: 1, 0 before"),
        (books(ledger=0), "Traceback", 2, "no answer"),
        ("", books(ledger=0), 0, ""),
        (health(disk="failing", queue="ok"), health(disk="failing", queue="warning"), 0, ""),
        (health(queue="warning"), health(queue="failing"), 1, "queue"),
        (health(queue="ok"), health(queue="ok", backups="failing"), 0, ""),  # the older code had no such check
        (health(queue="ok"), "", 2, "no answer"),
    ],
)
def test_only_what_became_worse_counts(tmp_path: Path, before: str, after: str, code: int, said: str) -> None:
    (tmp_path / "before").write_text(before)
    (tmp_path / "after").write_text(after)
    command = [sys.executable, WORSE, tmp_path / "before", tmp_path / "after"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == code, run.stderr
    assert said in run.stdout


def test_it_reads_what_the_commands_say(db: Any, tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("checkinvariants", "--json", stdout=out)
    seen = {finding.name: finding.details() for finding in examine(apart=False)}
    for name, text in (("books", out.getvalue()), ("health", json.dumps({"ok": True, "checks": seen}))):
        (tmp_path / name).write_text(text)
        command = [sys.executable, WORSE, tmp_path / name, tmp_path / name]
        assert subprocess.run(command, check=False).returncode == 0


class TestKeys:
    """Goods move only under keys that open them."""

    @pytest.fixture
    def rows(self, db: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        monkeypatch.setenv("FIELD_KEYS", settings.FIELD_KEYS)
        settings.CREDENTIALS = {"OWNER_BOT_TOKEN": "1:a"}
        adopt_environment()
        pk = Credential.objects.get(name="OWNER_BOT_TOKEN").pk
        return [f"{pk}|{seal(b'1:a', column='credential.value', pk=pk).hex()}"]

    def test_the_same_keys(self, rows: list[str]) -> None:
        adopt_tryout.refuse_other_keys(rows)
        adopt_tryout.refuse_other_keys([])

    @pytest.mark.parametrize("keys", ["k1:" + base64.b64encode(b"x" * 32).decode(), "rubbish", "k9:" + "A" * 43 + "="])
    def test_others_are_refused(self, rows: list[str], monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
        monkeypatch.setenv("FIELD_KEYS", keys)
        with pytest.raises(adopt_tryout.CannotMove, match="FIELD_KEYS"):
            adopt_tryout.refuse_other_keys(rows)

    def test_a_damaged_row_is_refused(self, rows: list[str]) -> None:
        with pytest.raises(adopt_tryout.CannotMove):
            adopt_tryout.refuse_other_keys([rows[0][:-2] + "00"])


def test_the_contact_that_was_asked_for_is_kept(db: Any) -> None:
    prepare.set_contact("WA 0812-3456")
    prepare.set_contact("WA 0812-3456")
    assert CONTACT.get() == "WA 0812-3456"
    assert AuditRow.objects.filter(kind="setting.changed").count() == 1
    with pytest.raises(UsedWrongly, match="too long"):
        prepare.set_contact("x" * 101)


@pytest.mark.parametrize(("word", "good"), [("sandi-pemilik-1", True), ("1234567890", False), ("", False)])
def test_a_password_is_judged_before_anything_is_stopped(
    monkeypatch: pytest.MonkeyPatch, word: str, good: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{word}\n"))
    if good:
        call_command("prepare", "--try-password")
    else:
        with pytest.raises(UsedWrongly):
            call_command("prepare", "--try-password")
