"""Putting one database in another's place, in one step that is done or not done, whenever we are killed.

Both renames are one transaction. It locks both names, so that nobody connects meanwhile; who is connected is sent away
again and again until it is through, and connects to the other database under the same name.
"""

from __future__ import annotations

import threading

import psycopg

from host.backups.dump import DumpFailed, with_database

PATIENCE = 8.0  # seconds until it gives up: nothing was changed then
AGAIN = 0.05  # seconds

SEND_AWAY = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s) AND pid <> pg_backend_pid()"


def swap(url: str, *, live: str, comes: str, goes: str) -> None:
    """`comes` is called `live` from now on, and what was called so is called `goes`. Raises DumpFailed with nothing
    changed.
    """
    over = threading.Event()
    server = with_database(url, "postgres")
    pusher = threading.Thread(target=_send_away, args=(server, [live, comes], over), daemon=True)
    try:
        with psycopg.connect(server, autocommit=True) as wire:
            wire.execute("SELECT set_config('lock_timeout', %s, false)", [f"{PATIENCE:.0f}s"])
            pusher.start()
            with wire.transaction():
                wire.execute(f'ALTER DATABASE "{live}" RENAME TO "{goes}"')
                wire.execute(f'ALTER DATABASE "{comes}" RENAME TO "{live}"')
    except psycopg.Error as error:
        raise DumpFailed(f"The databases could not change places; nothing was changed. {error}".strip()) from error
    finally:
        over.set()
        pusher.join(5) if pusher.ident else None


def _send_away(server: str, names: list[str], over: threading.Event) -> None:
    with psycopg.connect(server, autocommit=True) as wire:
        while not over.is_set():
            wire.execute(SEND_AWAY, [names])
            over.wait(AGAIN)


def exists(url: str, name: str) -> bool:
    """Whether there is a database of this name beside the shop's."""
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as wire:
        return wire.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None
