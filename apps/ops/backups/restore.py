"""Restoring: into a new database beside the live one, looked at, put in its place, and back.

1. `stage` restores a backup beside the shop, which goes on selling: migrated, its truths looked at.
2. `activate` makes it safe and swaps the two names. Nothing is sold twice: what was given away since the backup is held
   back (`hold_back`), and where the live database cannot be read everything that is for sale is.
3. `undo` swaps them back, with the same care.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from apps.base.audit import AuditRow
from apps.base.clock import shop_now
from apps.ops.backups import conf
from apps.ops.backups.proof import broken_truths, piped
from apps.ops.backups.take import conf_offsite
from apps.ops.jobs.registry import Tell
from host.backups import dump, swap
from host.backups.bundle import Manifest, read_bundle
from host.backups.offsite import Folder, Place, Unreachable
from host.backups.records import SUFFIX, Forged, Record, read_record, record_name
from host.environment import ROOT

STAGED, BEFORE = "_staged", "_before"  # behind the name of the shop's database
NOTE = "restore_stage"  # a stored setting in the staged database: what it is
SESSION_TIMEOUT = "30s"  # as deploy/database.sh sets it: a forgotten transaction keeps no locks


class CannotRestore(Exception):
    """One plain sentence that says what to do; nothing of the shop was changed."""


@dataclass(frozen=True)
class Found:
    """A backup that could be restored, and where from."""

    record: Record
    place: Place
    where: str  # here, offsite


@dataclass(frozen=True)
class Staged:
    """What stands beside the shop: which backup, of which moment."""

    name: str
    at: datetime


# -- finding -----------------------------------------------------------------------------------------------------------


def find_all() -> list[Found]:
    """Every backup whose record this shop signed, newest first; what stands here before what is away."""
    found: dict[str, Found] = {}
    for where, place in (("here", Folder(conf.backup_folder())), ("offsite", conf_offsite())):
        if place is None:
            continue
        for record in _records(place):
            found.setdefault(record.name, Found(record, place, where))
    return sorted(found.values(), key=lambda each: each.record.at, reverse=True)


def _records(place: Place) -> list[Record]:
    try:
        sizes = place.sizes()
    except Unreachable:
        return []
    records = []
    for name in sizes:
        if name.endswith(SUFFIX) and record_name(name) in sizes:
            out = BytesIO()
            try:
                place.get(record_name(name), out)
                records.append(read_record(out.getvalue(), settings.AUDIT_KEY, name=name))
            except (Forged, Unreachable):
                continue
    return records


def find(name: str) -> Found:
    """One by its name, or the newest for `newest`. Raises CannotRestore."""
    every = find_all()
    for each in every:
        if name in ("newest", each.record.name, each.record.name.removesuffix(SUFFIX)):
            return each
    raise CannotRestore(
        f"There is no backup {name!r}: manage.py restore list shows those that are signed by this shop."
        if every
        else "There is no backup here or at the offsite."
    )


# -- staging -----------------------------------------------------------------------------------------------------------


def stage(found: Found, identity: Any, tell: Tell) -> Manifest:
    """Restore it into a database beside the shop's, which is made anew. Returns its manifest.

    Raises CannotRestore, and what reading and restoring raise; then there is no staged database.
    """
    url = conf.owner_url()
    name = dump.database_of(url) + STAGED
    tell(5, "restoring beside the shop")
    with psycopg.connect(url, autocommit=True) as wire:
        programs = dump.programs(dump.server_version(wire))
    staged = dump.make_database(url, name)
    try:
        with piped(found.place, found.record.name) as source, dump.Restore(staged, programs) as work:
            manifest = read_bundle(
                source, [identity], lambda part, piece: work.feed(piece) if part == "database.dump" else None
            )
        if (manifest["name"], manifest["number"]) != (found.record.name, found.record.number):
            raise CannotRestore(f"{found.record.name} holds {manifest['name']}: it is not what its record says.")
        tell(60, "migrating it")
        _manage(staged, "migrate", "--verbosity", "0")
        tell(80, "looking at its truths")
        if wrong := sorted(broken_truths(staged)):
            raise CannotRestore(f"These truths do not hold in it: {', '.join(wrong)}. Take another backup.")
        with psycopg.connect(staged, autocommit=True) as wire:
            about = {"name": manifest["name"], "at": manifest["at"]}
            wire.execute(
                "INSERT INTO base_storedsetting (name, value) VALUES (%s, %s)"
                " ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
                [NOTE, json.dumps(about)],
            )
            wire.execute(f"ALTER DATABASE \"{name}\" SET idle_in_transaction_session_timeout = '{SESSION_TIMEOUT}'")
    except BaseException:
        dump.drop_database(url, name)
        raise
    return manifest


def _manage(url: str, *words: str) -> None:
    env = {**os.environ, "DATABASE_URL": url, "DATABASE_ADMIN_URL": url}
    run = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CannotRestore(f"manage.py {words[0]} does not go through on it: {last[:300]}")


def staged_now() -> Staged | None:
    """What is staged; None when nothing is."""
    url = conf.owner_url()
    name = dump.database_of(url) + STAGED
    if not swap.exists(url, name):
        return None
    with psycopg.connect(dump.with_database(url, name), autocommit=True) as wire:
        row = wire.execute("SELECT value FROM base_storedsetting WHERE name = %s", [NOTE]).fetchone()
    return None if row is None else Staged(row[0]["name"], datetime.fromisoformat(row[0]["at"]))


def difference() -> dict[str, tuple[int, int]]:
    """Table → rows in the shop now, and in what is staged; only where they differ."""
    url = conf.owner_url()
    counts = []
    for each in (url, dump.with_database(url, dump.database_of(url) + STAGED)):
        with psycopg.connect(each, autocommit=True) as wire:
            counts.append({name: int(said["rows"]) for name, said in dump.count_rows(wire, with_hash=False).items()})
    here, there = counts
    names = sorted({*here, *there})
    return {name: (here.get(name, 0), there.get(name, 0)) for name in names if here.get(name) != there.get(name)}


def lost_orders() -> list[tuple[str, int]]:
    """Paid orders of the shop that the staged backup does not know: number and rupiah, oldest first."""
    url = conf.owner_url()
    with psycopg.connect(dump.with_database(url, dump.database_of(url) + STAGED), autocommit=True) as wire:
        known = {number for (number,) in wire.execute("SELECT number FROM orders_order WHERE paid_at IS NOT NULL")}
    with psycopg.connect(url, autocommit=True) as wire:
        paid = wire.execute("SELECT number, total FROM orders_order WHERE paid_at IS NOT NULL ORDER BY id").fetchall()
    return [(number, total) for number, total in paid if number not in known]


# -- activating --------------------------------------------------------------------------------------------------------

TAKEN = "SELECT id, state, line_id FROM orders_seat WHERE state <> 'available'"
HOLD_TAKEN = """
UPDATE orders_seat s SET state = 'quarantined', line_id = NULL FROM taken t
WHERE s.id = t.id AND (s.state = 'available'
   OR (s.state = 'reserved' AND t.line_id IS DISTINCT FROM s.line_id))
