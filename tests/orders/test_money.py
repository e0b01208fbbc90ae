"""Money: forged, early, late, short, double, lost. Nothing paid is lost and nothing unpaid is given."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from apps.base.incidents import Incident
from apps.bot.models import OutboundMessage
from apps.orders.gateways.base import GatewayError
from apps.orders.gateways.pakasir import client as pakasir
from apps.orders.models import GatewayEvent, GatewayLane, LedgerEntry, Order, Payment, RefusedCount, Seat, Variant
from apps.orders.money import NotAPrice, parse_rupiah
from apps.orders.states import LINE, ORDER, PAYMENT, SEAT, LineState, OrderState, PaymentState, SeatState
from tests.conftest import make_product
from tests.driver import Buyer, Shop


@pytest.fixture
def number(shop: Shop, sari: Buyer, spotify: Variant) -> str:
    return sari.orders("Spotify")


def no_goods(sari: Buyer) -> None:
    assert not any("barangnya" in text for text in sari.heard)
    assert not Seat.objects.filter(state="sold").exists()
    call_command("checkinvariants")


class TestForged:
    """Threat 1: no goods before the gateway's own answer."""

    @pytest.mark.parametrize("secret", [None, "", "wrong", "sandbox-webhook-secre"])
    def test_without_the_secret(self, shop: Shop, sari: Buyer, number: str, secret: str | None) -> None:
        assert shop.webhook(number, secret=secret).status_code == 401
        shop.settle()
        event = GatewayEvent.objects.get()
        assert not event.accepted
        assert event.reason in ("no secret", "wrong secret")
        no_goods(sari)

    def test_unpaid(self, shop: Shop, sari: Buyer, number: str) -> None:
        assert shop.webhook(number).status_code == 200
        shop.settle()
        for _ in range(6):
            shop.forward(seconds=20)
        no_goods(sari)
        assert GatewayEvent.objects.get().next_at is None

    @pytest.mark.parametrize("changes", [{"amount": 1}, {"amount": 10**9}, {"is_sandbox": False}, {"status": "paid"}])
    def test_edited_bodies_change_nothing(self, shop: Shop, sari: Buyer, number: str, changes: dict[str, Any]) -> None:
        assert shop.webhook(number, **changes).status_code == 200
        shop.settle()
        no_goods(sari)

    def test_an_unknown_order(self, shop: Shop, sari: Buyer, number: str) -> None:
        assert shop.webhook(number, txn_id="txn_other", order_id="AO-NOSUCH").status_code == 200
        shop.settle()
        assert GatewayEvent.objects.get().reason == "no such payment"
        no_goods(sari)

    def test_the_mode_flipped_in_the_status(self, shop: Shop, sari: Buyer, number: str) -> None:
        shop.fakes.world.faults.status_flips_sandbox = True
        shop.bank_pays(number)
        shop.webhook(number)
        shop.settle()
        no_goods(sari)
        assert Incident.objects.filter(key=f"strange.{number}").exists()

    def test_the_answer_of_another_project(self, shop: Shop, sari: Buyer, number: str) -> None:
        shop.fakes.world.gateways["pakasir"].project = "other"
        shop.bank_pays(number)
        shop.webhook(number)
        shop.settle()
        no_goods(sari)

    def test_no_secret_configured_means_closed(self, shop: Shop, sari: Buyer, number: str) -> None:
        from apps.base.credentials import Credential

        Credential.objects.filter(name="PAKASIR_WEBHOOK_SECRET").delete()
        assert shop.webhook(number, secret="").status_code == 401
        shop.bank_pays(number)
        shop.forward(seconds=21)
        assert "barangnya" in sari.heard[-1], "payments run on status polling alone"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"txn_id": 1}', b"[" * 100_000])
    def test_rubbish_is_400(self, shop: Shop, number: str, body: bytes) -> None:
        headers = {"X-Secret": "sandbox-webhook-secret"}
        answer = shop.http.post("/payments/pakasir/webhook/", body, content_type="text/plain", headers=headers)
        assert answer.status_code == 400

    def test_other_addresses(self, shop: Shop) -> None:
        assert shop.http.post("/payments/nobody/webhook/", b"{}", content_type="text/plain").status_code == 404
        assert (
            shop.http.post("/payments/pakasir/webhook/", b"x" * 1_000_001, content_type="text/plain").status_code == 413
        )

    def test_a_flood_is_only_counted(self, shop: Shop, number: str) -> None:
        for _ in range(120):
            shop.webhook(number, secret="wrong", x="y" * 5000)
        assert GatewayEvent.objects.count() == 100
        assert RefusedCount.objects.get().times == 120
        assert len(GatewayEvent.objects.first().body) <= 2000  # type: ignore[union-attr]


