"""Two ways in which paid money was lost elsewhere, played on a copy: a gateway that says nothing for longer than
anybody listens, and goods that cannot be prepared."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress

from apps.ops.drills import planted_faults
from apps.ops.drills.buyers import PRODUCT
from apps.ops.drills.measures import at_most, exactly
from apps.ops.drills.runner import Play
from apps.ops.drills.shop_copy import CopyFailed, ShopCopy

SILENT = 26  # hours: longer than a payment is listened for
LATER = 7  # hours until it is asked again at the latest
BOOKED = 90.0  # seconds after the gateway speaks again
HELD = 60.0  # seconds until the buyer whose goods cannot be prepared is told
IMPATIENT = 10.0  # seconds, where a fault is planted
PATIENCE = 60.0
SHIFT = """
INSERT INTO base_clockoffset (id, ahead) VALUES (1, make_interval(hours => %s))
ON CONFLICT (id) DO UPDATE SET ahead = base_clockoffset.ahead + EXCLUDED.ahead"""
UNBOOKED = "SELECT count(*) FROM orders_payment WHERE reference = ANY(%s) AND confirmed_at IS NULL"
UNASKED = """
SELECT count(*) FROM orders_payment
WHERE (asked_at IS NULL OR asked_at < created_at + %s::interval) AND reference = ANY(%s)"""
SPOIL_UNITS = """
UPDATE orders_stockunit SET content = '\\x00' WHERE id IN (
  SELECT s.unit_id FROM orders_seat s JOIN orders_orderline l ON l.id = s.line_id
  JOIN orders_order o ON o.id = l.order_id
  WHERE o.number = %s)"""
HELD_MONEY = "SELECT count(*) FROM orders_payment WHERE reference = %s AND state = 'confirmed' AND review = 'broken'"

OUTSIDE_CALL = 8.0  # seconds that a call to a gateway may take, and its end


class Money:
    """One play, beside nothing else: time passes here, and the gateway is away."""

    def __init__(self, play: Play, shop: ShopCopy) -> None:
        self.play, self.shop = play, shop
        self._users = itertools.count(400_000)

    def run(self) -> None:
        self._gateway_says_nothing()
        self._goods_do_not_open()

    def _invoice(self) -> tuple[int, str]:
        """A buyer with an invoice. One whom the shop shows none is no matter here: another one tries."""
        patience, tries = (IMPATIENT, 12) if self.play.planted("mute") else (PATIENCE, 3)
        for _ in range(tries):
            user = next(self._users)
            with suppress(CopyFailed):
                return user, self.shop.walk_to_invoice(user, PRODUCT, patience)
        raise CopyFailed(f"{tries} buyers saw no invoice")

    def _gateway_says_nothing(self) -> None:
        """Paid while the gateway answers nobody; it speaks again when everybody has long stopped to expect anything."""
        self.play.say(f"a gateway that says nothing for {SILENT} hours")
        numbers = [self._invoice()[1] for _ in range(self.play.count(3, 1))]
        self.shop.insist("faults", gateway_down=True, webhook_lost=True)
        for number in numbers:
            self.shop.insist("pay", order_id=number)
        self._pass(SILENT)
        with suppress(CopyFailed):
            self.shop.wait(lambda: self._asked_in_vain(numbers), "questions without an answer", PATIENCE)
        if self.play.planted("closed"):
            planted_faults.plant(self.shop, "chaos.closed")
            time.sleep(OUTSIDE_CALL)  # who was asking just then has written down when to ask again
            planted_faults.plant(self.shop, "chaos.closed")
        self.shop.insist("faults", gateway_down=False, webhook_lost=False)
        self._pass(LATER)
        with suppress(CopyFailed):
            patience = IMPATIENT if self.play.planted("closed") else BOOKED
            self.shop.wait(lambda: not self._unbooked(numbers), "the money booked", patience)
        self.play.faults.append(f"a gateway that answered nothing for {SILENT} hours after {len(numbers)} payments")
        self.play.keep(
            exactly("booked", "money a gateway told of late is booked, every payment", self._unbooked(numbers), 0)
        )

    def _pass(self, hours: int) -> None:
        """The shop's clock and the gateway's go ahead together."""
        ahead = int(self.shop.ask("faults")["clock_ahead"]) + hours * 3600
        self.shop.insist("faults", clock_ahead=ahead)
        self.shop.sql(SHIFT, hours)

    def _asked_in_vain(self, numbers: list[str]) -> bool:
        """Whether each of them was asked about again after the silence began to be long."""
        unasked: int = self.shop.sql(UNASKED, f"{SILENT} hours", numbers)[0][0]
        return not unasked

    def _unbooked(self, numbers: list[str]) -> int:
        count: int = self.shop.sql(UNBOOKED, numbers)[0][0]
        return count

    def _goods_do_not_open(self) -> None:
        """The unit a buyer holds is damaged before he pays."""
        self.play.say("goods that cannot be prepared")
        user, number = self._invoice()
        self.shop.sql(SPOIL_UNITS, number)
        if self.play.planted("unheld"):
            planted_faults.plant(self.shop, "chaos.unheld")
        self.shop.insist("pay", order_id=number)
        began = time.monotonic()
        with suppress(CopyFailed):
            patience = IMPATIENT if self.play.planted("unheld") else HELD + 5
            self.shop.wait(lambda: self._is_held(user, number), "the buyer told", patience)
        took = time.monotonic() - began if self._is_held(user, number) else float("inf")
        self.play.faults.append("a sold unit that did not open")
        self.play.keep(
            at_most("held", f"money for goods that fail is booked, its buyer told within {HELD:g} s", took, HELD)
        )

    def _is_held(self, user: int, number: str) -> bool:
        told = any(
            number in m.get("text", "") and "gagal disiapkan" in m.get("text", "") for m in self.shop.messages(user)
        )
        return told and self.shop.sql(HELD_MONEY, number) == [(1,)]
