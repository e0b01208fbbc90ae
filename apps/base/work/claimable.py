"""The Claimable row: work with a life story. The row is the truth, the queue only a bell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from django.db import DatabaseError, connection, models
from django.db.models import Q

from apps.base.clock import ShopNow, shop_now
from apps.base.fast_rows import columns_of, from_row

log = logging.getLogger(__name__)

ERROR_CHARS = 500


class Claimable(models.Model):
    """Columns of a row that waits to be worked on.

    `next_at` (shop time) is when the clock rings `BELL` with the primary key; NULL means final.
    `claimed_until` (database time) keeps a second worker away. `attempts` counts before the work, so that a row
    that kills its worker is counted too; after the last of `DELAYS` it becomes a dead letter (`dead_at`).
    """

    BELL: ClassVar[str] = ""
    STEP: ClassVar[timedelta] = timedelta(seconds=30)
    LEASE: ClassVar[timedelta] = timedelta(seconds=90)
    DELAYS: ClassVar[tuple[int, ...]] = (1, 5, 30, 120, 600)  # seconds after the 1st, 2nd … failure

    attempts = models.PositiveSmallIntegerField("percobaan", default=0)
    next_at = models.DateTimeField("giliran berikut", null=True, blank=True, db_default=ShopNow())
    rung_at = models.DateTimeField("terakhir dibunyikan", null=True, blank=True)
    claimed_until = models.DateTimeField("dipegang sampai", null=True, blank=True)
    last_error = models.TextField("masalah terakhir", blank=True, default="")
    dead_at = models.DateTimeField("berhenti dicoba", null=True, blank=True)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Claimable)


def due_index(name: str) -> models.Index:
    """The index by which the clock finds due rows whatever the history."""
    return models.Index(fields=["next_at"], name=name, condition=Q(next_at__isnull=False))


def dead_index(name: str) -> models.Index:
    """The index by which dead letters are found whatever the history."""
    return models.Index(fields=["-dead_at"], name=name, condition=Q(dead_at__isnull=False))


CLAIM = """
UPDATE {table} AS r SET attempts = attempts + 1, claimed_until = clock_timestamp() + make_interval(secs => %(lease)s),
    next_at = shop_now() + make_interval(secs => %(lease)s)
WHERE id = %(pk)s AND next_at IS NOT NULL
  AND (claimed_until IS NULL
    OR NOT claimed_until BETWEEN clock_timestamp() AND clock_timestamp() + make_interval(secs => %(lease)s))
RETURNING {columns}
"""


def claim(model: type[Row], pk: Any) -> Row | None:
    """Take the row for LEASE and count the attempt. None: final, or somebody else has it.

    A claim that lasts longer than a lease was made before the database's clock was set back: it holds nobody off.
    """
    sql = CLAIM.format(table=model._meta.db_table, columns=columns_of(model, "r"))
    with connection.cursor() as cursor:
        cursor.execute(sql, {"lease": model.LEASE.total_seconds(), "pk": pk})
        found = cursor.fetchone()
    return from_row(model, found) if found else None


def release(row: Claimable, again: datetime | None) -> None:
    """End the work well: final when `again` is None, else ring then.

    A `next_at` that somebody moved meanwhile (a cancel during a status call) is left as they set it. A claim that ran
    out, and that somebody else has taken since, changes nothing; so it is for `postpone` and `bury`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET claimed_until = NULL, attempts = 0, last_error = '',"
            " next_at = CASE WHEN next_at = %s THEN %s ELSE next_at END"
            " WHERE id = %s AND claimed_until IS NOT DISTINCT FROM %s",
            [row.next_at, again, row.pk, row.claimed_until],
        )


def _end(row: Claimable, **values: Any) -> bool:
    """Write how a claim ended; False when it is no longer the caller's."""
    mine = type(row)._default_manager.filter(pk=row.pk, claimed_until=row.claimed_until)
    return bool(mine.update(claimed_until=None, **values))


def postpone(row: Claimable, error: str) -> None:
    """End the work badly: later with a growing delay, or a dead letter after the last."""
    if row.attempts > len(row.DELAYS):
        bury(row, error)
        return
    delay = timedelta(seconds=row.DELAYS[row.attempts - 1])
    _end(row, last_error=error[:ERROR_CHARS], next_at=ShopNow() + delay)


def bury(row: Claimable, error: str) -> None:
    """Make the row a dead letter: it rings no more until somebody revives it, and the owner hears of it."""
    if not _end(row, last_error=error[:ERROR_CHARS], next_at=None, dead_at=ShopNow()):
        return
    log.error("a row became a dead letter", extra={"action": "dead_letter", "row": f"{row._meta.label}:{row.pk}"})
    for listener in ON_DEAD_LETTER:
        listener(row, error)


def revive(row: Claimable) -> None:
    """Give a dead letter a fresh life: no attempts, due now."""
    type(row)._default_manager.filter(pk=row.pk).update(attempts=0, dead_at=None, next_at=ShopNow(), last_error="")


ON_DEAD_LETTER: list[Callable[[Claimable, str], None]] = []


def work(model: type[Row], pk: Any, do: Callable[[Row], datetime | timedelta | None]) -> None:
    """Claim a row, do its work, record how it ended. Safe to call twice and at any time.

    `do` returns None when the row is final, else when to ring again. What it raises is recorded and tried later;
    a lost database connection is passed on, since nothing can be recorded then (the claim runs out by itself).
    """
    row = claim(model, pk)
    if row is None:
        return
    if row.attempts > len(model.DELAYS) + 1:  # it never came back to say how it went
        bury(row, row.last_error or "the worker died each time")
        return
    try:
        again = do(row)
    except DatabaseError as error:
        log.exception("work failed in the database", extra={"action": "work_failed"})
        postpone(row, f"{type(error).__name__}: {error}")
    except Exception as error:
        log.exception("work failed", extra={"action": "work_failed", "row": f"{row._meta.label}:{row.pk}"})
        postpone(row, f"{type(error).__name__}: {error}")
    else:
        release(row, shop_now() + again if isinstance(again, timedelta) else again)
