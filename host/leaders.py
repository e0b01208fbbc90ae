"""Who leads each process of the shop, as it noted itself when it started (host/launch.py). Standard library only.

A note, since /proc hides much: on a server each unit has a user namespace of its own (PrivateUsers).
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from host.environment import run_folder
from host.files import boot_id, replace_file


def note_leader(name: str, folder: Path) -> None:
    """The calling process leads from now on. Where the note cannot be written, `watch` does not know of it."""
    own = _seen(os.getpid())
    known = {"pid": os.getpid(), "boot": boot_id(), "since": time.monotonic(), "began": own and own[1]}
    with suppress(OSError):
        replace_file(_note(name, folder), json.dumps(known))


def leader_of(name: str, parent: int | None = None) -> tuple[int, float] | None:
    """Process id and age in seconds; None when nobody leads. One that hangs before it noted itself is found among the
    children of `parent` (else of our own), where they can be seen: on a server systemd ends it (TimeoutStartSec).
    """
    try:
        told = json.loads(_note(name, run_folder()).read_text())
        pid, age = int(told["pid"]), time.monotonic() - float(told["since"])
        if told["boot"] == boot_id() and _still(pid, told.get("began")):
            return pid, age
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return _starting(name, os.getppid() if parent is None else parent)


def _still(pid: int, began: int | None) -> bool:
    """Whether the process that noted itself is alive: whoever has its number since is somebody else, and is not ended.
    Raises ProcessLookupError, PermissionError.
    """
    os.kill(pid, 0)
    now = _seen(pid)
    return now is None or now[1] == began  # hidden from us: a server's unit, alone under its user


def _starting(name: str, parent: int) -> tuple[int, float] | None:
    """A launcher of this name that has not noted itself yet."""
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            line = (entry / "cmdline").read_text().split("\0")
            words = [word for word in line[line.index("host.launch") + 1 :] if word != "--door"]
            seen = _seen(int(entry.name))
            if words[:2] == ["--as", name] and seen is not None and seen[0] == parent:
                return int(entry.name), uptime - seen[1] / os.sysconf("SC_CLK_TCK")
    return None


def _seen(pid: int) -> tuple[int, int] | None:
    """A process' parent and its start in clock ticks after the machine's (proc(5)); None where it is hidden or gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(stat[1]), int(stat[19])
    except (OSError, ValueError, IndexError):
        return None


def _note(name: str, folder: Path) -> Path:
    return folder / f"{name}.leader"
