"""The nightly proof: read back from where it is kept, restored into a scratch database, every row compared.

The key of the run opens it, so that no key that opens older backups is ever on the server.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from django.conf import settings

from apps.base import audit
from apps.base.clock import shop_now
from apps.ops.backups import conf
from apps.ops.backups.take import CANARY, Taken, conf_offsite
from apps.ops.jobs.registry import JobFailed, Tell
from apps.ops.models import Backup
from host.backups import dump
from host.backups.bundle import Damaged, Manifest, WrongKey, read_bundle
from host.backups.dump import DumpFailed
from host.backups.offsite import Place, Unreachable
from host.environment import ROOT

audit.describe({"backup.proven": "Cadangan {name} terbukti: dipulihkan dalam {seconds} detik"})

SCRATCH = "_proof"  # behind the name of the shop's database
DEBIANS = "/var/lib/postgresql"
SPARE = 500 * 2**20  # bytes left free beside a restored database


class NotProven(Exception):
    """What came back is not what was there. One plain sentence."""


def prove(taken: Taken, tell: Tell) -> str:
    """Restore the backup that was just made and compare; its row keeps the result. Raises JobFailed."""
    place = conf_offsite()
    from_there = place is not None and taken.row.offsite_at is not None
    tell(75, "restoring it into a scratch database")
    began = time.monotonic()
    try:
        with _source(taken.path, place if from_there else None) as source:
            found = restore_and_compare(source, [taken.identity], tell)
    except (NotProven, Damaged, WrongKey, DumpFailed, Unreachable, psycopg.Error, OSError) as error:
        sentence = f"{taken.row.name} is not proven: {str(error).strip()}"
        Backup.objects.filter(pk=taken.row.pk).update(error=sentence[:500])
        raise JobFailed(sentence) from error
    seconds = round(time.monotonic() - began, 1)
    proof = {"seconds": seconds, "offsite": from_there, **found}
    Backup.objects.filter(pk=taken.row.pk).update(proven_at=shop_now(), proof=proof)
    audit.append("backup.proven", f"backup:{taken.row.pk}", name=taken.row.name, seconds=seconds, offsite=from_there)
    missing = taken.row.offsite_error or "there is no offsite"
    where = "from the offsite" if from_there else f"from this machine ({missing})"
    return f"{taken.row.name} is proven: read {where}, restored in {seconds:g} s, {found['rows']} rows compared."


@contextmanager
def _source(path: Path, place: Place | None) -> Iterator[BinaryIO]:
    """The bundle as it comes from the offsite, else from here."""
    if place is None:
        with path.open("rb") as here:
            yield here
        return
    with piped(place, path.name) as there:
        yield there


@contextmanager
def piped(place: Place, name: str) -> Iterator[BinaryIO]:
    """A file of the offsite as a stream; its bytes pass through a pipe, never the disk. Raises Unreachable."""
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def fetch() -> None:
        with os.fdopen(writing, "wb") as out:
            try:
                place.get(name, out)
            except BrokenPipeError:
                pass  # the reader has seen enough
            except BaseException as error:  # noqa: BLE001 - raised again where it is read
                failed.append(error)

    thread = threading.Thread(target=fetch, name="offsite", daemon=True)
    thread.start()
    with os.fdopen(reading, "rb") as source:
        try:
            yield source
        except Exception:
            if failed:
                raise failed[0] from None
            raise
    thread.join()
    if failed:
        raise failed[0]


def restore_and_compare(source: BinaryIO, identities: list[Any], tell: Tell) -> dict[str, Any]:
    """Into a scratch database that is gone afterwards. Raises NotProven and what reading and restoring raise."""
    url = conf.owner_url()
    with psycopg.connect(url, autocommit=True) as wire:
        programs = dump.programs(dump.server_version(wire))
        _refuse_full_disk(wire)
    name = dump.database_of(url) + SCRATCH
    scratch = dump.make_database(url, name)
    try:
        with dump.Restore(scratch, programs) as work:
            manifest = read_bundle(
                source, identities, lambda part, piece: work.feed(piece) if part == "database.dump" else None
            )
        tell(90, "comparing every row")
        rows = compare(scratch, manifest)
        _truths(scratch)
    finally:
        with suppress(psycopg.Error):
            dump.drop_database(url, name)
    return {"rows": rows, "tables": len(manifest["tables"])}


def _refuse_full_disk(wire: psycopg.Connection) -> None:
    """Raises NotProven when the disk of the database cannot hold it twice. Only where its folder can be seen."""
    (size,) = wire.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
    # who may not see where the data lies finds no row; then Debian's own place
    (folder,) = wire.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchone() or (DEBIANS,)
    if Path(folder).exists():
        free = shutil.disk_usage(folder).free
        if free < size + SPARE:
            raise NotProven(
                f"the disk is too full to try it: {free // 2**20} MB free, it needs {(size + SPARE) // 2**20} MB"
            )


def compare(url: str, manifest: Manifest) -> int:
    """Every table as the manifest says, row hashes and the canary included; returns how many rows. Raises NotProven."""
    with psycopg.connect(url, autocommit=True) as wire:
        wire.execute("SET TIME ZONE 'UTC'")
        hashed = any("hash" in said for said in manifest["tables"].values())
        found = dump.count_rows(wire, with_hash=hashed)
        if found != manifest["tables"]:
            different = sorted(
                name for name in {*found, *manifest["tables"]} if found.get(name) != manifest["tables"].get(name)
            )
            raise NotProven(f"these tables came back different: {', '.join(different[:10])}")
        if dump.migration_state(wire) != manifest["migrations"]:
            raise NotProven("the tables came back in another version")
        row = wire.execute("SELECT value FROM base_storedsetting WHERE name = %s", [CANARY]).fetchone()
        if row is None or hashlib.sha256(str(row[0]).encode()).hexdigest() != manifest["canary"]:
            raise NotProven("the canary did not come back")
    return sum(int(said["rows"]) for said in found.values())


def _truths(url: str) -> None:
    """`checkinvariants` on what came back: what holds in the shop must hold there. Raises NotProven."""
    there = broken_truths(url)
    here = broken_truths(conf.owner_url()) if there else set()
    if new := sorted(there - here):
        raise NotProven(f"these truths do not hold in it: {', '.join(new)}")


def broken_truths(url: str) -> set[str]:
    """Names of the truths that do not hold in a database. Raises NotProven when they cannot be looked at."""
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "DATABASE_ADMIN_URL": url,
        "FIELD_KEYS": settings.FIELD_KEYS,
        "AUDIT_KEY": settings.AUDIT_KEY,
    }
    run = subprocess.run(
        [sys.executable, "manage.py", "checkinvariants", "--json"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        said = json.loads(run.stdout)
    except ValueError as error:
        raise NotProven("the truths could not be looked at") from error
    return {row["name"] for row in said["invariants"] if row["kind"] == "truth" and row["violations"]}
