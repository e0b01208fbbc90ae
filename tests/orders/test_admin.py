"""The dashboard: everything is shown, and statuses change by actions that call services."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from apps.bot.models import InboundUpdate, OutboundMessage
from apps.orders.models import GatewayEvent, Order, Product, Seat, Variant
from tests.conftest import make_product, spoil_everything
from tests.driver import Buyer, Shop, debts


@pytest.fixture
def owner(db: Any) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("tono", password="x"))
    return client


SHOWING_PEOPLE = ("admin:orders_order_changelist", "admin:bot_chat_changelist")
LISTS = [
    "admin:orders_order_changelist", "admin:orders_product_changelist", "admin:orders_variant_changelist",
    "admin:orders_stockunit_changelist", "admin:orders_category_changelist", "admin:orders_payment_changelist",
    "admin:orders_gatewayevent_changelist", "admin:orders_ledgerentry_changelist", "admin:snk_terms_changelist",
    "admin:bot_inboundupdate_changelist", "admin:bot_outboundmessage_changelist", "admin:bot_chat_changelist",
    "admin:base_incident_changelist", "admin:base_auditrow_changelist", "dead-letters", "admin:orders_product_import",
]  # fmt: skip


def test_every_list_opens_on_a_used_shop_and_on_a_damaged_one(
    owner: Client, shop: Shop, sari: Buyer, spotify: Variant
) -> None:
    shop.pays(sari.orders("Spotify"))
    assert {name: owner.get(reverse(name)).status_code for name in LISTS} == dict.fromkeys(LISTS, 200)
    spoil_everything()
    for name in LISTS:
        page = owner.get(reverse(name))
        assert page.status_code == 200, name
        assert ("(rusak, tidak terbaca)" in page.content.decode()) == (name in SHOWING_PEOPLE), name


def test_a_damaged_order_can_still_be_looked_at(owner: Client, shop: Shop, sari: Buyer) -> None:
    make_product("ml", kind="manual", questions=[{"label": "ID", "kind": "angka"}])
    sari.says("/start").presses("Semua produk").presses("Ml").presses("Beli").says("123").presses("QRIS")
    shop.pays(sari.invoice_number())
    order = Order.objects.get()
    assert owner.get(reverse("admin:orders_order_change", args=[order.pk])).status_code == 200
    spoil_everything()
    for url in (
        reverse("admin:orders_order_change", args=[order.pk]),
        reverse("admin:orders_line_finish", args=[order.lines.get().pk]),
    ):
        page = owner.get(url)
        assert page.status_code == 200
        assert "(rusak, tidak terbaca)" in page.content.decode()


def test_an_order_tells_everything_that_happened(owner: Client, shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    shop.pays(number)
    page = owner.get(reverse("admin:orders_order_change", args=[Order.objects.get().pk])).content.decode()
    for text in (
        "Pesanan dibuat, total Rp18.000",
        "Uang masuk Rp18.000",
        "Kabar gateway: completed",
        "Barang sampai di pembeli",
    ):
        assert text in page
    assert "rahasia-1" not in page


def test_money_for_a_cancelled_order_is_served_by_a_hand(
    owner: Client, shop: Shop, sari: Buyer, spotify: Variant
) -> None:
    number = sari.orders("Spotify")
    sari.presses("Batalkan")
    shop.forward(seconds=2)
    shop.bank_pays(number)
    shop.forward(minutes=30)
    order = Order.objects.get(number=number)
    assert order.state == "needs_review"
    act = reverse("admin:orders_order_act", args=[order.pk, "kirim"])
    assert owner.get(act).status_code == 200
    assert Order.objects.get().state == "needs_review", "looking changes nothing"
    owner.post(act)
    shop.settle()
    assert "Ini barangnya" in sari.heard[-1]
    assert Order.objects.get().state == "delivered"


def test_money_given_back_is_booked_once(owner: Client, shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    sari.presses("Batalkan")
    shop.forward(seconds=2)
    shop.bank_pays(number)
    shop.forward(minutes=17)
    order = Order.objects.get()
    act = reverse("admin:orders_order_act", args=[order.pk, "kembalikan"])
    shown = owner.get(act).content.decode()
    assert "Rp18.000" in shown
    assert "uang telat" in shown
    owner.post(act)
    assert Order.objects.get().state == "needs_review", "nothing ticked, nothing done"
    owner.post(act, {"yang": debts(order.pk)})
    owner.post(act, {"yang": debts(order.pk)})
    shop.settle()
    order.refresh_from_db()
    assert order.state == "refunded"
    assert order.ledger.filter(account="refunded").count() == 1
    assert "sudah mengembalikan uangmu Rp18.000" in sari.heard[-1]


def test_stock_is_previewed_before_it_is_kept(owner: Client, spotify: Variant) -> None:
    page = reverse("admin:orders_variant_stock", args=[spotify.pk])
    text = "spotify-00001@contoh.id|rahasia-1\nbaru@contoh.id|x"
    preview = owner.post(page, {"text": text}).content.decode()
    assert "<b>2</b> isi terbaca, <b>1</b> sudah ada" in preview
    assert Seat.objects.count() == 3
    owner.post(page, {"text": text, "confirm": "1"})
    assert Seat.objects.count() == 4


def test_a_bad_stock_file_is_refused_whole(owner: Client, spotify: Variant) -> None:
    page = reverse("admin:orders_variant_stock", args=[spotify.pk])
    answer = owner.post(page, {"text": "baik\nbu\x07ruk", "confirm": "1"}).content.decode()
    assert "baris 2: huruf ke-3: karakter tersembunyi U+0007" in answer
    assert Seat.objects.count() == 3


def test_products_are_previewed_and_imported(owner: Client, db: Any) -> None:
    page = reverse("admin:orders_product_import")
    text = "code,name,price,description,category,terms\nzoom,Zoom Pro,Rp45.000,Rapat,Aplikasi,Jangan dibagikan\n"
    assert "<b>1</b> baris terbaca" in owner.post(page, {"text": text}).content.decode()
    assert not Product.objects.exists()
    owner.post(page, {"text": text, "confirm": "1"})
    assert Variant.objects.get(product__code="zoom").price == 45_000


def test_a_product_is_made_with_its_questions(owner: Client, db: Any) -> None:
    form = {
        "code": "pubg",
        "name": "PUBG UC",
        "description": "",
        "category": "",
        "kind": "manual",
        "terms": "SNK",
        "is_active": "on",
        "min_quantity": 1,
        "max_quantity": 1,
        "warranty_days": 0,
        "promised_minutes": 60,
        "position": 0,
        "asked": "ID? | (",
        "variants-TOTAL_FORMS": 1,
        "variants-INITIAL_FORMS": 0,
        "variants-0-name": "60 UC",
        "variants-0-price": 15000,
        "variants-0-seats_per_unit": 1,
        "variants-0-position": 0,
        "variants-0-is_active": "on",
    }
    page = reverse("admin:orders_product_add")
    assert "tidak dikenal. Pilih bebas" in owner.post(page, form).content.decode()
    owner.post(page, {**form, "asked": "ID? | angka 6-12 | lihat profil\n\nEmail? | email\nCatatan?"})
    asked = Product.objects.get().questions
    assert [question["label"] for question in asked] == ["ID?", "Email?", "Catatan?"]
    assert asked[0] == {"label": "ID?", "kind": "angka 6-12", "hint": "lihat profil"}
    change = owner.get(reverse("admin:orders_product_change", args=[Product.objects.get().pk])).content.decode()
    assert "ID? | angka 6-12 | lihat profil\nEmail? | email\nCatatan?" in change


def test_selesai_brings_what_was_made(owner: Client, shop: Shop, sari: Buyer) -> None:
    make_product("ml", kind="manual", name="Diamond", max_quantity=1)
    number = sari.orders("Diamond")
    shop.pays(number)
    line = Order.objects.get().lines.get()
    page = reverse("admin:orders_line_finish", args=[line.pk])
    assert "Isi teks atau pilih file" in owner.post(page, {"text": ""}).content.decode()
    owner.post(page, {"text": "Sudah masuk <3"})
    shop.settle()
    assert "<code>Sudah masuk &lt;3</code>" in sari.heard[-1]
    assert Order.objects.get().state == "delivered"


def test_refused_webhooks_show_their_reason(owner: Client, shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    assert shop.webhook(number, secret="wrong").status_code == 401
    assert GatewayEvent.objects.get().reason == "wrong secret"
    assert "wrong secret" in owner.get(reverse("admin:orders_gatewayevent_changelist")).content.decode()


def test_dead_letters_are_revived(owner: Client, shop: Shop, sari: Buyer, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("apps.bot.inbound.inbox.route", lambda talk: 1 / 0)
        sari.says("/start")
        for _ in range(4):
            shop.forward(seconds=30)
    update = InboundUpdate.objects.get()
    assert update.dead_at is not None
    page = reverse("dead-letters")
    assert "ZeroDivisionError" in owner.get(page).content.decode()
    owner.post(page, {"row": f"bot.InboundUpdate:{update.pk}"})
    shop.forward(seconds=2)
    assert "selamat datang" in sari.heard[-1]


def test_a_failed_message_is_sent_again(owner: Client, shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    message = OutboundMessage.objects.get()
    OutboundMessage.objects.update(state="failed", next_at=None)
    page = reverse("admin:bot_outboundmessage_changelist")
    owner.post(page, {"action": "retry", "_selected_action": [str(message.pk)]})
    before = len(sari.heard)
    shop.settle()
    assert len(sari.heard) == before + 1


def test_a_shared_account_is_changed_for_its_holders(owner: Client, shop: Shop, sari: Buyer) -> None:
    make_product("netflix", kind="shared", name="Netflix", units=1, seats=2)
    shop.pays(sari.orders("Netflix"))
    unit = Seat.objects.filter(state="sold").get().unit
    page = reverse("admin:orders_stockunit_content", args=[unit.pk])
    shown = owner.get(page).content.decode()
    assert "<b>1</b> pembeli memegang" in shown
    assert "rahasia" not in shown, "what is stored is not revealed here"
    assert "Isi yang berubah saja" in owner.post(page, {"content": "", "label": ["", ""]}).content.decode()
    owner.post(page, {"content": "baru@contoh.id | baru", "label": ["", ""]})
    shop.settle()
    assert "baru@contoh.id | baru | Profil 1" in sari.heard[-1]


def test_what_waits_for_a_hand_is_found(owner: Client, shop: Shop, sari: Buyer, dewi: Buyer, spotify: Variant) -> None:
    make_product("ml", kind="manual", name="Diamond", max_quantity=1)
    made, plain = sari.orders("Diamond"), dewi.orders("Spotify")
    shop.pays(made)
    shop.pays(plain)
    page = reverse("admin:orders_order_changelist")
    everything = owner.get(page).content.decode()
    assert made in everything
    assert plain in everything
    assert "Diamond × 1" in everything
    for choice, found in (("semua", True), ("buat", True), ("uang", False), ("gagal", False)):
        shown = owner.get(page, {"kerja": choice}).content.decode()
        assert (made in shown) is found
        assert plain not in shown
    shop.forward(minutes=61)
    sari.presses("Minta uang kembali").presses("Ya, kembalikan").says("DANA 0812")
    shown = owner.get(page, {"kerja": "uang"}).content.decode()
    assert made in shown
    assert "kembalikan uang" in shown
    order = Order.objects.get(number=made)
    assert "DANA 0812" in owner.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    owner.post(reverse("admin:orders_order_act", args=[order.pk, "kembalikan"]), {"yang": debts(order.pk)})
    assert Order.objects.get(number=made).state == "refunded"


NEW_PRODUCT = {
    "name": "CapCut",
    "code": "capcut",
    "kind": "stock",
    "is_active": "on",
    "min_quantity": "1",
    "max_quantity": "5",
    "warranty_days": "0",
    "promised_minutes": "60",
    "position": "0",
    "variants-TOTAL_FORMS": "1",
    "variants-INITIAL_FORMS": "0",
    "variants-MIN_NUM_FORMS": "1",
    "variants-MAX_NUM_FORMS": "1000",
    "variants-0-name": "",
    "variants-0-seats_per_unit": "1",
    "variants-0-is_active": "on",
    "variants-0-position": "0",
}


@pytest.mark.parametrize("price", ["25.000", "Rp25.000", "25000"])
def test_a_price_as_people_type_it_and_then_the_stock(owner: Client, db: object, price: str) -> None:
    answer = owner.post(reverse("admin:orders_product_add"), {**NEW_PRODUCT, "variants-0-price": price, "_save": "1"})
    variant = Variant.objects.get()
    assert variant.price == 25_000
    assert answer.headers["Location"] == reverse("admin:orders_variant_stock", args=[variant.pk])
    shown = owner.get(reverse("admin:orders_product_change", args=[variant.product_id])).content.decode()
    assert 'value="25.000"' in shown
    listed = owner.get(reverse("admin:orders_product_changelist")).content.decode()
    assert "Rp25.000" in listed
    assert reverse("admin:orders_variant_stock", args=[variant.pk]) in listed


@pytest.mark.parametrize("price", ["25,5", "25.00", "murah", "0", "-5"])
def test_what_is_no_price_says_so(owner: Client, db: object, price: str) -> None:
    answer = owner.post(reverse("admin:orders_product_add"), {**NEW_PRODUCT, "variants-0-price": price})
    assert answer.status_code == 200
    assert not Variant.objects.exists()


def test_a_code_with_a_space_is_told_in_plain_words(owner: Client, db: object) -> None:
    answer = owner.post(
        reverse("admin:orders_product_add"), {**NEW_PRODUCT, "code": "cap cut", "variants-0-price": "5"}
    )
    assert "Hanya huruf, angka, - dan _" in answer.content.decode()


def test_going_back_from_the_preview_keeps_the_text(owner: Client, spotify: Variant) -> None:
    page = reverse("admin:orders_variant_stock", args=[spotify.pk])
    assert "satu|dua" in owner.post(page, {"text": "satu|dua"}).content.decode()
    assert "satu|dua</textarea>" in owner.post(page, {"text": "satu|dua", "edit": "1"}).content.decode()


def test_a_pasted_price_list_is_known_as_one(owner: Client, db: object) -> None:
    shown = owner.post(reverse("admin:orders_product_import"), {"text": "*ALAT*\nCanva - 18k"}).content.decode()
    assert "<b>1</b> baris terbaca" in shown
    assert "Rp18.000" in shown
