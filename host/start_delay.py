"""A growing pause before a start, for a process that keeps dying young. Standard library only.

Supervisor would wait a second longer each time without end, and systemd before 254 (Debian 12 has 252) cannot grow its
pause at all: so both start at once and the pause is ours, the same in a try-out and in production.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from host.files import replace_file

PAUSES = (0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds before the start that follows so many short lives
UNCOUNTED = 1.0  # seconds before a start whose life cannot be counted
YOUNG = 10.0  # seconds: who lived longer starts at once again
MOST = float(os.environ.get("AUTOORDER_LONGEST_PAUSE", PAUSES[-1]))  # drills shorten it


def pause_before(short_lives: int) -> float:
    """Seconds to wait. It never gives up: the longest pause repeats for ever."""
    return min(PAUSES[min(short_lives, len(PAUSES) - 1)], MOST)


def short_lives(note: Path, now: float) -> int:
    """How many lives in a row ended young; counts the one that ends with this start. Seconds since 1970.

    A start that lies in the future (the machine's clock was set back) counts as long ago.
    """
    try:
        before = json.loads(note.read_text())
        lived, lives = now - float(before["started"]), int(before["short_lives"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return lives + 1 if 0 <= lived < YOUNG else 0


def wait_before_start(name: str, folder: Path) -> None:
    """Sleep as long as the last lives of `name` ask for, and note that it starts now. A full disk keeps nobody from
    starting, but costs a second: nobody counts the lives then."""
    note = folder / f"{name}.start"
    lives = short_lives(note, time.time())
    time.sleep(pause_before(lives))
    try:
        replace_file(note, json.dumps({"started": time.time(), "short_lives": lives}))
    except OSError:
        time.sleep(UNCOUNTED)
