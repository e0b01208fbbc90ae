"""Looking at backups again: is each one, here and at the offsite, what its signed record says?

Without the private key: names, sizes, hashes, signatures, and that none is gone. With it: every one to its last byte,
its manifest included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

from django.conf import settings

from apps.base.clock import shop_now
from apps.ops.backups import conf
from apps.ops.backups.proof import piped
from apps.ops.jobs.registry import JobFailed, Tell
from apps.ops.models import Backup
from host.backups.bundle import Damaged, WrongKey, read_bundle
from host.backups.offsite import Folder, Place, Unreachable, hash_of
from host.backups.records import SUFFIX, Forged, Record, read_record, record_name

SHARE = 7  # a seventh of what is at the offsite is read back in one round
AHEAD = timedelta(minutes=5)  # a backup from the future is none


@dataclass(frozen=True)
class Fault:
    """One backup that is not what it should be."""

    name: str
    where: str
    sentence: str


def run_job(arguments: dict[str, Any], tell: Tell) -> str:
    """The job `verifybackup`: everything here, and a seventh of what is at the offsite, another one each day."""
    faults = list(verify(tell, share=SHARE))
    if faults:
        raise JobFailed("; ".join(f"{f.name} ({f.where}): {f.sentence}" for f in faults[:5]))
    return "Every backup is what its record says."


def verify(tell: Tell, *, share: int = 1, identity: Any = None) -> Iterator[Fault]:
    """Every fault that is found. `share`: only that part of the offsite is read back, chosen by the day."""
    yield from verify_place(Folder(conf.backup_folder()), "here", tell, identity=identity)
    place = conf.offsite()
    if place is not None:
        yield from verify_place(place, "offsite", tell, share=share, identity=identity)


def verify_place(place: Place, where: str, tell: Tell, *, share: int = 1, identity: Any = None) -> Iterator[Fault]:
    try:
        sizes = place.sizes()
    except Unreachable as error:
        yield Fault("", where, str(error))
        return
    names = sorted(name for name in sizes if name.endswith(SUFFIX))
    yield from _missing(where, set(sizes))
    for n, name in enumerate(names):
        tell(100 * n // len(names), f"looking at {name}")
        try:
            record = _record(place, name, sizes)
            if record.moment > shop_now() + AHEAD:
                raise Forged("It says that it was made in the future.")
            _known(record)
            if sizes[name] != record.size:
                raise Damaged(f"It has {sizes[name]} bytes, its record says {record.size}.")
            if (n + shop_now().toordinal()) % share == 0:
                _read(place, record, identity)
        except (Forged, Damaged, WrongKey, Unreachable) as error:
            yield Fault(name, where, str(error))


def _missing(where: str, there: set[str]) -> Iterator[Fault]:
    """Backups that were made and not removed by us, and are not there."""
    kept = Backup.objects.filter(read_back_at__isnull=False, removed_at__isnull=True)
    if where == "offsite":
        kept = kept.filter(offsite_at__isnull=False)
    for name in kept.values_list("name", flat=True).order_by("number"):
        if name not in there:
            yield Fault(name, where, "It is gone.")


def _record(place: Place, name: str, sizes: dict[str, int]) -> Record:
    if record_name(name) not in sizes:
        raise Forged("It has no record.")
    out = BytesIO()
    place.get(record_name(name), out)
    return read_record(out.getvalue(), settings.AUDIT_KEY, name=name)


def _known(record: Record) -> None:
    """A record of ours says what our own row says; one that we never made, under our key, cannot be. Raises Forged."""
    row = Backup.objects.filter(name=record.name).first()
    if row is not None and (row.number, row.sha256) != (record.number, record.sha256):
        raise Forged("Its record is not the one that this shop wrote down.")


def _read(place: Place, record: Record, identity: Any) -> None:
    if identity is None:
        found = hash_of(place, record.name)[0]
        if found != record.sha256:
            raise Damaged("Its content is not what was written.")
        return
    with piped(place, record.name) as source:
        hashing = _Hashing(source)
        manifest = read_bundle(hashing, [identity])  # type: ignore[arg-type]
        while hashing.read(2**20):
            pass
    if hashing.digest.hexdigest() != record.sha256:
        raise Damaged("Its content is not what was written.")
    if (manifest["name"], manifest["number"]) != (record.name, record.number):
        raise Forged(f"Inside it is {manifest['name']}.")


class _Hashing:
    """A stream, and the hash of what was read from it."""

    def __init__(self, source: Any) -> None:
        self._source, self.digest = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        found: bytes = self._source.read(size)
        self.digest.update(found)
        return found


def newest(place: Place) -> Record | None:
    """The newest backup of a place, by its signed record. Raises Unreachable."""
    sizes = place.sizes()
    found = []
    for name in sizes:
        if name.endswith(SUFFIX):
            try:
                found.append(_record(place, name, sizes))
            except Forged:
                continue
    return max(found, key=lambda record: record.number, default=None)