def test_a_repeated_webhook_delivers_once(shop: Shop, sari: Buyer, number: str) -> None:
    shop.bank_pays(number)
    for _ in range(5):
        shop.webhook(number)
        shop.settle()
    assert sum("barangnya" in text for text in sari.heard) == 1
    assert GatewayEvent.objects.get().times == 5


def test_a_bell_that_outruns_the_status_is_asked_again(shop: Shop, sari: Buyer, number: str) -> None:
    shop.webhook(number)
    shop.settle()
    no_goods(sari)
    shop.bank_pays(number)
    shop.forward(seconds=5)
    assert "barangnya" in sari.heard[-1]


def test_an_early_odd_event_does_not_eat_the_real_one(shop: Shop, sari: Buyer, number: str) -> None:
    for _ in range(2):
        shop.webhook(number)
        shop.settle()
        shop.forward(minutes=2)
    shop.bank_pays(number)
    shop.webhook(number)
    shop.forward(seconds=5)
    assert "barangnya" in sari.heard[-1]


def test_another_amount_is_held_and_told(shop: Shop, sari: Buyer, tono: Buyer, number: str) -> None:
    shop.fakes.world.faults.status_amount = -3000
    shop.bank_pays(number)
    shop.webhook(number)
    shop.settle()
    order = Order.objects.get()
    assert order.state == "needs_review"
    assert "Uangmu Rp15.000" in sari.heard[-1]
    assert "nominalnya tidak cocok dengan tagihan Rp18.000" in sari.heard[-1]
    assert f"perlu dicek: <b>{number}</b>, Rp15.000 (tagihan Rp18.000)" in tono.heard[-1]
    assert sum(order.ledger.filter(account="held").values_list("amount", flat=True)) == 15_000
    no_goods(sari)


def test_a_lost_webhook_and_money_two_minutes_late_are_found(shop: Shop, sari: Buyer, number: str) -> None:
    shop.forward(minutes=16)
    assert Order.objects.get().state == "expired"
    assert Seat.objects.filter(state="reserved").count() == 0
    shop.forward(minutes=1)
    shop.bank_pays(number)
    shop.forward(minutes=4)
    assert Order.objects.get().state == "delivered"
    assert any("masuk setelah batas waktu, tapi stok masih ada" in text for text in sari.heard)
    assert "barangnya" in sari.heard[-1]
    call_command("checkinvariants")


def test_late_money_without_stock_waits_for_a_hand(
    shop: Shop, sari: Buyer, dewi: Buyer, tono: Buyer, number: str
) -> None:
    shop.forward(minutes=16)
    shop.pays(dewi.orders("Spotify"))
    Seat.objects.filter(state="available").update(state="withdrawn")
    shop.pays(number)
    shop.forward(seconds=5)
    assert Order.objects.get(number=number).state == "needs_review"
    assert "masuk setelah pesanan ditutup" in sari.heard[-1]
    assert "Masuk setelah pesanan ditutup" in tono.heard[-1]
    call_command("checkinvariants")


def test_late_money_for_what_was_taken_off_sale_waits_for_a_hand(
    shop: Shop, sari: Buyer, spotify: Variant, number: str
) -> None:
    shop.forward(minutes=16)
    spotify.product.is_active = False
    spotify.product.save()
    shop.pays(number)
    shop.forward(seconds=5)
    assert Order.objects.get().state == "needs_review"


def test_money_for_a_cancelled_order_is_found(shop: Shop, sari: Buyer, number: str) -> None:
    sari.presses("Batalkan")
    assert any("dibatalkan. Kamu tidak ditagih" in text for text in sari.heard)
    shop.forward(seconds=2)
    assert shop.transaction(number)["status"] == "canceled"
    shop.bank_pays(number)
    shop.forward(minutes=17)
    assert Order.objects.get().state == "needs_review"


def test_money_that_arrives_twice_is_held(shop: Shop, sari: Buyer, tono: Buyer, number: str) -> None:
    shop.pays(number)
    order = Order.objects.get()
    second = Payment.objects.create(
        order=order, gateway="pakasir", reference=f"{number}-2", amount=order.total, transaction="", state="created"
    )
    shop.settle()
    from apps.orders.tasks import tend_payment

    tend_payment(str(second.pk))
    shop.settle()
    shop.bank_pays(f"{number}-2")
    shop.forward(seconds=30)
    order.refresh_from_db()
    assert order.state == "delivered"
    assert sum("barangnya" in text for text in sari.heard) == 1
    assert "dua kali, dan aman" in sari.heard[-1]
    assert Payment.objects.get(pk=second.pk).review == "double"
    call_command("checkinvariants")


