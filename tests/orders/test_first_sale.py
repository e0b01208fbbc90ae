"""The first sale, as a buyer reads it."""

from __future__ import annotations

from django.core.management import call_command

from apps.orders.models import Order, Seat, Variant
from tests.driver import Buyer, Shop


def test_sari_buys_and_reads_her_goods(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    invoice = sari.screen
    assert invoice["photo"]
    assert number in invoice["text"]
    assert "<b>Rp18.436</b>" in invoice["text"].split("\n")
    assert "termasuk biaya layanan Rp436" in invoice["text"]

    shop.pays(number)

    goods = sari.heard[-1]
    assert f"✅ Pembayaran {number} diterima. Ini barangnya:" in goods
    assert "<code>spotify-00001@contoh.id|rahasia-1</code>" in goods.split("\n")
    assert Order.objects.get(number=number).state == "delivered"
    assert Seat.objects.filter(state="sold").count() == 1
    call_command("checkinvariants", "--fresh")


def test_goods_come_without_any_webhook(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    shop.bank_pays(number)
    shop.forward(seconds=21)
    assert "Ini barangnya" in sari.heard[-1]
