"""Locks that keep a copy's database from working: sessions that wait for each other, and a transaction that somebody forgot."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from apps.ops.drills.copy import ShopCopy

TABLES = ("bot_chat", "bot_inboundupdate", "orders_order", "bot_outboundmessage")  # what every purchase needs


def deadlock(shop: ShopCopy, first: str, second: str) -> int:
    """Two sessions that each hold a table and want the other's, with the shop waiting behind both: how many of the two PostgreSQL
    ended (one, after a second)."""
    both_hold = threading.Barrier(2)

    def take(held: str, wanted: str) -> int:
        with psycopg.connect(shop.database_url) as wire:
            wire.execute(f"LOCK TABLE {held}".encode())
            both_hold.wait(30)
            try:
                wire.execute(f"LOCK TABLE {wanted}".encode())
            except psycopg.errors.DeadlockDetected:
                wire.rollback()
                return 1
            return 0

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(take, (first, second), (second, first)))


def forget(shop: ShopCopy, tables: tuple[str, ...], *, busy: float = 0.0) -> psycopg.Connection:
    """A session that locks tables and then does nothing; with `busy` it works for so many seconds, so that nobody may end it."""
    wire = psycopg.connect(shop.database_url)
    wire.execute(f"LOCK TABLE {', '.join(tables)}".encode())
    if busy:

        def work() -> None:
            wire.execute("SELECT pg_sleep(%s)", [busy])
            wire.close()

        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
    return wire
