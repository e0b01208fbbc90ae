"""Run a program that dies with its parent: `python -m host.launch [--signal NAME] [--door] [--as NAME] PROGRAM …`.

`--as NAME`: under this name, by which `watch` finds it (host.leaders), with a growing pause when it keeps dying young
(host.start_delay).
`--door`: with the socket that `up` holds (host.web_socket), handed over as systemd does it.

Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere the program simply runs. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from host.environment import run_folder
from host.leaders import note_leader
from host.start_delay import wait_before_start

PR_SET_PDEATHSIG = 1
FIRST_PASSED = 3  # sd_listen_fds(3): the first file a supervisor passes


def die_with_parent(sig: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send us `sig` when the thread that forked us ends; survives exec."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
    if os.getppid() != parent:  # it died between fork and prctl
        os.kill(os.getpid(), sig)


def where_lives_are_counted() -> Path:
    """Settings that cannot be read are told by the program itself; nobody may come back every tenth of a second because
    of them.
    """
    try:
        return run_folder()
    except (OSError, ValueError):
        return Path("/nonexistent")


def take_door(*, wanted: bool) -> None:
    """Pass the listening socket on as systemd does: sd_listen_fds(3), which gunicorn reads; exec keeps our process id.

    Not `wanted`: close it, for nobody else may keep it open.
    """
    door = int(os.environ.pop("AUTOORDER_DOOR", -1))
    if door < 0:
        return
    if wanted:
        os.dup2(door, FIRST_PASSED)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    os.close(door)


def main(argv: list[str]) -> None:
    sig = signal.SIGKILL
    if argv[:1] == ["--signal"]:
        sig, argv = signal.Signals[argv[1]], argv[2:]
    die_with_parent(sig)
    wanted = argv[:1] == ["--door"]
    take_door(wanted=wanted)
    if wanted:
        argv = argv[1:]
    if argv[:1] == ["--as"]:
        folder = where_lives_are_counted()
        note_leader(argv[1], folder)  # one that hangs in its pause is ended too
        wait_before_start(argv[1], folder)
        note_leader(argv[1], folder)  # its first sign of life is due from here on
        argv = argv[2:]
    os.execvp(argv[0], argv)  # noqa: S606  # nosec B606: the program is named by our own supervisor file


if __name__ == "__main__":
    main(sys.argv[1:])
