"""Locks that keep a copy's database from working: sessions that wait for each other, and a transaction that somebody
forgot.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg

from apps.ops.drills.shop_copy import ShopCopy

TABLES = ("bot_chat", "bot_inboundupdate", "orders_order", "bot_outboundmessage")  # what every purchase needs


def deadlock(shop: ShopCopy, first: str, second: str) -> None:
    """Two sessions that each lock a table and then want the other's. PostgreSQL ends whoever closes a circle, after a
    second: one of them, or one of the shop's own transactions, which wait behind both."""

    def take(held: str, wanted: str) -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(shop.database_url) as wire:
            wire.execute("SET lock_timeout = '15s'")
            wire.execute(f"LOCK TABLE {held}".encode())
            time.sleep(0.3)
            wire.execute(f"LOCK TABLE {wanted}".encode())

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(take, (first, second), (second, first)))


def deadlocks(shop: ShopCopy) -> int:
    """How many PostgreSQL has ended so far."""
    found: int = shop.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]
    return found


def forget(shop: ShopCopy, tables: tuple[str, ...], *, busy: float = 0.0) -> psycopg.Connection:
    """A session that locks tables and then does nothing; with `busy` it works for so many seconds, so that nobody may
    end it.
    """
    wire = psycopg.connect(shop.database_url)
    while True:
        try:
            wire.execute(f"LOCK TABLE {', '.join(tables)}".encode())
            break
        except psycopg.errors.DeadlockDetected:  # one of the shop's transactions had the other half
            wire.rollback()
    if busy:

        def work() -> None:
            wire.execute("SELECT pg_sleep(%s)", [busy])
            wire.close()

        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
    return wire