"""
HOLD_ALL = "UPDATE orders_seat SET state = 'quarantined', line_id = NULL WHERE state IN ('available', 'reserved')"
# who pressed something in the moment of the backup has long had an answer
ANSWERED = """
UPDATE bot_inboundupdate SET next_at = NULL, claimed_until = NULL, outcome = 'restored' WHERE next_at IS NOT NULL
"""
END_LEASES = "UPDATE base_lease SET epoch = greatest(epoch, %s) + 1, until = now() - interval '1 hour'"


def hold_back(target: psycopg.Connection, reference: str | None) -> int:
    """Take off sale in `target` every seat that is not for sale in the database `reference`, and all of them when there
    is none to look at. Returns how many.
    """
    if reference is None:
        return target.execute(HOLD_ALL).rowcount
    target.execute("CREATE TEMPORARY TABLE taken (id uuid PRIMARY KEY, state text, line_id uuid) ON COMMIT DROP")
    with (
        psycopg.connect(reference, autocommit=True) as other,
        other.cursor() as rows,
        target.cursor() as put,
        put.copy("COPY taken FROM STDIN") as copy,
    ):
        for row in rows.stream(TAKEN):
            copy.write_row(row)
    return target.execute(HOLD_TAKEN).rowcount


def make_safe(target_url: str, reference: str | None, *, what: str) -> int:
    """What must be true of a database before it becomes the shop's again, in one transaction: nothing is sold twice, no
    older leader thinks that it leads, today's credentials stay in force. Returns how many seats are held back.
    """
    with psycopg.connect(target_url) as target:
        held = hold_back(target, reference)
        target.execute(ANSWERED)
        epoch = 0
        if reference is not None:
            with psycopg.connect(reference, autocommit=True) as other:
                row = other.execute("SELECT coalesce(max(epoch), 0) FROM base_lease").fetchone()
                epoch = row[0] if row else 0
                _carry_credentials(other, target)
        target.execute(END_LEASES, [epoch])
        target.execute("DELETE FROM django_q_ormq")
        target.execute("DELETE FROM django_session")
        _audit(target, what, held)
        target.commit()
    return held


def _carry_credentials(other: psycopg.Connection, target: psycopg.Connection) -> None:
    """A key that was rotated since the backup stays rotated."""
    columns = "id, name, value, fingerprint, changed_at"
    rows = other.execute(f"SELECT {columns} FROM base_credential").fetchall()
    if rows:
        target.execute("DELETE FROM base_credential")
        for row in rows:
            target.execute(f"INSERT INTO base_credential ({columns}) VALUES (%s, %s, %s, %s, %s)", row)


def _audit(target: psycopg.Connection, what: str, held: int) -> None:
    """A row in the audit of the database that becomes the shop's, in the transaction that makes it so."""
    row = AuditRow(at=shop_now(), actor="manage.py", kind=what, subject="restore", data={"held": held})
    target.execute(
        "INSERT INTO base_auditrow (id, at, actor, kind, subject, data, mac) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [row.pk, row.at, row.actor, row.kind, row.subject, json.dumps(row.data), row.expected_mac()],
    )


