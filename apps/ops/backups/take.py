"""Taking a backup: streamed into age, read back here, copied away, read back from there, old ones removed.

1. A key pair is made for this run; it never leaves the process.
2. Everything is seen in one moment of the database; pg_dump's exit status decides.
3. The file gets its name when it is whole and on the disk; then it is read to its end with the run's key.
4. It is copied to the offsite and read back from there, byte for byte.
5. A whole one is restored into a scratch database and compared (apps.ops.backups.proof); then the key is forgotten.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db.models import Max

from apps.base import audit
from apps.base.audit import AuditRow
from apps.base.clock import shop_now
from apps.base.ids import uuid7
from apps.base.stored_settings import note
from apps.ops.backups import conf
from apps.ops.backups.conf import CannotBackUp
from apps.ops.backups.tidy import remove_old
from apps.ops.jobs.registry import JobFailed, Tell
from apps.ops.models import Backup
from host.backups import dump, files
from host.backups.bundle import CannotWrite, Damaged, Manifest, Part, Source, new_key, read_bundle, write_bundle
from host.backups.dump import DumpFailed
from host.backups.offsite import Place, Unreachable, hash_of
from host.backups.records import SUFFIX, Record, record_name, signed
from host.environment import ROOT
from host.files import replace_file

audit.describe(
    {
        "backup.made": "Cadangan {name} jadi ({size} byte)",
        "backup.offsite": "Cadangan {name} disalin ke tempat lain dan dibaca ulang",
        "restore.activated": "Cadangan dipakai; {held} slot ditahan dulu",
        "restore.undone": "Pemakaian cadangan dibatalkan; {held} slot ditahan dulu",
        "backup.failed": "Cadangan {name} gagal",
    }
)

FORMAT = 1
SPARE = 200 * 2**20  # bytes that stay free on the disk
CANARY = "backup_canary"  # a stored setting that changes with every backup
WHOLE = (Backup.Kind.DAILY, Backup.Kind.WEEKLY, Backup.Kind.MANUAL)


@dataclass
class Taken:
    """A backup and, for as long as the process lives, the key that opens it."""

    row: Backup
    record: Record
    path: Path
    manifest: Manifest
    identity: Any


def run_job(arguments: dict[str, Any], tell: Tell) -> str:
    """The job `backup`: one backup of the kind, proven when it is a whole one."""
    taken = take(arguments.get("kind", Backup.Kind.MANUAL), tell)
    if not taken.row.whole:
        return f"{taken.row.name} is made and read back."
    from apps.ops.backups.proof import prove

    return prove(taken, tell)


def take(kind: str, tell: Tell) -> Taken:
    """Make, read back and copy one backup. Raises JobFailed; the row says what went wrong."""
    row = _begin(kind)
    try:
        taken = _take(row, tell)
    except (CannotBackUp, CannotWrite, DumpFailed, Damaged, psycopg.Error, OSError) as error:
        sentence = str(error).strip() or type(error).__name__
        Backup.objects.filter(pk=row.pk).update(error=sentence[:500])
        audit.append("backup.failed", f"backup:{row.pk}", name=row.name)
        raise JobFailed(sentence) from error
    tell(70, "copying it away")
    copy_away(taken.row, taken.path, conf_offsite())
    remove_old()
    return taken


def conf_offsite() -> Place | None:
    """The offsite; one that is set up wrongly is a fault of the copy, never of the backup."""
    try:
        return conf.offsite()
    except CannotBackUp as error:
        return _NotSetUp(str(error))


class _NotSetUp:
    """An offsite that cannot be read from the settings."""

    shown = "BACKUP_OFFSITE_URL"

    def __init__(self, why: str) -> None:
        self._why = why

    def put(self, path: Path, name: str) -> None:
        raise Unreachable(self._why)

    def get(self, name: str, out: Any) -> None:
        raise Unreachable(self._why)

    def sizes(self) -> dict[str, int]:
        raise Unreachable(self._why)

    def remove(self, name: str) -> None:
        raise Unreachable(self._why)


def _begin(kind: str) -> Backup:
    number = (Backup.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    now = shop_now()
    name = f"backup-{now.astimezone(UTC):%Y%m%d-%H%M%S}-{kind}-{number:05d}{SUFFIX}"
    return Backup.objects.create(id=uuid7(), number=number, name=name, kind=kind, whole=kind in WHOLE, started_at=now)


def _take(row: Backup, tell: Tell) -> Taken:
    to, url, folder = conf.recipients(), conf.owner_url(), conf.backup_folder()
    refuse_full_disk(folder)
    identity = new_key()
    canary = secrets.token_hex(16)
    note(CANARY, canary)
    with dump.one_moment(url) as (wire, snapshot):
        programs = dump.programs(dump.server_version(wire))
        tell(5, "counting rows")
        facts = _facts(wire, row, canary)
        tell(20, "dumping the database")
        sources: list[Source] = [("database.dump", dump.dump_blocks(url, programs, snapshot))]
        sources += _files(row) if row.whole else []

        def manifest(parts: list[Part]) -> Manifest:
            return {**facts, "parts_count": len(parts)}

        written = write_bundle(folder / row.name, sources, manifest, [*to, identity.to_public()])
    tell(55, "reading it back")
    with written.path.open("rb") as source:
        read_bundle(source, [identity])
    record = Record(row.name, row.kind, row.number, facts["at"], written.size, written.sha256, row.whole)
    replace_file(folder / record_name(row.name), signed(record, settings.AUDIT_KEY), mode=0o600)
    now = shop_now()
    Backup.objects.filter(pk=row.pk).update(
        ended_at=now, read_back_at=now, size=written.size, sha256=written.sha256, error=""
    )
    row.refresh_from_db()
    audit.append("backup.made", f"backup:{row.pk}", name=row.name, size=written.size, sha256=written.sha256)
    return Taken(row, record, written.path, written.manifest, identity)


def refuse_full_disk(folder: Path) -> None:
    """Raises CannotBackUp when the disk could not hold another one like the last, and something to spare."""
    last = Backup.objects.filter(size__isnull=False).order_by("-number").first()
    needed = SPARE + int((last.size or 0) * 1.2 if last else 0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CannotBackUp(
            f"The disk is too full for a backup: {free // 2**20} MB free in {folder}, it needs {needed // 2**20} MB."
        )


def _facts(wire: psycopg.Connection, row: Backup, canary: str) -> Manifest:
    """What the manifest says beside its parts."""
    head = AuditRow.objects.order_by("-id").values_list("id", "mac").first()
    (at,) = wire.execute("SELECT now()").fetchone() or (datetime.now(UTC),)
    return {
        "format": FORMAT,
        "name": row.name,
        "number": row.number,
        "kind": row.kind,
        "at": at.astimezone(UTC).isoformat(),
        "store": settings.STORE_NAME,
        "server": wire.info.server_version,
        "code": code_version(),
        "migrations": dump.migration_state(wire),
        "tables": dump.count_rows(wire, with_hash=row.whole),
        "keys": [entry.partition(":")[0] for entry in settings.FIELD_KEYS.split(",")],
        "audit_head": {"id": str(head[0]), "mac": bytes(head[1]).hex()} if head else None,
        "canary": hashlib.sha256(canary.encode()).hexdigest(),
    }


def code_version() -> str:
    """The release, else the commit of this checkout; empty where neither can be told."""
    mark = ROOT / "VERSION"
    if mark.exists():
        return mark.read_text().strip()
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _files(row: Backup) -> Iterator[Source]:
    server = [Path(name) for name in files.SERVER] if os.geteuid() == 0 and settings.BEHIND_NGINX else []
    yield "files.tar", files.tar_of([*server, *conf.own_files()])
    last = Backup.objects.filter(whole=True, read_back_at__isnull=False, number__lt=row.number).order_by("-number")
    since = last.values_list("started_at", flat=True).first() or row.started_at - timedelta(days=1)
    yield "journal.txt", files.journal_since(f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")


def copy_away(row: Backup, path: Path, place: Place | None) -> bool:
    """Copy a backup and its record to the offsite and read both back. False, and said in the row, when that failed."""
    if place is None:
        return False
    record = path.with_name(record_name(path.name))
    try:
        for each in (path, record):  # the record last: what has one is there whole
            place.put(each, each.name)
            with each.open("rb") as source:
                here = hashlib.file_digest(source, "sha256").hexdigest()
            if hash_of(place, each.name)[0] != here:
                raise Unreachable(f"{place.shown} gives {each.name} back changed.")
    except (Unreachable, OSError) as error:
        Backup.objects.filter(pk=row.pk).update(offsite_error=str(error)[:500])
        row.refresh_from_db()
        return False
    Backup.objects.filter(pk=row.pk).update(offsite_at=shop_now(), offsite_error="")
    audit.append("backup.offsite", f"backup:{row.pk}", name=row.name)
    row.refresh_from_db()
    return True
