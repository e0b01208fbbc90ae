"""Three clocks, each with its own sentence: not begun, not ended, not proven; and whether there is a copy elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.base.clock import shop_now
from apps.base.health import Figures, ServiceUnavailable, ServiceWarning, health_check
from apps.ops.backups.conf import LATE_HOURLY, LATE_PROOF
from apps.ops.models import Backup

COPY_LATE = timedelta(minutes=15)  # a copy that did not get away
FIRST = timedelta(hours=1)  # nobody expects a proof earlier


def _age(moment: datetime | None) -> timedelta | None:
    return shop_now() - moment if moment else None


def _newest(**which: object) -> Backup | None:
    return Backup.objects.filter(**which).order_by("-started_at").first()


@health_check("backup key", tells=_("Belum ada kunci cadangan, jadi toko ini tidak punya cadangan."))
def backup_key() -> None:
    """Nothing to say in the sandbox."""
    if not settings.BACKUP_RECIPIENTS and not settings.SANDBOX:
        raise ServiceWarning("BACKUP_RECIPIENTS is empty: no backup is made (manage.py setup backup)")


@health_check("backup begun", tells=_("Cadangan tidak dimulai pada waktunya."))
def backup_begun() -> Figures | None:
    """Silence is a fault: whether any was begun lately."""
    newest = _newest()
    if not settings.BACKUP_RECIPIENTS or newest is None:
        return None
    return _judged(_age(newest.started_at), timedelta(hours=LATE_HOURLY.get()), "no backup was begun for")


@health_check("backup ended", tells=_("Cadangan tidak selesai atau gagal."))
def backup_ended() -> Figures | None:
    """Whether one came to its end and was read back lately."""
    newest = _newest(read_back_at__isnull=False) or Backup.objects.order_by("started_at").first()
    if not settings.BACKUP_RECIPIENTS or newest is None:
        return None
    moment = newest.read_back_at or newest.started_at
    return _judged(_age(moment), timedelta(hours=LATE_HOURLY.get()), "no backup was whole and read back for")


@health_check("backup proven", tells=_("Cadangan sudah lama tidak terbukti bisa dipulihkan."))
def backup_proven() -> Figures | None:
    """Whether one was restored and compared lately."""
    newest = _newest(proven_at__isnull=False) or Backup.objects.order_by("started_at").first()
    if not settings.BACKUP_RECIPIENTS or newest is None:
        return None
    age = _age(newest.proven_at or newest.started_at)
    late = timedelta(hours=LATE_PROOF.get()) if newest.proven_at else FIRST
    return _judged(age, late, "no backup was proven by a restore for")


@health_check("backup copy", tells=_("Salinan cadangan di tempat lain tidak berhasil dibuat."))
def backup_copy() -> Figures | None:
    """Whether the newest one that is whole has got away; kept here and told after 15 min."""
    newest = _newest(read_back_at__isnull=False)
    if newest is None or not newest.offsite_error or newest.read_back_at is None:
        return None
    age = shop_now() - newest.read_back_at
    if age > COPY_LATE:
        raise ServiceUnavailable(f"the newest backup is only here: {newest.offsite_error}")
    return {"seconds_ago": age.total_seconds()}


def _judged(age: timedelta | None, late: timedelta, words: str) -> Figures | None:
    if age is None:
        return None
    if age > late:
        raise ServiceUnavailable(f"{words} {age.total_seconds() / 3600:.1f} h")
    return {"seconds_ago": age.total_seconds()}
