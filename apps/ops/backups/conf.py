"""What a backup needs to know of this shop: to whom, where, with which keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.base.stored_settings import Setting
from host.backups.bundle import read_recipient
from host.backups.offsite import Place, place_of
from host.backups.retention import Rule
from host.environment import env_file, value_of

KEEP_HOURLY = Setting("backups_hourly", 24, "Cadangan per jam", "Berapa yang terbaru disimpan.", 1, 1000)
KEEP_DAILY = Setting("backups_daily", 7, "Cadangan harian", "Berapa hari yang disimpan.", 1, 1000)
KEEP_WEEKLY = Setting("backups_weekly", 4, "Cadangan mingguan", "Berapa minggu yang disimpan.", 1, 1000)
KEEP_MONTHLY = Setting("backups_monthly", 12, "Cadangan bulanan", "Berapa bulan yang disimpan.", 1, 1000)
LATE_HOURLY = Setting("backup_late_hours", 2, "Cadangan terlambat (jam)", "Dikabari bila selama ini tidak ada.", 1, 48)
LATE_PROOF = Setting("proof_late_hours", 26, "Bukti cadangan terlambat (jam)", "Dikabari bila tidak terbukti.", 2, 240)


class CannotBackUp(Exception):
    """One plain sentence that says what to do."""


def recipients() -> list[Any]:
    """To whom backups are encrypted. Raises CannotBackUp when there is nobody, or one that cannot be read."""
    given = [text for text in settings.BACKUP_RECIPIENTS if text.strip()]
    if not given:
        raise CannotBackUp("BACKUP_RECIPIENTS is empty, so no backup can be made: manage.py setup backup makes a key.")
    try:
        return [read_recipient(text) for text in given]
    except ValueError as error:
        raise CannotBackUp(str(error)) from error


def backup_folder() -> Path:
    """Where backups of this machine stand; only whoever runs the jobs may look into it. Raises CannotBackUp."""
    folder = Path(os.environ.get("AUTOORDER_BACKUPS") or settings.SHOP_FOLDER / "backups")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotBackUp(f"{folder} cannot be made: {error.strerror}.") from error
    return folder


def offsite() -> Place | None:
    """The place away from here; None where there is none. Raises CannotBackUp with what to write."""
    try:
        return place_of(value_of("BACKUP_OFFSITE_URL"), value_of)
    except (ValueError, OSError) as error:
        raise CannotBackUp(str(error)) from error


def offsite_is_named() -> bool:
    """Whether there is an offsite at all; one that is set up wrongly counts."""
    try:
        return offsite() is not None
    except CannotBackUp:
        return True


def owner_url() -> str:
    """DATABASE_ADMIN_URL, else DATABASE_URL: who may dump everything and make scratch databases."""
    return value_of("DATABASE_ADMIN_URL") or value_of("DATABASE_URL")


def retention_rule() -> Rule:
    return Rule(KEEP_HOURLY.get(), KEEP_DAILY.get(), KEEP_WEEKLY.get(), KEEP_MONTHLY.get())


def own_files() -> list[Path]:
    """Settings and files of the shop itself, wherever it runs."""
    return [env_file(), settings.MEDIA_ROOT]
