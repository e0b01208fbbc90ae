"""When backups are due: the database every hour, everything each day at 02.30, on Sundays as the weekly one."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from apps.base.clock import shop_now
from apps.ops.jobs.desk import ask_for, mark_broken
from apps.ops.models import Backup, Job, Routine
from host.environment import run_folder
from host.job_bell import ring

EVERY = timedelta(minutes=1)
AT = (2, 30)  # local time of the daily one
SUNDAY = 6
AGAIN = timedelta(minutes=10)  # after one that failed


def look(routine: Routine) -> datetime:
    """Routine: ask for what is due, mark jobs whose process is gone, and ring for those that wait."""
    now = shop_now()
    mark_broken()
    if Job.objects.filter(state=Job.State.WAITING).exists():
        ring(run_folder())  # the bell was lost, or nobody has heard it yet
    if settings.BACKUP_RECIPIENTS:
        good = Backup.objects.filter(read_back_at__isnull=False)
        whole = good.filter(whole=True)
        if (newest := _newest(whole)) is None or hour_of(newest) < hour_of(now):
            whole = whole.filter(proven_at__isnull=False)  # one that was not proven is made again in the next hour
        kind = due(
            now, timezone.get_default_timezone(), whole=_newest(whole), last=_newest(good),
            tried=_newest(Backup.objects.all()),
        )  # fmt: skip
        if kind:
            ask_for("backup", {"kind": kind}, actor="shop")
    return now + EVERY


def _newest(backups: QuerySet[Backup]) -> datetime | None:
    """When the newest of them began."""
    return backups.order_by("-started_at").values_list("started_at", flat=True).first()


def due(now: datetime, zone: tzinfo, *, whole: datetime | None, last: datetime | None, tried: datetime | None) -> str:
    """The kind of backup to ask for now; empty for none. Given is when the last good whole one began, the last good one
    of any kind, and the last that was tried: after one that failed a few minutes pass.
    """
    if tried is not None and tried != last and now - tried < AGAIN:
        return ""
    local = now.astimezone(zone)
    today = local.replace(hour=AT[0], minute=AT[1], second=0, microsecond=0)
    last_due = today if local >= today else today - timedelta(days=1)
    if whole is None or whole < last_due:
        return str(Backup.Kind.WEEKLY if last_due.weekday() == SUNDAY else Backup.Kind.DAILY)
    if last is None or hour_of(last) < hour_of(now):
        return str(Backup.Kind.HOURLY)
    return ""


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
