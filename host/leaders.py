"""Who leads each process of the shop, as it noted itself when it started (host/launch.py). Standard library only.

Not read from /proc: on a server each unit has a user namespace of its own (PrivateUsers) and cannot see into another's.
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
    known = {"pid": os.getpid(), "boot": boot_id(), "since": time.monotonic()}
    with suppress(OSError):
        replace_file(_note(name, folder), json.dumps(known))


def leader_of(name: str) -> tuple[int, float] | None:
    """Process id and age in seconds; None when nobody leads."""
    try:
        told = json.loads(_note(name, run_folder()).read_text())
        pid, age = int(told["pid"]), time.monotonic() - float(told["since"])
        if told["boot"] != boot_id():
            return None
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid, age


def _note(name: str, folder: Path) -> Path:
    return folder / f"{name}.leader"
