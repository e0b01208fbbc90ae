"""A random buyer presses every button of every screen: no dead end, no traceback, always a way home."""

from __future__ import annotations

import io
import os
import random
from collections import Counter
from typing import Any

import pytest
from django.core.management import call_command

from apps.bot.chats import chat_of
from apps.bot.dialogue.router import all_routes
from apps.bot.inbound import inbox
from apps.bot.models import ChatSession, InboundUpdate, OutboundMessage
from apps.orders.demo.load_demo import seed
from apps.orders.kinds import KINDS
from apps.orders.models import Category, OrderLine, Variant
from apps.orders.services import delivery, hoarding_limits
from apps.orders.states import LineState
from tests.conftest import make_product
from tests.driver import Buyer, Shop
from tests.offered_buttons import offered

WALKS = 4  # each a test of its own, so that they run beside each other
CAMPAIGN = bool(os.environ.get("CAMPAIGN"))
TAPS = 10_000 // WALKS if CAMPAIGN else 40
OF_STAFF = {"incident"}  # buttons under alerts
FOUND: Counter[str] = Counter()  # what all walks pressed
WORDS = (
    "/start", "/bantuan", "/batal", "/bahasa", "/pesanan", "/cari netflix", "/cari", "/keranjang", "/help", "/cancel",
    "netflix", "halo", "12345678", "1234", "DANA 0812 Sari", "<b>x", "/apa", "😀", "x" * 300, "5",
    "/start@toko_bot abc",
)  # fmt: skip
ANSWERS = {"answers": ("12345678", "1234", "salah"), "search": ("netflix", "paket", "zzz"), "refund_to": ("DANA 0812",)}


class Walker:
    """Sari with no patience, and what everybody around her does meanwhile."""

    def __init__(self, shop: Shop, sari: Buyer, dice: random.Random) -> None:
        self.shop, self.sari, self.dice = shop, sari, dice
        self.pressed: Counter[str] = Counter()

    def tap(self) -> None:
        """One thing a buyer may do."""
        chance = self.dice.random()
        state = ChatSession.objects.get(chat=chat_of(701)).state
        if state in ANSWERS and self.dice.random() < 0.4:
            self.sari.says(self.dice.choice(ANSWERS[state]))
        elif chance < 0.07:
            self.sari.says(self.dice.choice(WORDS))
        elif chance < 0.10:
            self.pay_something()
        elif chance < 0.11:
            self.buy_something()
        elif chance < 0.13:
            self.let_time_pass()
        else:
            self.press_something()

    def press_something(self) -> None:
        """Mostly the newest screen, sometimes one far up."""
        screens = [m for m in self.sari.messages if m["from"] == "bot" and m.get("keyboard")]
        if not screens:
            self.sari.says("/start")
            return
        shown = screens[-1] if self.dice.random() < 0.85 else self.dice.choice(screens[-12:])
        # buttons that were pressed little come first, or the rare ones never would
        buttons = [b["callback_data"] for row in shown["keyboard"] for b in row if "callback_data" in b]
        weights = [1 / (1 + self.pressed[b.partition(":")[0]]) for b in buttons]
        data = self.dice.choices(buttons, weights)[0]
        self.pressed[data.partition(":")[0]] += 1
        self.sari.presses_data(data, shown["message_id"])

    def buy_something(self) -> None:
        """Without hesitating for once: what is rare in a stroll (made by hand, shared, sold out) is met as well."""
        code = self.dice.choice(["ml-diamond", "ml-diamond", "netflix", "canva"])
        variant = self.dice.choice(list(Variant.objects.filter(product__code=code)))
        self.sari.says("/start").presses_data(f"v:{variant.pk}:1").presses_data(f"buy:{variant.pk}:1")
        if ChatSession.objects.get(chat=chat_of(701)).state == "answers":
            self.sari.says("12345678").says("1234")
        if ChatSession.objects.get(chat=chat_of(701)).state == "paying":
            self.sari.presses("QRIS")
            self.pay_something()

    def pay_something(self) -> None:
        known = self.shop.fakes.world.gateways["pakasir"].transactions
        waiting = [row["order_id"] for row in known.values() if row["status"] == "pending"]
        if waiting:
            self.shop.pays(waiting[-1] if self.dice.random() < 0.8 else self.dice.choice(waiting))

    def let_time_pass(self) -> None:
        """A minute, a quarter, or weeks; the seller finishes some of what is made by hand."""
        self.shop.forward(
            **self.dice.choice([{"seconds": 30}, {"minutes": 16}, {"minutes": 61}, {"days": 1}, {"days": 9}])
        )
        line = OrderLine.objects.filter(state=LineState.BY_HAND).order_by("id").first()
        if line is not None and self.dice.random() < 0.3:
            delivery.finish_by_hand(line_id=line.pk, text="Sudah masuk", file=None, file_name="", actor="user:1")
            self.shop.settle()

    def check(self) -> None:
        """What must hold after every tap."""
        known = all_routes().buttons
        newest = [m for m in self.sari.messages if m["from"] == "bot" and m.get("keyboard")][-1]
        data = [b["callback_data"] for row in newest["keyboard"] for b in row]
        assert all(d.partition(":")[0] in known for d in data), data
        is_home = any(d.startswith("all:") for d in data) and "help" in data
        is_invoice = any(d.startswith("check:") for d in data) and newest.get("photo")
        is_language = all(d.startswith("lang:") for d in data)
        assert "home" in data or is_home or is_invoice or is_language, f"no way home: {newest['text'][:200]} {data}"