def test_expiry_tells_the_buyer_and_closes_the_qr(shop: Shop, sari: Buyer, number: str) -> None:
    shop.forward(minutes=16)
    assert any("belum dibayar sampai batas waktu" in text for text in sari.heard)
    invoice = next(m for m in sari.messages if m.get("photo"))
    assert "Jangan bayar QR ini" in invoice["text"]
    assert not invoice["keyboard"]


def test_expiry_asks_first(shop: Shop, sari: Buyer, number: str) -> None:
    shop.bank_pays(number)
    shop.forward(minutes=15, seconds=1)
    assert Order.objects.get().state == "delivered"


def test_without_an_answer_the_hold_lasts_ten_minutes_more(shop: Shop, sari: Buyer, number: str) -> None:
    shop.fakes.world.faults.gateway_down = True
    shop.forward(minutes=16)
    assert Order.objects.get().state == "awaiting_payment"
    shop.forward(minutes=5)
    assert Seat.objects.filter(state="reserved").count() == 1
    shop.forward(minutes=5)
    assert Order.objects.get().state == "expired"


def try_to_buy(buyer: Buyer) -> None:
    buyer.says("/start").presses("Semua produk").presses("Spotify").presses("Beli").presses("QRIS")


def test_a_sick_gateway_holds_nothing_and_everybody_hears(
    shop: Shop, sari: Buyer, dewi: Buyer, tono: Buyer, spotify: Variant
) -> None:
    shop.fakes.world.faults.gateway_down = True
    try_to_buy(sari)
    assert "Kamu belum ditagih" in sari.heard[-1]
    assert Order.objects.get().state == "cancelled"
    assert not Incident.objects.filter(key__startswith="strange.").exists(), "nothing was said, strange or not"
    assert not Seat.objects.filter(state="reserved").exists()
    for n in range(2):
        try_to_buy(shop.buyer(860 + n, "Ani"))
    assert any("Gateway pakasir gagal berkali-kali" in text for text in tono.heard)
    try_to_buy(dewi)  # the breaker is open: she is told before anything is held
    assert "Kamu belum ditagih" in dewi.screen["text"]
    assert Order.objects.count() == 3
    shop.fakes.world.faults.gateway_down = False
    GatewayLane.objects.update(open_until=None)
    shop.forward(seconds=31)
    shop.settle()
    assert sum("QRIS sudah normal lagi" in text for text in sari.heard) == 1
    assert Incident.objects.get(key="gateway.pakasir").state == "resolved"
    assert sari.presses("Coba lagi").presses("Beli").presses("QRIS").invoice_number()
    for _ in range(27):
        shop.forward(hours=1)
    assert not Payment.objects.filter(closed_at__isnull=True).exists()
    call_command("checkinvariants")


def test_what_the_gateway_did_not_bill_brings_no_waiting_time(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    shop.fakes.world.faults.gateway_down = True
    try_to_buy(sari)
    shop.fakes.world.faults.gateway_down = False
    assert sari.orders("Spotify")
    assert not any("belum dibayar" in text for text in sari.heard)


def test_a_basket_the_gateway_did_not_bill_is_in_the_cart_again(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    make_product("canva", units=1, name="Canva")
    shop.fakes.world.faults.gateway_down = True
    sari.says("/start")
    for name in ("Spotify", "Canva"):
        sari.says("/start").presses("Semua produk").presses(name).presses("Tambah ke keranjang")
    sari.presses("Bayar semua").presses("QRIS")
    sari.presses("Lihat keranjang")
    assert "Spotify Premium × 1" in sari.screen["text"]
    assert "Canva × 1" in sari.screen["text"]


def test_an_order_that_waited_for_its_qr_in_vain_is_not_called_unpaid(
    shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*args: Any) -> None:
        raise GatewayError("429", theirs=False, retry_after=30)

    monkeypatch.setattr(pakasir.Client, "create", busy)
    try_to_buy(sari)
    shop.forward(minutes=16)
    assert Order.objects.get().state == "cancelled"
    assert "tidak jadi dibuat" in sari.heard[-1]
    monkeypatch.undo()
    assert sari.orders("Spotify")


def test_a_refused_key_alarms_the_owner(shop: Shop, sari: Buyer, tono: Buyer, spotify: Variant) -> None:
    shop.fakes.world.faults.gateway_refuses_key = True
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli").presses("QRIS")
    assert any("menolak permintaan kami" in text for text in tono.heard)


def test_unpaid_orders_are_no_gateway_failure(shop: Shop, spotify: Variant) -> None:
    for n in range(3):
        shop.buyer(850 + n, "x").orders("Spotify")
    shop.forward(minutes=16)
    assert not Incident.objects.exists()


def test_check_payment_asks_at_once(shop: Shop, sari: Buyer, number: str) -> None:
    sari.presses("Cek pembayaran")
    assert "belum masuk" in sari.heard[-1]
    shop.bank_pays(number)
    shop.forward(seconds=5)
    assert "barangnya" in sari.heard[-1]


def test_questions_stop_after_25_hours(shop: Shop, sari: Buyer, number: str) -> None:
    for _ in range(40):
        shop.forward(hours=1)
    payment = Payment.objects.get()
    assert payment.closed_at is not None
    assert payment.next_at is None


def test_another_buyers_buttons_answer_uniformly(shop: Shop, sari: Buyer, dewi: Buyer, number: str) -> None:
    dewi.says("/start")
    for verb in ("order", "goods", "check", "cancel"):
        dewi.presses_data(f"{verb}:{number}")
        assert dewi.toast == "Pesanan tidak ditemukan."
        dewi.presses_data(f"{verb}:AO-NOSUCH")
        assert dewi.toast == "Pesanan tidak ditemukan."
    assert Order.objects.get().state == "awaiting_payment"


@pytest.mark.parametrize("table", [ORDER, PAYMENT, LINE, SEAT])
def test_tables_name_only_known_states(table: dict[str, frozenset[str]]) -> None:
    known = {id(ORDER): OrderState, id(PAYMENT): PaymentState, id(LINE): LineState, id(SEAT): SeatState}[id(table)]
    assert set(table) == set(known.values)
    assert all(ends <= set(known.values) for ends in table.values())


def test_a_plain_unit_is_never_for_sale_again(shop: Shop, sari: Buyer, number: str) -> None:
    from django.db import DatabaseError, transaction

    shop.pays(number)
    with pytest.raises(DatabaseError), transaction.atomic():
        Seat.objects.filter(state="sold").update(state="available", line=None)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("12000", 12000), ("12.000", 12000), ("Rp12.000", 12000), (" rp 1.250.000 ", 1250000), ("0", 0)],
)
def test_prices_as_people_write_them(text: str, amount: int) -> None:
    assert parse_rupiah(text) == amount


