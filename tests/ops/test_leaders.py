"""A process notes itself when it starts; nobody looks into others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from host import leaders
from host.environment import ROOT


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path))


def test_the_started_program_leads_until_it_ends() -> None:
    line = [
        sys.executable,
        "-m",
        "host.launch",
        "--as",
        "demo",
        sys.executable,
        "-c",
        "import time; time.sleep(30)",
    ]
    demo = subprocess.Popen(line, cwd=ROOT)
    try:
        until = time.monotonic() + 10
        while leaders.leader_of("demo") is None and time.monotonic() < until:
            time.sleep(0.01)
        pid, age = leaders.leader_of("demo") or (0, -1.0)
        assert pid == demo.pid
        assert 0 <= age < 10
    finally:
        demo.kill()
        demo.wait()
    assert leaders.leader_of("demo") is None


def test_who_waits_before_its_start_leads_already(tmp_path: Path) -> None:
    """Stopped in that pause, it must be ended like any other."""
    (tmp_path / "demo.start").write_text(json.dumps({"started": time.time() - 1, "short_lives": 6}))
    demo = subprocess.Popen([sys.executable, "-m", "host.launch", "--as", "demo", "true"], cwd=ROOT)
    try:
        until = time.monotonic() + 10
        while leaders.leader_of("demo") is None and time.monotonic() < until:
            time.sleep(0.01)
        assert (leaders.leader_of("demo") or (0, 0.0))[0] == demo.pid
        assert demo.poll() is None, "its pause is 15 s"
    finally:
        demo.kill()
        demo.wait()


def test_one_that_hangs_before_it_noted_itself_is_found() -> None:
    words = ["-m", "host.launch", "--door", "--as", "demo", "gunicorn"]
    stuck = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)", *words])
    try:
        until = time.monotonic() + 5  # an exec has its command line a moment after Popen returns
        while leaders.leader_of("demo", os.getpid()) is None and time.monotonic() < until:
            time.sleep(0.01)
        pid, age = leaders.leader_of("demo", os.getpid()) or (0, -1.0)
        assert pid == stuck.pid
        assert -1 < age < 10
        assert leaders.leader_of("dem", os.getpid()) is None
        assert leaders.leader_of("demo") is None, "another shop's"
    finally:
        stuck.kill()
        stuck.wait()


def test_after_a_reboot_the_number_is_somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaders.note_leader("demo", tmp_path)
    assert leaders.leader_of("demo") is not None
    monkeypatch.setattr(leaders, "boot_id", lambda: "another")
    assert leaders.leader_of("demo") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}'])
def test_rubbish_leads_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "demo.leader").write_text(text)
    assert leaders.leader_of("demo") is None


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    leaders.note_leader("demo", tmp_path / "nowhere")


def test_whoever_has_the_number_since_is_not_taken_for_it(tmp_path: Path) -> None:
    leaders.note_leader("demo", tmp_path)
    note = tmp_path / "demo.leader"
    told = json.loads(note.read_text())
    note.write_text(json.dumps({**told, "began": told["began"] - 1}))
    assert leaders.leader_of("demo") is None


def test_one_that_is_hidden_from_us_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaders.note_leader("demo", tmp_path)
    monkeypatch.setattr(leaders, "_seen", lambda pid: None)
    assert (leaders.leader_of("demo") or (0, 0.0))[0] == os.getpid()
