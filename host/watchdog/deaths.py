"""Whose leader is gone, who left by intent, and whether time went on as usual."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from host.files import boot_id, replace_file

LEAP = 10.0  # seconds between two looks, or by which the clock was moved, that are no silence of anybody's
SETTLE = 20.0  # seconds after a leap in which nobody counts as silent
ABSENT = 60.0  # seconds after which somebody must have followed


class Roll:
    """Who leads each process: says whose leader is gone since the last look, be it the look of a `watch` that died
    itself.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.known: dict[str, int] = {}
        self._boot = boot_id()
        if path is not None:
            with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
                told = json.loads(path.read_text())
                if told["boot"] == self._boot:  # after a reboot everybody is somebody else
                    self.known = {str(name): int(pid) for name, pid in told["known"].items()}
        self.died_before = bool(self.known)  # who ends in order forgets it

    def deaths(self, now: Mapping[str, set[int]], counted: Collection[str] = ()) -> list[str]:
        """`counted`: names whose mark is a count, where only a higher one is a death: systemd forgets it at a start by
        hand.
        """
        gone = {name: pid for name, pid in self.known.items() if pid not in now.get(name, set())}
        died = [name for name, pid in gone.items() if name not in counted or pid < max(now.get(name, {pid}))]
        known = {name: max(pids) for name, pids in now.items() if pids}
        if known != self.known and self.path is not None:
            with suppress(OSError):
                replace_file(self.path, json.dumps({"boot": self._boot, "known": known}))
        self.known = known
        return died

    def forget(self) -> None:
        """We end in order, and perhaps everybody with us."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()


class Steadiness:
    """Says whether time went on as usual: a machine that slept, or whose clock was set, makes everybody look silent."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None
        self._until = 0.0

    def see(self, wall: float, monotonic: float) -> bool:
        """Seconds since 1970, and monotonic. False for SETTLE seconds after either made a leap."""
        if self._before is not None:
            passed = monotonic - self._before[1]
            if passed > LEAP or abs(wall - self._before[0] - passed) > LEAP:
                self._until = monotonic + SETTLE
        self._before = wall, monotonic
        return monotonic >= self._until


class Absences:
    """Who left on purpose, and whether somebody followed."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def left(self, name: str, now: float) -> None:
        self._since[name] = now

    def overdue(self, running: Mapping[str, set[int]], now: float) -> list[str]:
        """Each name once, when nobody followed within ABSENT. Seconds are monotonic."""
        self._since = {name: at for name, at in self._since.items() if not running.get(name)}
        late = [name for name, at in self._since.items() if now - at >= ABSENT]
        for name in late:
            del self._since[name]
        return late
