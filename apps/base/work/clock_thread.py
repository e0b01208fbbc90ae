"""The clock: once a second, one bell for every due row of every registered model."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.apps import apps
from django.db import OperationalError, connection, transaction

from apps.base.clock_steps import ClockWatch, database_time, follow
from apps.base.work.claimable import Claimable
from apps.base.work.enqueue import ring_by_clock

log = logging.getLogger(__name__)

BATCH = 500  # rows of one model a tick
SECOND = 1.0

# MATERIALIZED: inside an IN, a plan by nested loops would run the inner query again for every row, past its LIMIT
STRIKE = """
WITH chosen AS MATERIALIZED (
  SELECT id FROM {table} WHERE next_at <= shop_now() ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE {table} SET rung_at = now(), next_at = shop_now() + make_interval(secs => %s)
WHERE id = ANY(ARRAY(SELECT id FROM chosen))
RETURNING id
"""


def ringing_models() -> list[type[Claimable]]:
    """Every concrete Claimable with a bell (the outbox has none: its sender looks for itself)."""
    return [m for m in apps.get_models() if issubclass(m, Claimable) and m.BELL]


def tick() -> int:
    """Ring every due row once; returns how many. A row rings at most once a STEP however long the queue is down."""
    rung = 0
    for model in ringing_models():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(STRIKE.format(table=model._meta.db_table), [BATCH, model.STEP.total_seconds()])
            due = [row[0] for row in cursor.fetchall()]
            for pk in due:
                ring_by_clock(model.BELL, pk)
        rung += len(due)
    return rung


def run_clock(stop: threading.Event, each_second: Callable[[], None] = lambda: None) -> None:
    """Tick until stopped. A database that is away is waited for; a step of its clock is followed before a tick."""
    watch = ClockWatch()
    while not stop.wait(SECOND):
        try:
            if step := watch.look(database_time):
                follow(step)
            tick()
            each_second()
        except OperationalError:
            log.warning("the clock waits for the database", extra={"action": "clock_waits"})
            connection.close()
        except Exception:
            log.exception("the clock stumbled", extra={"action": "clock_failed"})
            connection.close()
