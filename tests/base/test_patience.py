"""A process that keeps dying young is started again more and more slowly, and for ever."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from host import heartbeats, start_delay
from host.environment import ROOT


def test_pauses_grow_and_never_end() -> None:
    assert [start_delay.pause_before(n) for n in (0, 1, 2, 3, 4, 5, 6, 200)] == [0, 0, 1, 2, 4, 8, 15, 15]


def test_short_lives_are_counted_and_a_long_one_starts_afresh(tmp_path: Path) -> None:
    note = tmp_path / "bot.start"
    assert start_delay.short_lives(note, 1000.0) == 0
    note.write_text('{"started": 1000.0, "short_lives": 3}')
    assert start_delay.short_lives(note, 1002.0) == 4
    assert start_delay.short_lives(note, 1011.0) == 0
    assert start_delay.short_lives(note, 900.0) == 0, "the machine's clock was set back"


@pytest.mark.parametrize("rubbish", ["", "null", "[]", '{"started": "x"}'])
def test_a_broken_note_is_no_reason_not_to_start(tmp_path: Path, rubbish: str) -> None:
    (tmp_path / "bot.start").write_text(rubbish)
    start_delay.wait_before_start("bot", tmp_path)
    assert start_delay.short_lives(tmp_path / "bot.start", time.time()) == 1


def test_the_tether_waits_and_then_becomes_the_program(tmp_path: Path) -> None:
    env = {**os.environ, "AUTOORDER_RUN": str(tmp_path)}
    command = [sys.executable, "-m", "host.launch", "--as", "demo", sys.executable, "-c", "print('here')"]
    began = time.monotonic()
    for _ in range(3):
        run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        assert run.stdout == "here\n"
    assert time.monotonic() - began > 1.0, "the third start after two short lives waits a second"


def test_a_beat_is_heard_by_systemd(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(2)
        heartbeats.beat("bot")
        assert ear.recv(100) == b"READY=1\nWATCHDOG=1"
        heartbeats.note("web")  # of somebody else: feeds no watchdog of ours
        ear.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ear.recv(100)
    assert heartbeats.silence("bot") is not None


def test_a_web_process_that_does_not_answer_is_ended(tmp_path: Path, monkeypatch: Any) -> None:
    """`watch` asks it: a master whose children hang is killed with its whole group."""
    from host.watchdog import main

    monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path))
    stuck = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "gunicorn"], start_new_session=True)
    try:
        monkeypatch.setattr(main, "HUNG", 0.3)
        diary = main.Diary(tmp_path / "watch.jsonl")
        leaders = {"web": (stuck.pid, 60.0)}
        heartbeats.note("web")
        assert main.look(diary, leaders) == []
        time.sleep(0.5)
        assert main.look(diary, leaders) == [stuck.pid]
        assert stuck.wait(5) == -signal.SIGKILL
    finally:
        stuck.kill()
