"""Opening hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.orders.services import opening_hours

JAKARTA = ZoneInfo("Asia/Jakarta")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=JAKARTA)


@pytest.fixture
def day_shop(db: object) -> None:
    opening_hours.OPENS.set("08:00", actor="test")
    opening_hours.CLOSES.set("22:00", actor="test")
    opening_hours.QUIET_FROM.set("21:00", actor="test")
    opening_hours.QUIET_TO.set("08:00", actor="test")


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        (at(24, 10), 60, at(24, 11)),
        (at(24, 21, 30), 60, at(25, 8, 30)),
        (at(24, 23), 60, at(25, 9)),
        (at(24, 3), 60, at(24, 9)),
        (at(24, 21), 60, at(24, 22)),
        (at(24, 10), 14 * 60 + 30, at(25, 10, 30)),
    ],
)
def test_a_promise_counts_opening_hours(day_shop: None, start: datetime, minutes: int, end: datetime) -> None:
    assert opening_hours.add_working_time(start, timedelta(minutes=minutes)) == end


def test_a_shop_that_is_open_past_midnight(day_shop: None) -> None:
    opening_hours.OPENS.set("18:00", actor="test")
    opening_hours.CLOSES.set("02:00", actor="test")
    assert opening_hours.add_working_time(at(24, 1, 30), timedelta(hours=1)) == at(24, 18, 30)
    assert opening_hours.is_open(at(24, 1))
    assert not opening_hours.is_open(at(24, 3))


def test_quiet_hours_end_in_the_morning(day_shop: None) -> None:
    assert opening_hours.after_quiet(at(24, 22)) == at(25, 8)
    assert opening_hours.after_quiet(at(24, 2)) == at(24, 8)
    assert opening_hours.after_quiet(at(24, 12)) == at(24, 12)


@given(st.integers(0, 24 * 60 - 1), st.integers(1, 5000), st.integers(0, 23), st.integers(0, 23))
def test_working_time_is_never_short(start: int, minutes: int, opens: int, closes: int) -> None:
    """Counted minute by minute, the span between start and end holds just so many open minutes."""
    begin = at(24, 0) + timedelta(minutes=start)
    opening_hours.OPENS._value, opening_hours.CLOSES._value = f"{opens:02d}:00", f"{closes:02d}:00"
    opening_hours.OPENS._read = opening_hours.CLOSES._read = 1e12
    try:
        end = opening_hours.add_working_time(begin, timedelta(minutes=minutes))
    finally:
        opening_hours.OPENS._read = opening_hours.CLOSES._read = -1e9
    worked = sum(
        is_open(begin + timedelta(minutes=m), opens, closes) for m in range(int((end - begin).total_seconds() // 60))
    )
    assert worked == minutes


def is_open(moment: datetime, opens: int, closes: int) -> bool:
    if opens == closes:
        return True
    if opens < closes:
        return opens <= moment.hour < closes
    return moment.hour >= opens or moment.hour < closes
