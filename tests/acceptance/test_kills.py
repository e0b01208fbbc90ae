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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from host.up import supervisor
from tests.live import Live, Prepared

pytestmark = pytest.mark.acceptance

ORDERS = 200 if os.environ.get("CAMPAIGN") else 8
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


@pytest.fixture(scope="module")
def shop(tmp_path_factory: Any) -> Iterator[Live]:
    made = Prepared(
        tmp_path_factory.mktemp("kills"),
        SANDBOX_RATE="3000",
        TELEGRAM_RATE="1000",
        PAYMENT_POLL_FIRST="6",
        PAYMENT_POLL_EVERY="6",
        AUTOORDER_WORKERS="4",
        AUTOORDER_WEB_WORKERS="2",
        AUTOORDER_DRAIN="2",
        AUTOORDER_LONGEST_PAUSE="0.5",  # workers die again and again here; the pause has tests of its own
    )
    made.start()
    made.add_stock("spotify", ORDERS + 200)
    yield made
    made.stop()


def test_orders_survive_every_kill(shop: Live) -> None:
    dice = random.Random(20261124)
    over = threading.Event()
    killed = []

    def reaper() -> None:
        while not over.wait(dice.uniform(0.5, 2.5) if os.environ.get("CAMPAIGN") else dice.uniform(1.5, 4.0)):
            victim = VICTIMS[len(killed) % len(VICTIMS)]
            try:
                shop.kill(victim)
                killed.append(victim)
            except OSError:
                continue

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
    for user, number in paid.items():
        shop.goods(user, number, seconds=150)
    seats = shop.sql("SELECT count(*), count(DISTINCT line_id) FROM orders_seat WHERE state = 'sold'")
    assert seats == [(len(paid), len(paid))]
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


@pytest.mark.parametrize("victim", ["web", "worker", "worker/3", "bot", "sandbox", "postgres"])
def test_serving_again_within_five_seconds(shop: Live, victim: str) -> None:
    user = 5000 + ["web", "worker", "worker/3", "bot", "sandbox", "postgres"].index(victim)
    shop.insist("users", id=user, name="x")
    shop.kill(victim)
    started = time.monotonic()
    shop.insist("say", user=user, text="/start")
    shop.find(user, lambda m: "selamat datang" in m["text"], "the greeting", 20)
    took = time.monotonic() - started
    assert took < (5 if os.environ.get("CAMPAIGN") else 10), f"{took:.1f} s after killing {victim}"


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
