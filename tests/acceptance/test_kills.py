"""kill -9 of anything at any moment: every paid order is delivered, no seat twice, serving again within 5 s."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from host.up import supervisor
from tests.live import Live

pytestmark = pytest.mark.acceptance

CAMPAIGN = bool(os.environ.get("CAMPAIGN"))
ORDERS = 200
SIDE_BY_SIDE = 4
PATIENT = 15.0  # seconds until a buyer who was told to come back does; whoever presses on is told to slow down
VICTIMS = [
    "web",
    "web/0",
    "worker",
    "worker/0",
    "worker/1",
    "worker/2",
    "worker/5",
    "worker/6",
    "bot",
    "watch",
    "sandbox",
    "postgres",
]


@pytest.fixture
def shop(killed: Live) -> Live:
    return killed


if CAMPAIGN:  # minutes; what the scaled drill chaos shows in small

    def test_orders_survive_every_kill(shop: Live) -> None:
        """While buyers buy, one process after the other is killed as soon as the shop serves again."""
        dice = random.Random(20261124)
        over = threading.Event()
        killed: list[tuple[str, float]] = []  # who, and the seconds until a newcomer was greeted

        def reaper() -> None:
            while not over.wait(dice.uniform(0.2, 1.5)):
                victim = VICTIMS[len(killed) % len(VICTIMS)]
                with suppress(OSError):
                    shop.kill(victim)
                    killed.append((victim, shop.seconds_until_greeted(5000 + len(killed))))

        ((sold,),) = shop.sql("SELECT count(*) FROM orders_seat WHERE state = 'sold'")
        numbers = itertools.count(2000)
        paid: dict[int, str] = {}

        def buyers() -> None:
            """One buyer after the other, until enough have paid and everything has been killed once."""
            while len(paid) < ORDERS or len(killed) < len(VICTIMS):
                user = next(numbers)
                number = walk(shop, user)
                shop.insist("pay", order_id=number)
                paid[user] = number

        with ThreadPoolExecutor(SIDE_BY_SIDE + 1) as people:
            death = people.submit(reaper)
            try:
                for walked in [people.submit(buyers) for _ in range(SIDE_BY_SIDE)]:
                    walked.result()
            finally:
                over.set()
            death.result()
        slowest = max(killed, key=lambda kill: kill[1])
        assert slowest[1] < 5, f"{slowest[1]:.1f} s after killing {slowest[0]}"
        for user, number in paid.items():
            shop.goods(user, number, seconds=150)
        seats = shop.sql("SELECT count(*), count(DISTINCT line_id) FROM orders_seat WHERE state = 'sold'")
        assert seats == [(sold + len(paid), sold + len(paid))]
        shop.wait(lambda: shop.manage("checkinvariants", "--fresh", check=False).returncode == 0, "the invariants", 150)
        for user in paid:
            texts = {
                line for m in shop.messages(user) for line in m.get("text", "").split("\n") if line.startswith("<code>")
            }
            assert len(texts) == 1, "the same goods at most again, never others"


def walk(shop: Live, user: int) -> str:
    """As a buyer does: what got no answer is pressed again, and what the gateway's death ended is ordered anew."""
    shop.insist("users", id=user, name=f"Pembeli {user}")
    trouble = 0
    while True:
        shop.insist("say", user=user, text="/start")
        for label in ("Semua produk", "Spotify", "Beli", "QRIS"):
            shop.press(user, label, 90)
        shown = shop.find(user, partial(is_outcome, after=trouble), "an invoice or the news that there is none", 120)
        if shown.get("photo"):
            return shop.invoice(user)
        trouble = shown["message_id"]
        time.sleep(PATIENT)


def is_outcome(message: dict[str, Any], *, after: int) -> bool:
    is_invoice = bool(message.get("photo")) and "AO-" in message["text"]
    is_trouble = "Kamu belum ditagih" in message.get("text", "")
    return message["message_id"] > after and (is_invoice or is_trouble)


def test_no_caller_is_refused_while_the_web_process_starts_anew(shop: Live) -> None:
    """Its socket outlives it: the call waits in it."""
    old = shop.processes()["web"]
    shop.kill("web")
    shop.wait(lambda: shop.processes().get("web") != old, "the kill")
    with urllib.request.urlopen(f"http://127.0.0.1:{shop.port}/healthz/live", timeout=20) as answer:
        assert answer.status == 200


def test_owner_is_told_of_a_death_within_a_minute(shop: Live) -> None:
    """By `watch` alone, on its own way out: the worker that died could not have told it."""
    shop.insist("users", id=700, name="Tono")
    shop.insist("say", user=700, text="/start")  # a bot may not write first
    before = len([m for m in shop.messages(700) if "Proses worker" in m.get("text", "")])
    hand = supervisor(
        str(shop.socket)
    )  # a watch that is stopped in order begins anew: the one before would only count this death
    hand.stopProcess("shop:watch")
    hand.startProcess("shop:watch")
    time.sleep(8)  # it must have seen who runs
    shop.kill("worker")
    heard = lambda: [m for m in shop.messages(700) if "Proses worker" in m.get("text", "")]  # noqa: E731
    shop.wait(lambda: len(heard()) > before, "the owner to be told", 60)


def test_a_web_process_told_to_stop_says_so_and_wakes_nobody(shop: Live) -> None:
    """A load balancer gets 503 while we still answer; `watch` writes down that it left, and tells no one."""

    def ready() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{shop.port}/healthz/ready", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    shop.wait(lambda: ready()[0] == 200, "the web process")
    time.sleep(3)  # watch has seen it
    diary = shop.shop_folder / "run/watch.jsonl"
    known = len(diary.read_text().splitlines()) if diary.exists() else 0  # other tests killed before
    old = shop.processes()["web"]
    os.kill(old, signal.SIGTERM)
    assert shop.wait(lambda: "stopping" in ready()[1], "503", 2)
    assert ready()[0] == 503
    shop.wait(lambda: shop.processes().get("web") not in (None, old) and ready()[0] == 200, "the next web process")

    def seen() -> list[str]:
        last = [json.loads(line) for line in diary.read_text().splitlines()[known:]]
        return [row["action"] for row in last if row.get("process") == "web"]

    assert shop.wait(seen, "watch", 10)[-1] == "left"


def test_the_synthetic_buyer_gets_its_goods_on_the_real_way(shop: Live) -> None:
    assert "sold in" in shop.manage("testbuy").stdout
    assert shop.sql("SELECT count(*) FROM orders_order WHERE total = 0 AND state = 'delivered'")[0][0] >= 1
