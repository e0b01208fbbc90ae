"""Buyers for a drill: some order and pay, many only write; both until they are told that it is enough."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from apps.ops.drills.shop_copy import CopyFailed, ShopCopy

PRODUCT = "Spotify"
PATIENCE = 120.0  # seconds a buyer waits for one answer while everything dies around the shop
WRITERS = 400  # each writes seldom enough never to meet the polite pause
JOBS = """
SELECT (SELECT count(*) FROM bot_inboundupdate) + (SELECT count(*) FROM bot_outboundmessage)
     + (SELECT count(*) FROM orders_payment) + (SELECT count(*) FROM orders_gatewayevent)
     + (SELECT count(*) FROM snk_dispatch)
"""


class Crowd:
    """Starts with `begin`, ends with `end`; then `paid` maps each buyer to the order that was paid."""

    def __init__(self, shop: ShopCopy, *, buyers: int, per_second: int) -> None:
        self.shop, self.buyers, self.per_second = shop, buyers, per_second
        self.patience = PATIENCE
        self.paid: dict[int, str] = {}
        self.gave_up: list[str] = []
        self._enough = threading.Event()
        self._numbers = itertools.count(100_000)
        self._pool = ThreadPoolExecutor(buyers + 1)
        self._running: list[Future[None]] = []

    def begin(self) -> None:
        self._running = [self._pool.submit(self._buy_and_buy) for _ in range(self.buyers)]
        self._running.append(self._pool.submit(self._write))

    def end(self) -> None:
        """No new orders; waits for those that are under way."""
        self._enough.set()
        for running in self._running:
            running.result()
        self._pool.shutdown()

    def _buy_and_buy(self) -> None:
        while not self._enough.is_set():
            user = next(self._numbers)
            try:
                number = self.shop.walk_to_invoice(user, PRODUCT, self.patience)
                self.shop.insist("pay", order_id=number)
                self.paid[user] = number
            except CopyFailed as error:
                self.gave_up.append(f"buyer {user}: {error}"[:200])

    def _write(self) -> None:
        users = [200_000 + n for n in range(WRITERS)]
        for start in itertools.cycle(range(0, WRITERS, self.per_second)):
            if self._enough.wait(1.0):
                return
            with suppress(OSError):
                self.shop.tell("say_all", users=users[start : start + self.per_second], text="/start", times=1)

    def jobs(self) -> int:
        """Rows with a life story so far."""
        count: int = self.shop.sql(JOBS)[0][0]
        return count
