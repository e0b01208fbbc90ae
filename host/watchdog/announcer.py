"""How `watch` tells people, and the lines it writes down of its own: neither needs a database or Django."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from host import alert_channels

QUIET = 600.0  # seconds in which further deaths of one process are only counted
AGAIN = 20.0  # seconds until what nobody took is brought again
MOST_UNHEARD = 20
LINES_BYTES = 2_000_000
TAIL_BYTES = 20_000  # of the lines, as far back as anybody looks
STAMP = "%Y-%m-%dT%H:%M:%SZ"


class Diary:
    """JSON lines, capped: what was seen and done, readable when the database is not."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **said: Any) -> None:
        """Never raises for what the disk does: who watches goes on."""
        with suppress(OSError):
            self._write(said)

    def _write(self, said: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > LINES_BYTES:
            self.path.replace(self.path.with_suffix(".old"))
        with self.path.open("a") as out:
            out.write(json.dumps({"at": time.strftime(STAMP, time.gmtime()), **said}) + "\n")

    def last(self, seconds: float) -> list[dict[str, Any]]:
        """The newest lines, oldest first, none older than so many seconds. Never raises for what stands there."""
        try:
            lines = self.path.read_bytes()[-TAIL_BYTES:].splitlines()
        except OSError:
            return []
        rows = []
        for line in lines:
            with suppress(ValueError):
                rows.append(json.loads(line))
        since = time.strftime(STAMP, time.gmtime(time.time() - seconds))
        return [row for row in rows if isinstance(row, dict) and str(row.get("at", "")) >= since]


class Herald:
    """Tells people of deaths: the first at once, what follows within QUIET as one number."""

    def __init__(self, diary: Diary, tell: Callable[[str], str] = alert_channels.tell) -> None:
        self.diary, self.tell = diary, tell
        self._told: dict[str, float] = {}
        self._more: dict[str, int] = {}
        self._unheard: list[tuple[str, str]] = []  # text and process of what nobody took yet
        self._tried = 0.0

    def died(self, name: str, now: float) -> None:
        """Seconds are monotonic."""
        self.diary.write(action="died", process=name)
        if now - self._told.get(name, -QUIET) >= QUIET:
            self._told[name] = now
            self._say(f"🔧 Proses {name} berhenti mendadak dan dijalankan lagi; pesanan dan uang aman.", name)
        else:
            self._more[name] = self._more.get(name, 0) + 1

    def recall(self, now: float) -> None:
        """After a restart of ours: count deaths that were announced lately, announce the rest."""
        told, unheard = set(), set()
        for row in self.diary.last(QUIET):
            if row.get("action") == "told":
                told.add(row.get("process"))
                unheard.discard(row.get("process"))
            elif row.get("action") == "died" and row.get("process") not in told:
                unheard.add(row.get("process"))
        self._told = {str(name): now for name in told if name}
        for name in unheard:
            self.died(str(name), now)

    def missing(self, name: str) -> None:
        """It was stopped by somebody and nobody took its place."""
        self.diary.write(action="missing", process=name)
        self._say(f"🔴 Proses {name} dihentikan dan belum berjalan lagi. Selama itu toko tidak melayani sepenuhnya.")

    def sum_up(self, now: float) -> None:
        """Once QUIET is over: how often it happened again. And once more what nobody took."""
        if self._unheard and now - self._tried >= AGAIN:
            self._tried = now
            self._say(*self._unheard.pop(0))
        for name, times in list(self._more.items()):
            if now - self._told[name] >= QUIET:
                del self._more[name]
                self._told[name] = now
                self._say(
                    f"🔧 Proses {name} berhenti {times} kali lagi dalam {QUIET / 60:.0f} menit. Lihat log {name}."
                )

    def _say(self, text: str, process: str = "") -> None:
        """In a thread of its own: a slow way out must not keep us from looking."""

        def run() -> None:
            way = self.tell(text)
            self.diary.write(action="told" if way else "unheard", way=way or "nobody", text=text, process=process)
            if not way and len(self._unheard) < MOST_UNHEARD:
                self._unheard.append((text, process))

        threading.Thread(target=run, name="herald", daemon=True).start()
