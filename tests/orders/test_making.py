"""Made by hand: the promise, the reminder, and the buyer's choice when it is broken."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from apps.base.incidents import Incident
from apps.bot.models import OutboundMessage
from apps.orders.models import LedgerEntry, Order, OrderLine, Variant
from apps.orders.services import delivery, storefront
from apps.orders.services.money_review import mark_refunded
from tests.conftest import make_product
from tests.driver import Buyer, Shop, debts


@pytest.fixture
def diamond(db: object) -> Variant:
    return make_product("diamond", kind="manual", name="Diamond", price=20_000)


def order_diamond(shop: Shop, sari: Buyer) -> str:
    number = sari.orders("Diamond")
    shop.pays(number)
    return number


def books_hold() -> None:
    call_command("checkinvariants", stdout=io.StringIO())


def test_sellers_are_reminded_at_half_time(shop: Shop, sari: Buyer, tono: Buyer, diamond: Variant) -> None:
    number = order_diamond(shop, sari)
    shop.forward(minutes=29)
    assert not [t for t in tono.heard if "Pengingat" in t]
    shop.forward(minutes=2)
    assert [t for t in tono.heard if "Pengingat" in t and number in t]
    shop.forward(minutes=5)
    assert len([t for t in tono.heard if "Pengingat" in t]) == 1


def test_past_the_promise_the_owner_is_told_and_the_buyer_may_choose(
    shop: Shop, sari: Buyer, tono: Buyer, diamond: Variant
) -> None:
    number = order_diamond(shop, sari)
    shop.forward(minutes=61)
    assert [t for t in tono.heard if "Janji" in t and number in t]
    assert "Uangmu aman" in sari.heard[-1]
    assert sari.button("Tunggu saja")
    assert sari.button("Minta uang kembali")


def test_waiting_starts_the_promise_again(shop: Shop, sari: Buyer, tono: Buyer, diamond: Variant) -> None:
    order_diamond(shop, sari)
    shop.forward(minutes=61)
    sari.presses("Tunggu saja")
    assert "Terima kasih sudah menunggu" in sari.screen["text"]
    assert [t for t in tono.heard if "mau menunggu" in t]
    assert not Incident.objects.filter(key__startswith="promise.").exclude(state="resolved").exists()
    shop.forward(minutes=61)
    assert "Uangmu aman" in sari.heard[-1], "the second broken promise is told as well"


def test_the_money_goes_back(shop: Shop, sari: Buyer, tono: Buyer, diamond: Variant) -> None:
    number = order_diamond(shop, sari)
    shop.forward(minutes=61)
    sari.presses("Minta uang kembali")
    assert "Rp20.000" in sari.screen["text"]
    assert number in sari.screen["text"]
    assert OrderLine.objects.get().state == "by_hand", "asked once more before anything happens"
    sari.presses("Ya, kembalikan").says("DANA 0812345 Sari")
    assert "Sudah dicatat" in sari.screen["text"]
    line = OrderLine.objects.get()
    assert (line.state, line.refund_to) == ("returned", "DANA 0812345 Sari")
    assert [t for t in tono.heard if "tidak mau menunggu" in t]
    assert [t for t in tono.heard if "Jangan dikerjakan lagi" in t and number in t]
    assert [t for t in tono.heard if "Tujuan pengembalian" in t]
    assert not any("0812345" in t for t in tono.heard), "an account number stays on the dashboard"
    books_hold()

    assert mark_refunded(order_id=line.order_id, keys=debts(line.order_id), actor="user:1") == 20_000
    shop.settle()
    assert Order.objects.get().state == "refunded"
    assert "sudah mengembalikan uangmu Rp20.000" in sari.heard[-1]
    held = LedgerEntry.objects.filter(account="held").values_list("amount", flat=True)
    assert sum(held) == 0
    books_hold()


def test_finished_after_all_beats_the_button(shop: Shop, sari: Buyer, diamond: Variant) -> None:
    order_diamond(shop, sari)
    shop.forward(minutes=61)
    late = sari.screen
    delivery.finish_by_hand(
        line_id=OrderLine.objects.get().pk, text="Sudah masuk", file=None, file_name="", actor="user:1"
    )
    shop.settle()
    sari.presses("Minta uang kembali", late)
    assert "sudah tidak perlu" in sari.toast
    assert OrderLine.objects.get().state == "sent"
    assert not Incident.objects.exclude(state="resolved").exists()


def test_pressed_twice_is_one_refund(shop: Shop, sari: Buyer, diamond: Variant) -> None:
    order_diamond(shop, sari)
    shop.forward(minutes=61)
    sari.presses("Minta uang kembali")
    sure = sari.screen
    sari.presses("Ya, kembalikan", sure).presses("Ya, kembalikan", sure)
    line = OrderLine.objects.get()
    assert mark_refunded(order_id=line.order_id, keys=debts(line.order_id), actor="user:1") == 20_000


def test_somebody_elses_line_is_out_of_reach(shop: Shop, sari: Buyer, dewi: Buyer, diamond: Variant) -> None:
    order_diamond(shop, sari)
    shop.forward(minutes=61)
    line = OrderLine.objects.get()
    dewi.says("/start")
    for verb in ("wait", "moneyback", "moneyyes"):
        dewi.presses_data(f"{verb}:{line.pk.hex}")
        assert "sudah tidak perlu" in dewi.toast
    assert OrderLine.objects.get().state == "by_hand"


def test_the_other_lines_of_the_order_stay_delivered(
    shop: Shop, sari: Buyer, diamond: Variant, spotify: Variant
) -> None:
    sari.says("/start").presses("Semua produk").presses("Diamond").presses("Tambah ke keranjang")
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Tambah ke keranjang")
    sari.presses("Bayar semua").presses("QRIS")
    shop.pays(sari.invoice_number())
    shop.forward(minutes=61)
    sari.presses("Minta uang kembali").presses("Ya, kembalikan")
    order = Order.objects.get()
    assert order.state == "paid"
    assert mark_refunded(order_id=order.pk, keys=debts(order.pk), actor="user:1") == 20_000
    assert Order.objects.get().state == "delivered"
    books_hold()


def test_a_closed_shop_sells_nothing_and_delivers_what_was_paid(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    storefront.SHOP_CLOSED.set(True, actor="test")
    storefront.CLOSED_NOTE.set("Buka lagi besok.", actor="test")
    shop.pays(number)
    assert any("barangnya" in text for text in sari.heard)
    sari.says("/start")
    assert "Toko sedang tutup. Buka lagi besok." in sari.screen["text"]
    sari.presses("Semua produk").presses("Spotify").presses("Beli")
    assert "Kamu belum ditagih. Toko sedang tutup. Buka lagi besok." in sari.screen["text"]
    assert Order.objects.count() == 1


def test_the_order_page_offers_the_same_choice(shop: Shop, sari: Buyer, diamond: Variant) -> None:
    number = order_diamond(shop, sari)
    shop.forward(minutes=61)
    sari.says("/pesanan").presses(number).presses("Minta uang kembali").presses("Ya, kembalikan")
    sari.says("/pesanan").presses(number)
    assert "uang sedang dikembalikan" in sari.screen["text"]
    sari.presses("Tulis rekening").says("BCA 123 Sari")
    assert OrderLine.objects.get().refund_to == "BCA 123 Sari"
    assert OutboundMessage.objects.filter(state="failed").count() == 0
