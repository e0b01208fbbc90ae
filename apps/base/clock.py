"""One clock for all code: database time through the SQL function shop_now()."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, models
from django.db.models.functions import Now


class ShopNow(models.Func):
    """`shop_now()` in a query, or as a column's default."""

    function = "shop_now"
    template = "%(function)s()"
    output_field = models.DateTimeField()


class RealNow(Now):
    """The database's own time, which no test or drill shifts: for leases and claims."""


class ClockOffset(models.Model):
    """How far shop time runs ahead of database time. Empty in a real shop."""

    ahead = models.DurationField(default=timedelta())

    class Meta:
        app_label = "base"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="clock_offset_one_row")]


class ClockIsReal(Exception):
    """Only tests, sandbox and drills may shift the clock."""


def shop_now() -> datetime:
    """Shop time, aware, constant within a transaction. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT shop_now()")
        return cursor.fetchone()[0]


def shift_clock(by: timedelta) -> None:
    """Move shop time forward by `by`. Raises ClockIsReal in a real shop."""
    if not settings.CLOCK_MAY_SHIFT:
        raise ClockIsReal
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO base_clockoffset (id, ahead) VALUES (1, %s::interval)"
            " ON CONFLICT (id) DO UPDATE SET ahead = base_clockoffset.ahead + EXCLUDED.ahead",
            [str(by.total_seconds()) + " seconds"],
        )
