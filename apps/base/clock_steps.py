"""Steps of the database's clock: noticed by the monotonic clock, told, and followed, so that a step frees and delays
nothing.

What was to happen in ten minutes still happens in ten minutes. Days (the end of a duration, a report) are left as they
are."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils.module_loading import import_string

from apps.base.incidents import raise_incident
from apps.base.work.claimable import Claimable

log = logging.getLogger(__name__)

STEP = 30.0  # seconds that count as a step
SLOW = 5.0  # seconds after which an answer says nothing about the time
AGAIN = 60  # seconds in which all who run a clock see the same step

# of several processes that see one step, the first follows it
MINE = """
INSERT INTO base_storedsetting (name, value)
VALUES ('clock_step_followed_at', to_jsonb(extract(epoch FROM clock_timestamp())))
ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value
WHERE abs((base_storedsetting.value)::numeric - (EXCLUDED.value)::numeric) > %s
RETURNING 1
"""


class ClockWatch:
    """Fed once a second; says how far the database's clock has moved beside this machine's monotonic one since the last
    look.
    """

    def __init__(self, monotonic: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)) -> None:
        self._monotonic = monotonic  # it counts on while the machine sleeps
        self._last: tuple[float, datetime] | None = None

    def look(self, ask: Callable[[], datetime]) -> float:
        """Seconds of a step, forward or (negative) back; 0 for none, and at the first look."""
        before = self._monotonic()
        now = ask()
        after = self._monotonic()
        last, self._last = self._last, ((before + after) / 2, now)
        if last is None or after - before > SLOW:
            return 0.0
        moved = (now - last[1]).total_seconds() - ((before + after) / 2 - last[0])
        return moved if abs(moved) > STEP else 0.0


def database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def follow(seconds: float) -> bool:
    """Move everything that waits by the step, once for all processes, and tell people. False when another process has
    done it.
    """
    by = timedelta(seconds=seconds)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(MINE, [AGAIN])
            if cursor.fetchone() is None:
                return False
        for model in apps.get_models():
            if issubclass(model, Claimable):
                model._default_manager.filter(next_at__isnull=False).update(next_at=F("next_at") + by)
        for task in settings.CLOCK_STEPPED:
            import_string(task)(by)
        raise_incident("clock.step", "clock_stepped", needs_hand=False, seconds=round(seconds))
    log.error("the database's clock was set", extra={"action": "clock_step", "seconds": round(seconds)})
    return True
