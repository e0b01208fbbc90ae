"""Backups of a real database: made, read back, copied, proven; and everything that must be seen when it goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.base.clock import RealNow, shift_clock
from apps.base.health import ServiceUnavailable
from apps.base.incidents import Incident
from apps.base.models import AuditRow
from apps.ops.backups import conf, proof, take, verify
from apps.ops.backups.healthchecks import backup_copy
from apps.ops.jobs.desk import mark_broken
from apps.ops.jobs.registry import JobFailed
from apps.ops.models import Backup, Job
from host.backups import bundle, dump
from host.backups.records import record_name
from host.environment import ROOT
from tests.backups.conftest import silent


def taken(kind: str = "daily") -> take.Taken:
    return take.take(kind, silent)


def faults(key: Any = None) -> dict[str, str]:
    return {f"{fault.where} {fault.name}": fault.sentence for fault in verify.verify(silent, identity=key)}


def test_a_whole_one_is_made_copied_and_proven(backed_up: Any, tmp_path: Path) -> None:
    made = taken()
    said = proof.prove(made, silent)
    assert "is proven: read from the offsite" in said
    row = Backup.objects.get()
    assert row.read_back_at
    assert row.offsite_at
    assert row.proven_at
    assert row.proof["offsite"] is True
    assert row.proof["rows"] > 10
    assert sorted(p.name for p in (tmp_path / "offsite").iterdir()) == sorted([row.name, record_name(row.name)])
    parts: dict[str, bytes] = {}
    with (tmp_path / "backups" / row.name).open("rb") as source:
        manifest = bundle.read_bundle(
            source, [backed_up], lambda name, piece: parts.update({name: parts.get(name, b"") + piece})
        )
    assert set(parts) == {"database.dump", "files.tar", "journal.txt"}
    assert parts["database.dump"].startswith(b"PGDMP")
    assert manifest["tables"]["orders_stockunit"]["rows"] == 5
    assert "django_q_ormq" not in manifest["tables"]
    assert AuditRow.objects.filter(kind="backup.proven").count() == 1
    assert faults() == faults(backed_up) == {}
    with psycopg.connect(os.environ["DATABASE_URL"]) as wire:
        left = wire.execute("SELECT 1 FROM pg_database WHERE datname = current_database() || %s", [proof.SCRATCH])
        assert not left.fetchall()


def test_nothing_readable_stands_in_it(backed_up: Any, tmp_path: Path) -> None:
    raw = (tmp_path / "backups" / taken().row.name).read_bytes()
    assert b"PGDMP" not in raw
    assert b"spotify" not in raw


def test_without_a_key_there_is_no_backup(backed_up: Any, settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_RECIPIENTS = []
    with pytest.raises(JobFailed, match="BACKUP_RECIPIENTS is empty"):
        taken()
    assert Backup.objects.get().error.startswith("BACKUP_RECIPIENTS")
    assert not list((tmp_path).glob("backups/*"))


def test_a_dump_that_is_killed_leaves_nothing(backed_up: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """As measured: its stream simply ends, what was encrypted decrypts, and only its exit status tells."""
    slow = tmp_path / "programs"
    slow.mkdir()
    real = dump.programs(15)
    slow.joinpath("pg_dump").write_text(f'#!/bin/sh\n"{real}/pg_dump" "$@" | head -c 4000\nkill -9 $$\n')
    slow.joinpath("pg_dump").chmod(0o755)
    monkeypatch.setattr(dump, "programs", lambda server: slow)
    with pytest.raises(JobFailed, match="killed"):
        taken()
    assert list((tmp_path / "backups").iterdir()) == []
    assert list((tmp_path / "offsite").iterdir()) == []


def test_an_old_pg_dump_is_one_sentence(monkeypatch: Any) -> None:
    monkeypatch.setattr(dump, "_version", lambda folder: 14)
    with pytest.raises(dump.DumpFailed, match="apt install postgresql-client-18"):
        dump.programs(18)


def test_a_full_disk_is_seen_before(backed_up: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(take, "SPARE", 2**60)
    with pytest.raises(JobFailed, match="The disk is too full for a backup"):
        taken()


def test_an_offsite_that_is_away_is_said_after_a_while(backed_up: Any, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "offsite")
    made = taken()
    assert made.row.read_back_at
    row = Backup.objects.get()
    assert row.offsite_at is None
    assert "is not there: is the disk mounted?" in row.offsite_error
    assert backup_copy() is not None
    shift_clock(timedelta(minutes=16))
    with pytest.raises(ServiceUnavailable, match="is only here"):
        backup_copy()
    assert "from this machine" in proof.prove(made, silent)


def test_an_offsite_that_changes_what_it_gets_is_seen(backed_up: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(take, "hash_of", lambda place, name: ("0" * 64, 1))
    assert taken().row.offsite_at is None
    assert "gives" in Backup.objects.get().offsite_error


class TestDamage:
    """Each kind, planted in what stands at the offsite or here."""

    @pytest.fixture
    def made(self, backed_up: Any) -> take.Taken:
        taken("hourly")
        shift_clock(timedelta(hours=1))
        return taken("hourly")

    def offsite(self, tmp_path: Path, name: str) -> Path:
        return tmp_path / "offsite" / name

    def test_a_flipped_bit(self, made: take.Taken, tmp_path: Path) -> None:
        path = self.offsite(tmp_path, made.row.name)
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
        assert faults() == {f"offsite {made.row.name}": "Its content is not what was written."}

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
    def test_a_shorter_one(self, made: take.Taken, tmp_path: Path, share: float) -> None:
        path = self.offsite(tmp_path, made.row.name)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        (sentence,) = faults().values()
        assert "bytes, its record says" in sentence

    def test_one_that_is_gone(self, made: take.Taken, tmp_path: Path) -> None:
        self.offsite(tmp_path, made.row.name).unlink()
        assert faults() == {f"offsite {made.row.name}": "It is gone."}

    def test_an_old_file_under_a_new_name(self, made: take.Taken, tmp_path: Path) -> None:
        older = Backup.objects.order_by("number").first()
        shutil.copy(self.offsite(tmp_path, older.name), self.offsite(tmp_path, made.row.name))
        assert set(faults()) == {f"offsite {made.row.name}"}

    def test_an_older_one_passed_off_as_current(self, made: take.Taken, tmp_path: Path) -> None:
        older = Backup.objects.order_by("number").first()
        for name in (lambda n: n, record_name):
            shutil.copy(self.offsite(tmp_path, name(older.name)), self.offsite(tmp_path, name(made.row.name)))
        (sentence,) = faults().values()
        assert "belongs to" in sentence

    def test_one_of_another_shop(self, made: take.Taken, tmp_path: Path, settings: Any) -> None:
        record = self.offsite(tmp_path, record_name(made.row.name))
        record.write_text(json.dumps({**json.loads(record.read_text()), "size": 1}))
        (sentence,) = faults().values()
        assert "was not signed by this shop" in sentence

    def test_one_from_the_future(self, made: take.Taken) -> None:
        shift_clock(-timedelta(days=1))
        assert all("future" in sentence for sentence in faults().values())
        assert len(faults()) == 4

    def test_the_wrong_key(self, made: take.Taken) -> None:
        assert set(faults(bundle.new_key()).values()) == {"This backup was made for another key."}

    def test_good_ones_are_silent(self, made: take.Taken, backed_up: Any) -> None:
        for _ in range(18 if os.environ.get("CAMPAIGN") else 4):
            shift_clock(timedelta(minutes=1))
            taken("hourly")
        assert faults() == faults(backed_up) == {}


class TestProof:
    def test_a_row_that_changed_on_the_way(self, backed_up: Any, monkeypatch: Any) -> None:
        made = taken()
        usual = proof.compare

        def spoiled(url: str, manifest: Any) -> int:
            with psycopg.connect(url, autocommit=True) as wire:
                wire.execute("UPDATE orders_product SET name = name || '!' WHERE code = 'canva'")
            return usual(url, manifest)

        monkeypatch.setattr(proof, "compare", spoiled)
        with pytest.raises(JobFailed, match="these tables came back different: orders_product"):
            proof.prove(made, silent)
        assert Backup.objects.get().proven_at is None

    def test_a_table_that_is_missing(self, backed_up: Any, monkeypatch: Any) -> None:
        made = taken()
        usual = proof.compare

        def spoiled(url: str, manifest: Any) -> int:
            with psycopg.connect(url, autocommit=True) as wire:
                wire.execute("DROP TABLE snk_dispatch CASCADE")
            return usual(url, manifest)

        monkeypatch.setattr(proof, "compare", spoiled)
        with pytest.raises(JobFailed, match="came back different: snk_dispatch"):
            proof.prove(made, silent)

    def test_a_canary_of_another_day(self, backed_up: Any) -> None:
        made = taken()
        made.manifest["canary"] = "0" * 64
        scratch = dump.with_database(conf.owner_url(), connection.settings_dict["NAME"])
        with pytest.raises(proof.NotProven, match="canary"):
            proof.compare(scratch, {**made.manifest, "tables": counted(scratch)})

    def test_a_broken_truth_that_is_not_in_the_shop(self, backed_up: Any, monkeypatch: Any) -> None:
        made = taken()
        monkeypatch.setattr(proof, "broken_truths", lambda url: {"ledger"} if url.endswith(proof.SCRATCH) else set())
        with pytest.raises(JobFailed, match="these truths do not hold in it: ledger"):
            proof.prove(made, silent)


def counted(url: str) -> Any:
    with psycopg.connect(url, autocommit=True) as wire:
        wire.execute("SET TIME ZONE 'UTC'")
        return dump.count_rows(wire, with_hash=True)


class TestCommand:
    def test_it_says_how_it_went(self, backed_up: Any, capsys: Any) -> None:
        call_command("backup")
        assert "is proven" in capsys.readouterr().out
        call_command("verifybackup")
        call_command("jobs")
        assert "backup" in capsys.readouterr().out

    def test_a_failure_is_one_sentence_and_told(self, backed_up: Any, settings: Any) -> None:
        settings.BACKUP_RECIPIENTS = ["age1nothing"]
        with pytest.raises(CommandError, match="wants age public keys"):
            call_command("backup")
        assert Incident.objects.get().key == "job.backup"
        settings.BACKUP_RECIPIENTS = [str(backed_up.to_public())]
        call_command("backup", kind="hourly")
        assert Incident.objects.get().state == Incident.State.RESOLVED


def test_killed_at_any_moment_nothing_stands_under_a_name(backed_up: Any, tmp_path: Path) -> None:
    """kill -9 of the whole process in the middle: what has a name is whole."""
    times, step = (50, 0.05) if os.environ.get("CAMPAIGN") else (5, 0.3)
    env = {
        **os.environ,
        "BACKUP_RECIPIENTS": str(backed_up.to_public()),
        "DJANGO_SETTINGS_MODULE": "autoorder.settings",
    }
    for n in range(times):
        work = subprocess.Popen(
            [sys.executable, "manage.py", "backup"], cwd=ROOT, env=env, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.8 + n * step)
        with suppress(ProcessLookupError):
            os.killpg(work.pid, signal.SIGKILL)
        work.wait()
        Job.objects.filter(state=Job.State.RUNNING).update(lease_until=RealNow() - timedelta(seconds=1))
        mark_broken()
    for folder in ("backups", "offsite"):
        for path in (tmp_path / folder).glob("[!.]*.age"):
            with path.open("rb") as source:
                bundle.read_bundle(source, [backed_up])
    call_command("backup")
    assert not list((tmp_path / "backups").glob(".*")), "what was left behind is removed"
