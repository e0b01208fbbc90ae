"""Primary keys known before the insert: UUID version 7 (RFC 9562), time-ordered, so that indexes grow at their end."""

from __future__ import annotations

import os
import threading
import time
import uuid
from datetime import datetime

_lock = threading.Lock()
_last = 0


def sequence_number() -> int:
    """A growing 63-bit number: the time part of a UUIDv7."""
    return uuid7().int >> 64


def floor_of(at: datetime) -> uuid.UUID:
    """The least key that a row made at `at` can have: finds rows by age without a column for it."""
    return uuid.UUID(int=max(0, int(at.timestamp() * 1000)) << 80)


def uuid7() -> uuid.UUID:
    """A new UUIDv7; within one process each is greater than the one before."""
    global _last
    with _lock:
        # 48 bits of milliseconds and 12 bits of fraction, as RFC 9562 method 3 allows
        ticks = time.time_ns() * 4096 // 1_000_000
        _last = ticks = max(ticks, _last + 1)
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | random
    return uuid.UUID(int=value)
