"""Delivery: verbatim goods, odd characters, blocked buyers, SNK, one's own orders."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from apps.base.incidents import Incident
from apps.bot.chats import chat_of
from apps.orders.models import Order, OrderLine, Variant
from apps.orders.services import stock
from apps.orders.services.cart import add_to_cart
from apps.orders.services.stock import NewUnit
from apps.snk.models import Dispatch, Terms
from apps.snk.services import keep_terms
from tests.conftest import make_product
from tests.driver import Buyer, Shop


def test_odd_names_and_goods_break_nothing(shop: Shop) -> None:
    odd = shop.buyer(777, "<b>&\"' 👨\u200d👩\u200d👧 \u202eevil")
    variant = make_product("x", name="Paket <&>")
    goods = '<script>&amp; "a" \u202e\u200f 🙂\tb'
    stock.add_units(variant=variant, units=[NewUnit(goods)], actor="test")
    odd.says("/start")
    assert "&lt;b&gt;&amp;&quot;&#x27; 👨\u200d👩\u200d👧 evil" in odd.heard[-1]
    shop.pays(odd.orders("Paket"))
    assert "&lt;script&gt;&amp;amp; &quot;a&quot; \u202e\u200f 🙂\tb" in odd.heard[-1], "escaped, never stripped"
    assert Order.objects.get().state == "delivered"


def test_ten_thousand_characters_come_as_a_document(shop: Shop, sari: Buyer) -> None:
    variant = make_product("kode", name="Kode Panjang", max_quantity=10)
    units = [f"{n}<&>" + "é" * 996 for n in range(10)]
    stock.add_units(variant=variant, units=[NewUnit(u) for u in units], actor="test")
    shop.pays(sari.orders("Kode"))
    number = sari.orders("Kode", quantity=9)
    shop.pays(number)
    sent = sari.messages[-1]
    assert sent["document_name"] == f"{number}.txt"
    content = shop.fakes.world.telegram.journal.blob(sent["document"])
    assert content is not None
    assert content.decode().split("\n") == units[1:]


def test_terms_follow_the_goods_once(shop: Shop, sari: Buyer) -> None:
    variant = make_product("spotify", units=3, name="Spotify", terms="Jangan ganti sandi <ya>.")
    keep_terms(product_id=variant.product_id)
    number = sari.orders("Spotify")
    shop.pays(number)
    assert sari.heard[-1] == "📄 <b>SNK Spotify</b>\nJangan ganti sandi &lt;ya&gt;."
    assert "barangnya" in sari.heard[-2]
    shop.webhook(number)
    shop.settle()
    assert Dispatch.objects.count() == 1
    assert sum("SNK Spotify" in text for text in sari.heard) == 1


def test_a_new_text_is_a_new_version(shop: Shop) -> None:
    variant = make_product("spotify", name="Spotify", terms="satu")
    product = variant.product
    assert keep_terms(product_id=product.pk).version == 1  # type: ignore[union-attr]
    assert keep_terms(product_id=product.pk).version == 1  # type: ignore[union-attr]
    product.terms = "dua"
    product.save()
    assert keep_terms(product_id=product.pk).version == 2  # type: ignore[union-attr]
    assert Terms.objects.count() == 2


def test_long_terms_come_as_a_document(shop: Shop, sari: Buyer) -> None:
    make_product("spotify", units=3, name="Spotify", terms="Pasal. " * 900)
    shop.pays(sari.orders("Spotify"))
    assert sari.messages[-1]["document_name"] == "SNK-spotify.txt"


def test_a_buyer_who_blocked_the_bot_gets_his_goods_when_he_is_back(
    shop: Shop, sari: Buyer, tono: Buyer, spotify: Variant
) -> None:
    number = sari.orders("Spotify")
    shop.fakes.do(lambda: shop.fakes.world.telegram.block(701, True))
    shop.pays(number)
    assert OrderLine.objects.get().state == "undeliverable"
    assert Incident.objects.filter(key=f"undeliverable.{number}").exists()
    assert f"Barang untuk <b>{number}</b> tidak bisa dikirim" in tono.heard[-1]
    call_command("checkinvariants")
    shop.fakes.do(lambda: shop.fakes.world.telegram.block(701, False))
    sari.says("/start")
    assert sum("barangnya" in text for text in sari.heard) == 1
    assert Order.objects.get().state == "delivered"
    call_command("checkinvariants", "--fresh")


def test_goods_are_shown_again(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    shop.pays(number)
    sari.says("/pesanan").presses(number).presses("Lihat barang")
    assert f"Kiriman ulang {number}" in sari.heard[-1]
    assert "rahasia-1" in sari.heard[-1]
    assert sari.toast == "Barangmu dikirim lagi di bawah."


def test_unpaid_orders_show_no_goods(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    sari.presses_data(f"goods:{number}")
    assert sari.toast == "Belum ada barang untuk pesanan ini."


def test_orders_come_in_pages(shop: Shop, sari: Buyer) -> None:
    make_product("spotify", units=20, name="Spotify")
    for _ in range(9):
        shop.pays(sari.orders("Spotify"))
        shop.forward(minutes=2)
    sari.says("/pesanan").presses("Berikutnya")
    assert len([row for row in sari.screen["keyboard"] if "AO-" in row[0]["text"]]) == 1


def test_an_unknown_outcome_is_repeated_with_a_mark(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    shop.fakes.world.faults.telegram_cut = 1.0
    shop.bank_pays(number)
    shop.webhook(number)
    shop.settle()
    shop.fakes.world.faults.telegram_cut = 0.0
    shop.forward(minutes=2)
    goods = [text for text in sari.heard if "rahasia-1" in text]
    assert len(goods) >= 2
    assert all("Kiriman ulang" in text for text in goods[1:])
    assert Order.objects.get().state == "delivered"


def test_telegram_down_holds_goods_back_and_loses_none(shop: Shop, spotify: Variant) -> None:
    buyers = [shop.buyer(860 + n, f"P{n}") for n in range(3)]
    numbers = [buyer.orders("Spotify") for buyer in buyers]
    shop.fakes.world.faults.telegram_down = True
    for number in numbers:
        shop.bank_pays(number)
        shop.webhook(number)
    for _ in range(3):
        shop.forward(seconds=10)
    shop.fakes.world.faults.telegram_down = False
    for _ in range(8):
        shop.forward(minutes=1)
    for buyer in buyers:
        goods = [text for text in buyer.heard if "rahasia" in text]
        assert goods
        assert len({line for text in goods for line in text.split("\n") if "<code>" in line}) == 1, (
            "the same goods only"
        )
        assert all("Kiriman ulang" in text for text in goods[1:])


def test_english_is_complete(shop: Shop, spotify: Variant) -> None:
    emma = shop.buyer(704, "Emma", "en")
    emma.says("/start").presses("English")
    assert "welcome to" in emma.heard[-1]
    emma.presses("All products").presses("Spotify").presses("Buy").presses("QRIS")
    shop.pays(emma.invoice_number())
    assert "Here are your goods" in emma.heard[-1]


@pytest.mark.parametrize("command", ["/bantuan", "/help", "/bahasa", "/pesanan", "/keranjang", "/cari", "/batal"])
def test_every_command_answers(shop: Shop, sari: Buyer, command: str) -> None:
    sari.says(command)
    assert sari.screen["keyboard"]


def test_many_lines_with_long_names_go_as_one_document(shop: Shop, sari: Buyer) -> None:
    """The goods alone would fit, but not with everything that is said around them."""
    for n in range(12):
        make_product(f"p{n}", name=f"Paket {n} " + "panjang " * 6, units=1, account_fields="email|password")
        variant = Variant.objects.get(product__code=f"p{n}")
        unit = variant.units.get()
        unit.content = "x" * 280
        unit.save()
        add_to_cart(chat=chat_of(701), variant=variant, quantity=1)
    sari.says("/keranjang").presses("Bayar semua").presses("QRIS")
    shop.pays(sari.invoice_number())
    sent = [m for m in sari.messages if m.get("document")]
    assert len(sent) == 1
    assert OrderLine.objects.filter(state="sent").count() == 12