def activate(*, without_live: bool = False) -> int:
    """Put the staged database in the shop's place; the shop's own is kept as it is for `undo`. Returns how many seats
    are held back. `without_live`: the live one cannot be read, so that everything for sale is held.

    Raises CannotRestore with nothing changed.
    """
    url = conf.owner_url()
    live = dump.database_of(url)
    if not swap.exists(url, live + STAGED):
        raise CannotRestore("Nothing is staged: manage.py restore stage NAME comes first.")
    dump.drop_database(dump.with_database(url, "postgres"), live + BEFORE)
    staged = dump.with_database(url, live + STAGED)
    held = make_safe(staged, None if without_live else url, what="restore.activated")
    connections.close_all()  # ours would be sent away too
    swap.swap(url, live=live, comes=live + STAGED, goes=live + BEFORE)
    return held


def undo() -> int:
    """Back to the database from before; what was sold since from the restored one is held back in it. Returns how many
    seats. Raises CannotRestore with nothing changed.
    """
    url = conf.owner_url()
    live = dump.database_of(url)
    if not swap.exists(url, live + BEFORE):
        raise CannotRestore("There is no database from before a restore: nothing to undo.")
    dump.drop_database(dump.with_database(url, "postgres"), live + STAGED)
    held = make_safe(dump.with_database(url, live + BEFORE), url, what="restore.undone")
    connections.close_all()  # ours would be sent away too
    swap.swap(url, live=live, comes=live + BEFORE, goes=live + STAGED)
    return held


def release() -> int:
    """Put what a restore held back for sale again; returns how many seats. For whoever has looked at them."""
    with psycopg.connect(conf.owner_url()) as wire:
        return wire.execute(
            "UPDATE orders_seat s SET state = 'available' FROM orders_stockunit u WHERE u.id = s.unit_id"
            " AND s.state = 'quarantined' AND s.line_id IS NULL AND s.sold_at IS NULL AND u.off_sale_at IS NULL"
        ).rowcount


def age(found: Found) -> timedelta:
    return shop_now() - found.record.moment
