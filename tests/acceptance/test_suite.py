"""The acceptance suite: what the shop promises, seen from outside, with the bells and with every bell dropped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.conftest import FAST
from tests.live import Live, Prepared

pytestmark = pytest.mark.acceptance

WAYS = ["webhook", "bells dropped", *(["polling"] if os.environ.get("CAMPAIGN") else [])]  # without bells it polls too


@pytest.fixture(scope="module", params=WAYS)
def shop(request: Any, tmp_path_factory: Any) -> Iterator[Live]:
    if request.param == "webhook":
        yield request.getfixturevalue("by_webhook")
        return
    more = {"AUTOORDER_DROP_BELLS": "1"} if request.param == "bells dropped" else {}
    made = Prepared(tmp_path_factory.mktemp("suite"), **FAST, **more)
    made.start()
    yield made
    made.stop()


def test_a_sale(shop: Live) -> None:
    goods = shop.buy(1001, "Spotify")
    assert "<code>spotify1@contoh.id|lagu-enak-1</code>" in goods
    shop.find(1001, lambda m: "SNK Spotify" in m.get("text", ""), "the SNK")


def test_a_shared_account(shop: Live) -> None:
    assert "Profil 1 | PIN" in shop.buy(1002, "Netflix")


def test_a_content(shop: Live) -> None:
    assert "50-resep-nusantara" in shop.buy(1003, "E-book")


def test_made_by_hand(shop: Live) -> None:
    user = 1004
    shop.insist("users", id=user, name="Bayu")
    shop.insist("say", user=user, text="/start")
    for label in ("Semua produk", "Mobile Legends", "Beli"):
        shop.press(user, label)
    shop.find(user, lambda m: "ID Mobile Legends" in m.get("text", ""), "the question")
    shop.insist("say", user=user, text="12345678")
    shop.find(user, lambda m: "nomor server" in m.get("text", ""), "the second question")
    shop.insist("say", user=user, text="2345")
    shop.press(user, "QRIS")
    number = shop.invoice(user)
    shop.insist("pay", order_id=number)
    shop.find(user, lambda m: number in m["text"] and "diproses manual" in m["text"], "the promise")
    shop.find(
        700,
        lambda m: number in m["text"] and "ID Mobile Legends kamu: <code>12345678" in m["text"],
        "the owner's notice",
    )


def test_cancel_frees_the_stock(shop: Live) -> None:
    number = shop.walk_to_invoice(1005, "Canva")
    shop.press(1005, "Batalkan")
    shop.find(1005, lambda m: f"<b>{number}</b> dibatalkan" in m["text"], "the cancellation")
    assert "undangan-001" in shop.buy(1006, "Canva")


def test_a_lost_webhook(shop: Live) -> None:
    shop.tell("faults", webhook_lost=True)
    try:
        shop.buy(1007, "Token Listrik")
    finally:
        shop.tell("faults", webhook_lost=False)


def test_the_same_webhook_many_times(shop: Live) -> None:
    shop.tell("faults", webhook_copies=20)
    try:
        shop.buy(1008, "Token Listrik")
    finally:
        shop.tell("faults", webhook_copies=1)
    assert sum("barangnya" in m.get("text", "") for m in shop.messages(1008)) == 1


def test_commands_reach_the_running_sandbox(shop: Live) -> None:
    shop.env.pop("SANDBOX_URL")
    number = shop.walk_to_invoice(1009, "Token Listrik")
    shop.tell("faults", webhook_lost=True)
    shop.tell("pay", order_id=number)
    shop.tell("faults", webhook_lost=False)
    assert "settled" in shop.manage("reconcile", check=False).stdout or shop.goods(1009, number)
    shop.goods(1009, number)


def test_chunked_bodies_are_read_and_limited(shop: Live) -> None:
    secret = "sandbox-webhook-secret"
    body = b'{"txn_id": "t-chunk", "order_id": "AO-CHUNK", "amount": 1, "is_sandbox": true, "status": "completed"}'
    assert post_chunked(shop, secret, [body[:20], body[20:]]) == 200
    assert shop.sql("SELECT count(*) FROM orders_gatewayevent WHERE reference = 'AO-CHUNK'") == [(1,)]
    assert post_chunked(shop, secret, [b"x" * 100_000] * 11) == 413


def post_chunked(shop: Live, secret: str, parts: list[bytes]) -> int:
    from http.client import HTTPConnection

    wire = HTTPConnection("127.0.0.1", shop.port, timeout=10)
    wire.putrequest("POST", "/payments/pakasir/webhook/")
    wire.putheader("X-Secret", secret)
    wire.putheader("Transfer-Encoding", "chunked")
    wire.endheaders()
    for part in (*parts, b""):
        wire.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    return wire.getresponse().status


def test_the_books_are_right_and_no_rule_was_broken(shop: Live) -> None:
    shop.wait(lambda: shop.manage("checkinvariants", "--fresh", check=False).returncode == 0, "the invariants")
    assert shop.ask("transactions")["broken_rules"] == []
    assert shop.sql("SELECT count(*) FROM bot_outboundmessage WHERE state = 'failed'")[0][0] == 0