@pytest.mark.parametrize("walk", range(WALKS))
def test_a_random_walk(shop: Shop, sari: Buyer, monkeypatch: pytest.MonkeyPatch, walk: int) -> None:
    monkeypatch.setattr(inbox.ACTIONS_A_MINUTE, "default", 10**9)
    monkeypatch.setattr(hoarding_limits.OPEN_ORDERS, "default", 4)
    seed()
    for n in range(12):
        made = make_product(f"paket{n}", name=f"Paket {n}", units=5, days=30 if n % 2 else None)
        made.product.category = Category.objects.create(name=f"Rak {n}")  # more than one screen of them
        made.product.save()
    walker = Walker(shop, sari, random.Random(20261124 + walk))
    sari.says("/start")
    for _ in range(TAPS):
        walker.tap()
        walker.check()
    assert not InboundUpdate.objects.exclude(last_error="").exists(), "a traceback"
    assert not InboundUpdate.objects.filter(next_at__isnull=False).exists()
    assert not OutboundMessage.objects.filter(state="failed").exists(), "something Telegram refused"
    books, code = io.StringIO(), 0
    try:
        call_command("checkinvariants", stdout=books)
    except SystemExit as ended:  # what is only late (nobody refunds here) does not count
        code = int(str(ended.code))
    assert code == 0, books.getvalue()
    sari.says("/start")
    assert "selamat datang" in sari.screen["text"] or "welcome" in sari.screen["text"]
    FOUND.update(walker.pressed)


if CAMPAIGN:

    def test_every_button_was_found_by_somebody() -> None:
        assert set(all_routes().buttons) - OF_STAFF - set(FOUND) == set()


def test_every_dialogue_function_with_a_screen_offers_the_way_home() -> None:
    without = {
        "nothing",
        "edge",
        "busy",
        "check",
        "cancel",
        "goods",
        "languages",
        "staff_press",
    }  # a toast only, or a choice of two
    routes = all_routes()
    for handler in {*(c.handler for c in routes.commands.values()), *routes.buttons.values(), *routes.states.values()}:
        assert "home" in offered(handler) or "help" in offered(handler) or handler.__name__ in without, handler


def test_every_button_of_the_table_is_offered_somewhere() -> None:
    routes = all_routes()
    handlers = {*(c.handler for c in routes.commands.values()), *routes.buttons.values(), *routes.states.values()}
    everywhere: set[str] = set().union(*(offered(handler) for handler in handlers))
    assert set(routes.buttons) == everywhere | {"incident"}, "that one stands under alerts"


def test_the_demo_has_every_kind(db: Any) -> None:
    """Or the walk would not meet every screen."""
    seed()
    from apps.orders.models import Product

    assert set(Product.objects.values_list("kind", flat=True)) == set(KINDS)
