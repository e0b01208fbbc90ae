"""The web process' socket outlives it: who calls meanwhile waits, and is refused by nobody."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.postgres import CannotStart
from host.web_socket import open_door
from tests.plugin import ROOT, free_port

ANSWER = "import socket; s = socket.socket(fileno=3).accept()[0]; s.sendall(b'here'); s.close()"
ASK = (
    "import os, sys; print(os.environ.get('AUTOORDER_DOOR'), [n for n in map(int, sys.argv[1:]) if"
    " os.path.exists(f'/proc/self/fd/{n}')])"
)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def door(port: int) -> Iterator[int]:
    number = open_door("127.0.0.1", port)
    yield number
    os.close(number)


def start(door: int, tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "AUTOORDER_DOOR": str(door), "AUTOORDER_RUN": str(tmp_path)}
    command = [sys.executable, "-m", "host.launch", *words]
    return subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=[door], stdout=subprocess.PIPE, text=True)


def test_a_call_between_two_lives_waits_for_the_second(door: int, port: int, tmp_path: Path) -> None:
    first = start(door, tmp_path, "--door", "--as", "web", sys.executable, "-c", ANSWER)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as call:
        assert call.recv(10) == b"here"
    first.wait(10)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as call:  # nobody is there
        second = start(door, tmp_path, "--door", "--as", "web", sys.executable, "-c", ANSWER)
        assert call.recv(10) == b"here"
    second.wait(10)


def test_nobody_else_keeps_it_open(door: int, tmp_path: Path) -> None:
    other = start(door, tmp_path, "--as", "bot", sys.executable, "-c", ASK, str(door), "3")
    assert other.communicate(timeout=10)[0] == "None []\n"


def test_what_systemd_passes_is_left_alone(door: int, tmp_path: Path) -> None:
    """On a server the socket comes as file 3 from systemd, and no door is named."""
    script = (
        f"import os; os.dup2({door}, 3); os.execvp('{sys.executable}', ['python', '-m', 'host.launch',"
        f" '{sys.executable}', '-c', 'import os; print(os.path.exists(\"/proc/self/fd/3\"))'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, pass_fds=[door], capture_output=True, text=True, check=True
    )
    assert run.stdout == "True\n"


def test_a_taken_port_is_one_sentence(door: int, port: int) -> None:
    with pytest.raises(CannotStart, match=f"PORT={port + 1} make run"):
        open_door("127.0.0.1", port)
