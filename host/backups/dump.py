"""pg_dump and pg_restore as streams. Their exit status decides: a dump that was killed in its middle still decrypts,
and `pg_restore -l` still lists it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import psycopg

from host.launch import die_with_parent
from host.postgres import CannotStart, wheel_programs

BLOCK = 2**18  # bytes read at once
LEFT_OUT = ("django_q_*", "django_session")  # tables whose rows belong to the moment: bells are rung anew from our rows


class DumpFailed(Exception):
    """pg_dump or pg_restore did not end well. One plain sentence."""


def pieces_of(url: str) -> dict[str, str]:
    """A DATABASE_URL as libpq's environment: no password in a command's arguments."""
    address = urlsplit(url)
    known = {
        "PGHOST": unquote(address.hostname or ""),
        "PGPORT": str(address.port or ""),
        "PGUSER": unquote(address.username or ""),
        "PGPASSWORD": unquote(address.password or ""),
        "PGDATABASE": unquote(address.path.lstrip("/")),
    }
    if address.netloc.rpartition("@")[2].startswith("%2F"):  # a socket folder; urlsplit makes a host lower case
        known["PGHOST"] = unquote(address.netloc.rpartition("@")[2])
    return {name: value for name, value in known.items() if value}


def database_of(url: str) -> str:
    """The name of the database in a DATABASE_URL."""
    return unquote(urlsplit(url).path.lstrip("/"))


def with_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def programs(server: int) -> Path:
    """The folder of a pg_dump for a server of this major version or an older one: the server's own before newer ones.
    Raises DumpFailed with what to install.
    """
    folders = [Path(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    with suppress(CannotStart):
        folders.append(wheel_programs())
    if found := shutil.which("pg_dump"):
        folders.append(Path(found).parent)
    fitting = sorted((version, str(folder)) for folder in folders if (version := _version(folder)) >= server)
    if not fitting:
        raise DumpFailed(
            f"No pg_dump for PostgreSQL {server} is here: apt install postgresql-client-{server}, and try again."
        )
    return Path(fitting[0][1])


def _version(folder: Path) -> int:
    """Major version of the programs in a folder; 0 when they do not run."""
    try:
        said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
        return int(said.split()[2].partition(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        return 0


def server_version(wire: psycopg.Connection) -> int:
    """Its major version."""
    return wire.info.server_version // 10_000


@contextmanager
def one_moment(url: str) -> Iterator[tuple[psycopg.Connection, str]]:
    """A connection that sees one moment of the database, and that moment's name for pg_dump --snapshot."""
    with psycopg.connect(url, autocommit=True) as wire:
        wire.execute("SET idle_in_transaction_session_timeout = 0")  # it waits while the dump runs
        wire.execute("SET TIME ZONE 'UTC'")
        wire.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        (name,) = wire.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        yield wire, name
        wire.execute("COMMIT")


def dump_blocks(url: str, folder: Path, snapshot: str) -> Iterator[bytes]:
    """The database in pg_dump's custom format, as it was at the snapshot. Raises DumpFailed when pg_dump did not say
    that it is complete, however much had come.
    """
    left_out = [f"--exclude-table-data={pattern}" for pattern in LEFT_OUT]
    command = [folder / "pg_dump", "--format=custom", f"--snapshot={snapshot}", *left_out]
    with tempfile.TemporaryFile() as said:
        dump = _start(command, url, stdout=subprocess.PIPE, stderr=said)
        try:
            assert dump.stdout is not None  # noqa: S101  # nosec B101: for mypy
            while block := dump.stdout.read(BLOCK):
                yield block
        finally:
            if dump.poll() is None and dump.stdout is not None and not dump.stdout.closed:
                dump.stdout.close()
            status = _end(dump)
        if status:
            raise DumpFailed(f"pg_dump did not end well: {_last_words(said, status)}")


class Restore:
    """pg_restore into an empty database, fed piece by piece. Use as a context; raises DumpFailed."""

    def __init__(self, url: str, folder: Path) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        command = [folder / "pg_restore", "--no-owner", "--no-privileges", "--no-comments", "--exit-on-error"]
        database = pieces_of(url)["PGDATABASE"]
        self._work = _start([*command, f"--dbname={database}"], url, stdin=subprocess.PIPE, stderr=self._said)

    def feed(self, piece: bytes) -> None:
        """Raises DumpFailed when pg_restore has ended before its time."""
        assert self._work.stdin is not None  # noqa: S101  # nosec B101: for mypy
        try:
            self._work.stdin.write(piece)
        except BrokenPipeError as error:
            raise DumpFailed(f"pg_restore gave up: {_last_words(self._said, _end(self._work))}") from error

    def __enter__(self) -> Restore:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is not None:
                self._work.kill()
            with suppress(BrokenPipeError):
                if self._work.stdin is not None:
                    self._work.stdin.close()
            status = self._work.wait()
            if status and kind is None:
                raise DumpFailed(f"pg_restore did not end well: {_last_words(self._said, status)}")
        finally:
            self._said.close()


def _start(command: list[object], url: str, **files: object) -> subprocess.Popen[bytes]:
    words = [str(word) for word in command]
    env = {**os.environ, **pieces_of(url), "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
    return subprocess.Popen(words, env=env, cwd="/", preexec_fn=die_with_parent, **files)  # type: ignore[call-overload]


def _end(work: subprocess.Popen[bytes]) -> int:
    try:
        return work.wait(10)
    except subprocess.TimeoutExpired:
        work.kill()
        return work.wait()


def _last_words(said: IO[bytes], status: int) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    if status < 0:
        return f"it was killed (signal {-status})."
    return lines[-1][:300] if lines else f"exit {status}."


# -- databases ---------------------------------------------------------------------------------------------------------


def make_database(url: str, name: str) -> str:
    """An empty database beside the shop's, made anew; returns its URL."""
    drop_database(url, name)
    with psycopg.connect(url, autocommit=True) as wire:
        wire.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
    return with_database(url, name)


def drop_database(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as wire:
        wire.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def tables_of(wire: psycopg.Connection) -> list[str]:
    """The shop's tables whose rows a backup holds, by name."""
    found = wire.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        " AND table_name NOT LIKE 'django\\_q\\_%' AND table_name <> 'django_session' ORDER BY table_name"
    )
    return [name for (name,) in found]


def count_rows(wire: psycopg.Connection, *, with_hash: bool) -> dict[str, dict[str, str | int]]:
    """Table → how many rows, and a hash over all of them that does not depend on their order."""
    found: dict[str, dict[str, str | int]] = {}
    for name in tables_of(wire):
        hashed = ", coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text" if with_hash else ""
        row = wire.execute(f'SELECT count(*){hashed} FROM "{name}" t').fetchone() or (0,)
        found[name] = {"rows": row[0], **({"hash": row[1]} if with_hash else {})}
    return found


def migration_state(wire: psycopg.Connection) -> list[str]:
    """Every migration that these tables have seen."""
    rows = wire.execute("SELECT app || '.' || name FROM django_migrations ORDER BY app, name")
    return [name for (name,) in rows]
