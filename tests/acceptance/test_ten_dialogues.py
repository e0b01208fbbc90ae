"""Ten buyers in the middle of ten different dialogues when every process is killed go on where they were."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live import Live

pytestmark = pytest.mark.acceptance

KILLED = ("web", "worker", "bot", "watch", "sandbox", "postgres")

# who: how far they come before the kill, what they do after it, and what they must see then
DIALOGUES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "at the menu": ((), ("Bantuan",), "/pesanan melihat pesanan"),
    "in a category": (("Semua produk",), ("Spotify",), "Spotify Premium"),
    "at a product": (("Semua produk", "Steam Wallet"), ("+",), "2 × Rp15.000"),
    "counting": (("Semua produk", "Steam Wallet", "+"), ("+",), "3 × Rp15.000"),
    "searching": (("Cari",), ("say:netflix",), "Hasil untuk"),
    "asked the first question": (("Semua produk", "Mobile Legends", "Beli"), ("say:12345678",), "nomor server"),
    "asked the second": (
        ("Semua produk", "Mobile Legends", "Beli", "say:12345678"), ("say:1234",), "Mau bayar dengan apa",
    ),
    "choosing how to pay": (("Semua produk", "Spotify", "Beli"), ("QRIS",), "Bayar sebelum"),
    "with a cart": (("Semua produk", "Token Listrik", "Tambah ke keranjang"), ("Bayar semua",), "Mau bayar dengan apa"),
    "with an invoice": (("Semua produk", "Spotify", "Beli", "QRIS"), ("pay",), "Ini barangnya"),
}  # fmt: skip


def do(shop: Live, user: int, step: str) -> None:
    """One step, and until the shop has answered it."""
    before = shop.wait(lambda: shop.ask(f"messages?chat={user}"), "the fakes")["messages"]
    if step == "pay":
        shop.insist("pay", order_id=shop.invoice(user, 60))
        return
    if step.startswith("say:"):
        shop.insist("say", user=user, text=step[4:])
    else:
        shop.press(user, step, 60)
    shop.wait(lambda: answered(before, shop.ask(f"messages?chat={user}")["messages"]), f"an answer to {step}", 60)


def answered(before: list[Any], now: list[Any]) -> bool:
    """Whether the bot wrote, changed or removed something."""
    return [m for m in now if m["from"] == "bot"] != [m for m in before if m["from"] == "bot"]


def test_ten_dialogues_go_on(killed: Live) -> None:
    shop = killed
    users = dict(zip(DIALOGUES, range(7100, 7110), strict=True))
    for who, user in users.items():
        shop.insist("users", id=user, name=who)
        shop.insist("say", user=user, text="/start")
        shop.find(user, lambda m: "selamat datang" in m["text"], "the greeting")
        for step in DIALOGUES[who][0]:
            do(shop, user, step)
    shop.invoice(users["with an invoice"])
    for process in KILLED:
        shop.kill(process)
    for who, user in users.items():
        for step in DIALOGUES[who][1]:
            do(shop, user, step)
        shop.find(user, lambda m, seen=DIALOGUES[who][2]: seen in m.get("text", ""), f"{DIALOGUES[who][2]} ({who})", 60)
