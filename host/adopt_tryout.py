"""`python -m host.adopt_tryout FROM TO`: a shop tried out with `make run` moves into the installed database
(deploy/install.sh).

Data only, into tables freshly made: a dump of a newer PostgreSQL does not load into an older one, rows do. The
try-out's database and files are read and left as they are. Runs as root, who reaches the new database as the user
postgres. No settings and no Django set up."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from host import postgres
from host.crypto import CannotOpen, open_sealed
from host.environment import value_of

TABLES = """
SELECT format('%I', table_name), string_agg(format('%I', column_name), ', ' ORDER BY ordinal_position)
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
  AND table_name <> 'django_migrations'
GROUP BY table_name ORDER BY table_name
"""
SEQUENCES = """
SELECT format('SELECT setval(%L, %s);', schemaname || '.' || sequencename, last_value)
FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
"""
SCHEMA = "SELECT string_agg(app || '.' || name, ',' ORDER BY app, name) FROM django_migrations"


TAKEN = (
    "SELECT (SELECT count(*) FROM orders_order) + (SELECT count(*) FROM orders_stockunit) + (SELECT count(*) FROM"
    " bot_chat)"
)
SEALED = "SELECT id, encode(value, 'hex') FROM base_credential ORDER BY id"


class CannotMove(Exception):
    """One plain sentence."""


def target(*words: str) -> list[str]:
    """psql in the installed database, as the one who may leave out triggers and foreign keys."""
    return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "autoorder", *words]


def become_postgres() -> None:
    postgres.become("postgres")


def ask_target(query: str) -> str:
    run = subprocess.run(
        target("-At", "-c", query), capture_output=True, text=True, check=False, cwd="/", preexec_fn=become_postgres
    )
    if run.returncode:
        raise CannotMove(f"The installed database does not answer: {run.stderr.strip()}")
    return run.stdout.strip()


def move_tables(cluster: postgres.Cluster) -> int:
    """Copy every table in one transaction of the new database; returns how many."""
    source = [
        str(cluster.programs / "psql"),
        "-X",
        "-q",
        "-h",
        str(cluster.sockets),
        "-U",
        postgres.ROLE,
        "-d",
        "autoorder",
    ]

    def ask(query: str) -> list[str]:
        run = subprocess.run([*source, "-At", "-c", query], capture_output=True, text=True, check=True, cwd="/")
        return run.stdout.splitlines()

    if ask(SCHEMA)[0] != ask_target(SCHEMA):
        raise CannotMove(
            "The try-out and this version have different tables: start the try-out once with `make run` first."
        )
    if ask_target(TAKEN) != "0":
        raise CannotMove("The installed shop has orders, stock or buyers of its own: nothing is moved over them.")
    refuse_other_keys(ask(SEALED))
    tables = [line.split("|", 1) for line in ask(TABLES)]
    loader: Any = subprocess.Popen(target(), stdin=subprocess.PIPE, cwd="/", preexec_fn=become_postgres)
    # committed by our last word only: psql takes a source that breaks off for the end of its input, and `-1` would
    # commit half
    loader.stdin.write(b"BEGIN; SET session_replication_role = replica;\n")
    loader.stdin.write(f"TRUNCATE {', '.join(name for name, _ in tables)};\n".encode())
    for name, columns in tables:
        loader.stdin.write(f"COPY {name} ({columns}) FROM STDIN;\n".encode())
        loader.stdin.flush()
        query = f"COPY {name} ({columns}) TO STDOUT"
        subprocess.run([*source, "-c", query], stdout=loader.stdin, check=True, cwd="/")
        loader.stdin.write(b"\\.\n")
    loader.stdin.write(b"\\o /dev/null\n")  # what setval answers is no news
    loader.stdin.write("\n".join(ask(SEQUENCES)).encode() + b"\nCOMMIT;\n")
    loader.stdin.close()
    if loader.wait():
        raise CannotMove("A table could not be moved; the new database is as it was.")
    return len(tables)


def refuse_other_keys(rows: Sequence[str]) -> None:
    """Each row `id|hex` of a sealed column must open with the installed shop's FIELD_KEYS."""
    for row in rows:
        pk, _, sealed = row.partition("|")
        try:
            open_sealed(bytes.fromhex(sealed), column="credential.value", pk=UUID(pk), keys=value_of("FIELD_KEYS"))
        except (CannotOpen, ValueError) as error:
            raise CannotMove(
                "The try-out's goods do not open with the FIELD_KEYS of /etc/autoorder/env: put those of its .env there"
                " first."
            ) from error


def move_files(old: Path, new: Path) -> None:
    """Media, with the owner that the shop runs as."""
    if not (old / "media").is_dir():
        return
    shutil.copytree(old / "media", new / "media", dirs_exist_ok=True)
    owner = pwd.getpwnam("autoorder")
    for path in (new / "media", *(new / "media").rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)


def main(argv: list[str]) -> int:
    old, new = Path(argv[0]), Path(argv[1])
    try:
        if not old.is_dir() or not (postgres.plan(old).home / "initialised").exists():
            print("There was no try-out with a bot token here: nothing to move.")
            return 0
        with postgres.borrowed_server(old) as cluster:
            count = move_tables(cluster)
        move_files(old, new)
    except (CannotMove, postgres.CannotStart, subprocess.CalledProcessError) as refusal:
        print(str(refusal), file=sys.stderr)
        return 1
    print(f"{count} tables moved")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
