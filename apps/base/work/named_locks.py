"""Locks by name, held to the end of the transaction: for work that must not run twice at once and has no one row to
lock.
"""

from __future__ import annotations

import hashlib

from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

WAIT = 20  # seconds


class StillBusy(Exception):
    """Somebody else has held the lock for longer than we wait."""


def hold_lock(name: str, *, wait: int = WAIT) -> None:
    """Wait for the lock `name` (`wait` seconds at most) and hold it until the transaction ends. Raises StillBusy; the
    transaction is over then."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait}s"])
        try:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise StillBusy(name) from error
            raise
        cursor.execute("SELECT set_config('lock_timeout', '0', true)")
