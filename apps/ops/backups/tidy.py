"""Removing what retention does not keep, here and at the offsite."""

from __future__ import annotations

import logging
from pathlib import Path

from django.utils import timezone

from apps.base.clock import shop_now
from apps.ops.backups import conf
from apps.ops.models import Backup
from host.backups.offsite import Unreachable
from host.backups.records import record_name
from host.backups.retention import Kept, may_go

log = logging.getLogger(__name__)


def remove_old() -> int:
    """Remove what the rule does not keep; returns how many. Where the offsite refuses (append-only, away), its copies
    stay, and the next round tries again.
    """
    known = Backup.objects.filter(removed_at__isnull=True, ended_at__isnull=False)
    kept = [
        Kept(row.name, row.started_at, row.whole, row.read_back_at is not None, row.proven_at is not None)
        for row in known
    ]
    names = may_go(kept, conf.retention_rule(), timezone.get_default_timezone())
    folder = conf.backup_folder()
    for name in names:
        _remove_offsite(name)
        for each in (name, record_name(name)):
            (folder / each).unlink(missing_ok=True)
        Backup.objects.filter(name=name).update(removed_at=shop_now())
    _remove_scratch(folder)
    return len(names)


def _remove_offsite(name: str) -> None:
    try:
        place = conf.offsite()
        if place is not None:
            for each in (record_name(name), name):  # the record first: without one it is no backup
                place.remove(each)
    except (Unreachable, conf.CannotBackUp):
        log.info("an old backup stays at the offsite", extra={"action": "backup_kept", "backup": name})


def _remove_scratch(folder: Path) -> None:
    """What a backup that was killed has left behind. Nobody writes to it: jobs run one at a time."""
    for scratch in folder.glob(".*.part"):
        scratch.unlink(missing_ok=True)
