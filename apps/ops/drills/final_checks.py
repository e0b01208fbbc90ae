"""The truth after a drill: what must hold once everything has come to rest, whatever was done to the shop."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from apps.ops.drills.measures import Measure, all_within, at_most, exactly
from apps.ops.drills.shop_copy import CopyFailed, ShopCopy

OWNER = 700  # the sandbox's owner
DRAIN = 240.0  # seconds: an unknown message waits 60 s before it goes again
LATE_GOODS = 20.0  # seconds after it in which the last goods may come
LATE_BOOKS = 60.0  # seconds in which what is only late may still arrive
UNIT = re.compile(r"^<code>(.+)</code>$", re.M)  # its parts, one by one, stand behind their names
WAITING = """
SELECT (SELECT count(*) FROM bot_inboundupdate WHERE next_at IS NOT NULL)
     + (SELECT count(*) FROM bot_outboundmessage WHERE next_at IS NOT NULL)
"""
GIVEN_UP = """
SELECT (SELECT count(*) FROM bot_inboundupdate WHERE dead_at IS NOT NULL)
     + (SELECT count(*) FROM bot_outboundmessage WHERE dead_at IS NOT NULL)
"""
SECOND_SEATS = "SELECT count(*) - count(DISTINCT line_id) FROM orders_seat WHERE state = 'sold'"


class Aftermath:
    """Looks at a copy from outside: its tables, its chats, its own command. `paid`: buyer → number of the order."""

    def __init__(self, shop: ShopCopy, paid: Mapping[int, str]) -> None:
        self.shop, self.paid = shop, paid
        self._heard: dict[int, list[str]] = {}

    def wait_for_rest(self) -> None:
        """Until no work is in hand and all goods are there; what never comes is measured, not waited for."""
        with suppress(CopyFailed):
            self.shop.wait(lambda: self.shop.sql(WAITING) == [(0,)], "no work in hand", DRAIN)
        with suppress(CopyFailed):
            self.shop.wait(lambda: not self._late(), "the last goods", LATE_GOODS)

    def _late(self) -> list[int]:
        """Buyers whose goods have not come yet."""
        self._listen()
        return [user for user, number in self.paid.items() if not self._units(user, number)]

    def _listen(self) -> None:
        """What every buyer has by now."""
        self._heard = {user: self._texts(user) for user in self.paid}

    def measures(self, *, kills: int) -> Iterable[Measure]:
        self._listen()
        units = [self._units(user, number) for user, number in self.paid.items()]
        yield exactly("in hand", "no job is left behind", self.shop.sql(WAITING)[0][0], 0)
        yield exactly("given up", "no job was given up", self.shop.sql(GIVEN_UP)[0][0], 0)
        yield exactly("undelivered", "every paid order has its goods", sum(1 for found in units if not found), 0)
        yield exactly(
            "other goods", "nobody got goods of a second unit", sum(1 for found in units if len(found) > 1), 0
        )
        every = [unit for found in units for unit in found]
        yield exactly("same goods", "no unit went to two buyers", len(every) - len(set(every)), 0)
        yield exactly("seats", "no order took a second seat", self.shop.sql(SECOND_SEATS)[0][0], 0)
        yield at_most("snk", "SNK came again at most once a kill", self._repeated_terms(), kills, "repeats")
        yield self._books()

    def told(self, deaths: Mapping[str, float], limit: float) -> Measure:
        """How long after a first death (seconds since 1970) the owner heard of it."""
        waits = []
        for name, died in deaths.items():
            told = [m["at"] for m in self.shop.messages(OWNER) if f"Proses {name} berhenti" in m.get("text", "")]
            waits.append(min((at - died for at in told if at >= died), default=float("inf")))
        return all_within("told", f"the owner hears of a first death within {limit:g} s", waits, limit)

    def _texts(self, user: int) -> list[str]:
        return [m.get("text", "") for m in self.shop.messages(user) if m["from"] == "bot"]

    def _units(self, user: int, number: str) -> set[str]:
        """The units a buyer was sent for an order."""
        goods = [text for text in self._heard.get(user, []) if number in text and "barang" in text]
        return {unit for text in goods for unit in UNIT.findall(text)}

    def _repeated_terms(self) -> int:
        """Copies of the terms beyond one for each order."""
        return sum(max(0, sum(1 for text in texts if "SNK" in text) - 1) for texts in self._heard.values())

    def _books(self) -> Measure:
        """Every invariant, late things included; late ones may still be on their way for a while."""
        with suppress(CopyFailed):
            self.shop.wait(lambda: self._invariants()["ok"], "the invariants", LATE_BOOKS)
        answer = self._invariants()
        broken = [f"{i['name']} ({i['violations']})" for i in answer["invariants"] if i["violations"]]
        seen = ", ".join(broken) or f"all {len(answer['invariants'])} hold"
        return Measure("books", "every invariant holds", seen, bool(answer["ok"]))

    def _invariants(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.shop.manage("checkinvariants", "--fresh", "--json", check=False).stdout)
        return said
