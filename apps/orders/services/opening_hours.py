"""When people work: opening hours for what is made by hand, and quiet hours for reminders.

Business numbers of defaults: 08.00 to 22.00 open, 21.00 to 08.00 quiet, in the shop's time zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from django.utils import timezone

from apps.base.stored_settings import Setting

OPENS = Setting("opens_at", "08:00", "Buka jam", "Jam kerja untuk yang diproses manual.", is_time=True)
CLOSES = Setting("closes_at", "22:00", "Tutup jam", "Sama dengan jam buka berarti 24 jam.", is_time=True)
QUIET_FROM = Setting("quiet_from", "21:00", "Jam tenang mulai", "Pengingat tidak dikirim di jam tenang.", is_time=True)
QUIET_TO = Setting("quiet_to", "08:00", "Jam tenang sampai", is_time=True)

DAYS = 400  # looked ahead; a promise is never longer


def time_of_day(text: str) -> time:
    """`08:00` or `08.00`. Raises ValueError."""
    hours, _, minutes = text.strip().replace(".", ":").partition(":")
    return time(int(hours), int(minutes or 0))


def _windows(opens: time, closes: time, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The open spans from the day before `start` on, in its time zone. A span may pass midnight."""
    zone = timezone.get_default_timezone()
    day = timezone.localtime(start, zone).date() - timedelta(days=1)
    for _ in range(DAYS):
        end_day = day if closes > opens else day + timedelta(days=1)
        yield datetime.combine(day, opens, zone), datetime.combine(end_day, closes, zone)
        day += timedelta(days=1)


def add_working_time(start: datetime, span: timedelta) -> datetime:
    """`start` plus `span`, counting opening hours only."""
    opens, closes = time_of_day(OPENS.get()), time_of_day(CLOSES.get())
    if opens == closes:
        return start + span
    left = span
    for begin, end in _windows(opens, closes, start):
        here = max(begin, start)
        if here >= end:
            continue
        if here + left <= end:
            return here + left
        left -= end - here
    return start + span


def is_open(at: datetime) -> bool:
    """Whether somebody is there to make things by hand."""
    return add_working_time(at, timedelta(seconds=1)) == at + timedelta(seconds=1)


def after_quiet(at: datetime) -> datetime:
    """`at`, or the end of the quiet hours it falls in."""
    begins, ends = time_of_day(QUIET_FROM.get()), time_of_day(QUIET_TO.get())
    if begins == ends:
        return at
    for begin, end in _windows(begins, ends, at):
        if begin <= at < end:
            return end
        if begin > at:
            break
    return at