@pytest.mark.parametrize(
    "text", ["", "12,5", "12.5", "12.00", "1.2000", "-5", "Rp", "12000.00", "１２", "1e5", "12 000", "99999999999"]
)
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(NotAPrice):
        parse_rupiah(text)


@given(st.integers(0, 999_999_999))
def test_every_amount_reads_back(amount: int) -> None:
    assert parse_rupiah(f"Rp{amount:,}".replace(",", ".")) == amount


def test_the_ledger_is_append_only(shop: Shop, number: str) -> None:
    from django.db import DatabaseError, transaction

    shop.pays(number)
    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.update(amount=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.all().delete()


class TestPlantedFaults:
    """Each invariant is able to fail."""

    @pytest.mark.parametrize(
        ("name", "sql"),
        [
            ("delivered", "UPDATE orders_orderline SET quantity = 2"),
            ("delivered", "UPDATE orders_payment SET received = 1"),
            ("seats", "UPDATE orders_seat SET state = 'reserved' WHERE state = 'sold'"),
            ("seats", "UPDATE orders_seat SET state = 'available', line_id = NULL WHERE state = 'sold'"),
            ("ledger", "UPDATE orders_ledgerentry SET amount = amount + 1 WHERE account = 'delivered'"),
            ("ledger", "DELETE FROM orders_ledgerentry"),
            ("paid lines", "UPDATE orders_orderline SET state = 'waiting'"),
            ("paid lines", "UPDATE orders_orderline SET state = 'allocated'; DELETE FROM bot_outboundmessage"),
            ("inbox", "UPDATE bot_inboundupdate SET outcome = ''"),
            ("outbox", "UPDATE bot_outboundmessage SET state = 'queued', next_at = NULL"),
            ("work", "UPDATE orders_payment SET closed_at = NULL, next_at = NULL"),
            ("audit", "UPDATE base_auditrow SET actor = 'x'"),
            ("lease", "UPDATE base_lease SET holder = ''"),
        ],
    )
    def test_it_is_seen(self, shop: Shop, number: str, name: str, sql: str, capsys: pytest.CaptureFixture[str]) -> None:
        import json

        from django.db import connection

        shop.pays(number)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED; SET LOCAL session_replication_role = replica")
            cursor.execute(sql)
        capsys.readouterr()
        with pytest.raises(SystemExit):
            call_command("checkinvariants", "--json")
        broken = {i["name"] for i in json.loads(capsys.readouterr().out)["invariants"] if i["violations"]}
        assert name in broken

    def test_late_goods_count_only_when_asked(self, shop: Shop, number: str) -> None:
        shop.sending = False
        shop.pays(number)
        shop.sending = False
        shop.forward(minutes=2)
        call_command("checkinvariants")
        with pytest.raises(SystemExit):
            call_command("checkinvariants", "--fresh")
        assert OutboundMessage.objects.filter(kind="goods", state="queued").exists()
