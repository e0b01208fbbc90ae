"""`watch`: looks at the heartbeats and ends what hangs; its supervisor starts it anew.

No database, no Django: it must work when they do not. Keeps JSON lines of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from apps.base.heartbeats import folder, silence
from apps.base.tether import die_with_parent

HUNG = 30.0  # seconds without a sign of life
YOUNG = 20.0  # seconds a process may take to give its first sign
LOOK = 2.0
LINES_BYTES = 2_000_000
WATCHED = {"worker": "runcluster", "bot": "runbot"}  # heartbeat → word on its command line


def processes(word: str, home: str) -> list[tuple[int, float]]:
    """Process ids and ages (seconds) of `manage.py WORD` of this checkout, leaders of their group only."""
    found = []
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().split(b"\0")
            if word.encode() not in line or str((entry / "cwd").readlink()) != home:
                continue
            started = float((entry / "stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
            if os.getpgid(int(entry.name)) == int(entry.name):
                found.append((int(entry.name), uptime - started))
        except (OSError, ValueError):
            continue
    return found


class Diary:
    """JSON lines, capped: what was seen and done, readable when the database is not."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **said: Any) -> None:
        if self.path.exists() and self.path.stat().st_size > LINES_BYTES:
            self.path.replace(self.path.with_suffix(".old"))
        with self.path.open("a") as out:
            out.write(json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **said}) + "\n")


def look(diary: Diary, home: str) -> list[int]:
    """One round: kill the group of every process that hangs; returns the ids killed."""
    killed = []
    for name, word in WATCHED.items():
        quiet = silence(name)
        for pid, age in processes(word, home):
            if age < YOUNG or (quiet is not None and quiet < HUNG) or age < HUNG:
                continue
            diary.write(action="killed_hung", process=name, pid=pid, silent=quiet)
            print(f"{name} gave no sign for {quiet} s: ended, its supervisor starts it anew", flush=True)
            os.killpg(pid, signal.SIGKILL)
            killed.append(pid)
    return killed


def main() -> int:
    """Loop until stopped."""
    die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    diary = Diary(folder().parent / "watch.jsonl")
    diary.write(action="started", pid=os.getpid())
    home = str(Path.cwd())
    while True:
        look(diary, home)
        time.sleep(LOOK)
