"""Somebody else who polls with our token. Telegram ends the older of two getUpdates with a 409, so that each of us wins
some.
"""

from __future__ import annotations

import time
from collections import deque

from telegram.error import Conflict

WITHIN = 60.0  # seconds
ENOUGH = 3  # ends of our poll by another within them; a leader that has just been replaced makes one
GONE = 600.0  # seconds without one until it counts as over
TERMINATED = "terminated by other getUpdates"  # Telegram's words; a webhook has others


class Rival:
    """Fed with what ends our polls; says whether another one polls. Seconds are monotonic."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=ENOUGH)

    def note(self, conflict: Conflict) -> None:
        if TERMINATED in conflict.message:
            self._ends.append(time.monotonic())

    def is_there(self, now: float) -> bool | None:
        """True: another one polls. False: nobody has for a while. None: too early to say."""
        if len(self._ends) == ENOUGH and self._ends[-1] - self._ends[0] <= WITHIN and now - self._ends[-1] < GONE:
            return True
        return False if not self._ends or now - self._ends[-1] >= GONE else None
