"""The gateway's word and the goods: money is booked whatever becomes of the goods, and closed by an answer only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from apps.base.audit import AuditRow
from apps.base.clock import shift_clock, shop_now
from apps.base.incidents import Incident
from apps.base.work.clock_thread import tick
from apps.orders.gateways import http_client
from apps.orders.gateways.base import GatewayError, Truth
from apps.orders.gateways.pakasir import client as pakasir
from apps.orders.models import GatewayEvent, GatewayLane, LedgerEntry, Order, OrderLine, Payment, Product, Seat, Variant
from apps.orders.services import delivery, gateway_events, money_review, payment
from apps.orders.states import OrderState
from apps.orders.tasks import tend_payment
from tests.conftest import make_product
from tests.driver import Buyer, Shop


@pytest.fixture
def number(shop: Shop, sari: Buyer, spotify: Variant) -> str:
    return sari.orders("Spotify")


def got_goods(buyer: Buyer) -> bool:
    return any("Ini barangnya" in text for text in buyer.heard)


def host_away(shop: Shop, hours: int) -> None:
    """The machine was off; nothing was asked meanwhile."""
    shift_clock(timedelta(hours=hours))
    tick()
    shop.settle()


class TestClosing:
    """A payment is closed by an answer, never by time alone."""

    @pytest.fixture
    def unanswered(self, shop: Shop, number: str) -> str:
        """Paid in time; then 26 h without the host, and a gateway that is away when it is back."""
        shop.bank_pays(number)
        shop.fakes.world.faults.gateway_down = True
        host_away(shop, 26)
        for _ in range(12):
            shop.forward(minutes=2)
        row = Payment.objects.get()
        assert row.closed_at is None
        assert row.next_at is not None
        shop.fakes.world.faults.gateway_down = False
        GatewayLane.objects.update(open_until=None, failures=0)
        return number

    def test_without_an_answer_it_is_asked_on_and_told(self, shop: Shop, tono: Buyer, unanswered: str) -> None:
        assert Incident.objects.get(key="unanswered.pakasir").state == "open"
        assert any("tidak memberi jawaban pasti" in text for text in tono.heard)
        shop.forward(hours=6, minutes=1)
        assert Payment.objects.get().received == 18_000
        call_command("checkinvariants")

    def test_one_answer_not_completed_closes_it_and_ends_the_incident(self, shop: Shop, number: str) -> None:
        shop.fakes.world.faults.gateway_down = True
        host_away(shop, 26)
        for _ in range(12):
            shop.forward(minutes=2)
        shop.fakes.world.faults.gateway_down = False
        GatewayLane.objects.update(open_until=None, failures=0)
        shop.forward(hours=6, minutes=1)
        assert Payment.objects.get().closed_at is not None
        assert Incident.objects.get(key="unanswered.pakasir").state == "resolved"

    def test_the_incident_lasts_until_the_last_of_them_has_an_answer(
        self, shop: Shop, sari: Buyer, dewi: Buyer, number: str
    ) -> None:
        other = dewi.orders("Spotify")
        shop.fakes.world.faults.gateway_down = True
        host_away(shop, 26)
        for _ in range(12):
            shop.forward(minutes=2)
        shop.fakes.world.faults.gateway_down = False
        GatewayLane.objects.update(open_until=None, failures=0)
        payment_of = {name: Payment.objects.get(reference=name) for name in (number, other)}
        tend_payment(str(payment_of[number].pk))
        assert Payment.objects.get(reference=number).closed_at is not None
        assert Incident.objects.get(key="unanswered.pakasir").state == "open"
        tend_payment(str(payment_of[other].pk))
        assert Incident.objects.get(key="unanswered.pakasir").state == "resolved"

    @pytest.mark.parametrize("how", ["bell", "reconcile", "button"])
    def test_a_closed_one_is_opened_again(self, shop: Shop, sari: Buyer, number: str, how: str) -> None:
        for _ in range(40):
            shop.forward(hours=1)
        assert Payment.objects.get().closed_at is not None
        shop.bank_pays(number)
        if how == "bell":
            shop.webhook(number)
        elif how == "reconcile":
            call_command("reconcile")
        else:
            sari.presses_data(f"check:{number}")
        shop.settle()
        assert Payment.objects.get().received == 18_000
        assert got_goods(sari)

    def test_a_bell_that_is_not_true_closes_it_again(self, shop: Shop, number: str) -> None:
        for _ in range(40):
            shop.forward(hours=1)
        shop.webhook(number)
        shop.settle()
        for _ in range(3):
            shop.forward(minutes=1)
        row = Payment.objects.get()
        assert (row.closed_at is not None, row.next_at) == (True, None)

    def test_a_bell_that_claims_nothing_opens_nothing(self, shop: Shop, number: str) -> None:
        for _ in range(40):
            shop.forward(hours=1)
        shop.bank_pays(number)
        shop.webhook(number, status="pending")
        shop.settle()
        assert Payment.objects.get().received is None

    def test_a_cancel_that_was_never_sent_does_not_skip_the_question(
        self, shop: Shop, sari: Buyer, number: str
    ) -> None:
        shift_clock(timedelta(minutes=16))
        payment.end_unpaid(order_id=Order.objects.get().pk, to=OrderState.EXPIRED)  # and the power goes
        shop.bank_pays(number)
        host_away(shop, 26)
        shop.forward(minutes=1)
        assert Payment.objects.get().received == 18_000
        assert got_goods(sari)

    def test_25_hours_are_listened_to(self, shop: Shop, sari: Buyer, number: str) -> None:
        for _ in range(24):
            shop.forward(hours=1)
        shop.bank_pays(number)
        for _ in range(7):
            shop.forward(hours=1)
        assert Payment.objects.get().received == 18_000

    def test_money_for_an_invoice_whose_answer_was_lost(
        self, shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The gateway made it, our process died before it was kept; the bell knows the gateway's own number."""
        monkeypatch.setattr(payment, "store_invoice", lambda pk, invoice: shop_now() + timedelta(hours=1))
        sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli").presses("QRIS")
        number = Order.objects.get().number
        shop.bank_pays(number)
        shop.webhook(number)
        for _ in range(6):
            shop.forward(seconds=31)
        assert got_goods(sari)
        assert Payment.objects.get().transaction.startswith("txn_")


class TestBooking:
    """Money, ledger and audit are kept when the goods cannot be prepared."""

    def booked_and_told(self, shop: Shop, sari: Buyer, tono: Buyer, number: str) -> None:
        assert Payment.objects.get(reference=number).received is not None
        assert LedgerEntry.objects.filter(account="confirmed").count() == 1
        assert AuditRow.objects.filter(kind="payment.confirmed").exists()
        order = Order.objects.get(number=number)
        assert (order.state, order.review) == ("needs_review", "broken")
        assert "gagal disiapkan" in sari.heard[-1]
        assert "Uangmu" in sari.heard[-1]
        assert any("gagal disiapkan" in text for text in tono.heard)
        assert not got_goods(sari)
        call_command("checkinvariants")

    def test_a_unit_that_does_not_open(self, shop: Shop, sari: Buyer, dewi: Buyer, tono: Buyer, number: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE orders_stockunit u SET content = set_byte(content, 30, (get_byte(content, 30) + 1) % 256)"
                " FROM orders_seat s WHERE s.unit_id = u.id AND s.state = 'reserved'"
            )
        shop.pays(number)
        self.booked_and_told(shop, sari, tono, number)
        assert Seat.objects.filter(state="quarantined").count() == 1, "nobody else buys what does not open"
        money_review.serve_reviewed_order(order_id=Order.objects.get().pk, actor="user:1")
        shop.settle()
        assert got_goods(sari)
        shop.pays(dewi.orders("Spotify"))
        assert got_goods(dewi)
        call_command("checkinvariants")

    @pytest.mark.parametrize("what", ["_goods_text", "goods_of"])
    def test_a_template_or_a_bug(
        self, shop: Shop, sari: Buyer, tono: Buyer, number: str, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        def breaks(*args: Any, **more: Any) -> None:
            raise ValueError("a bug of an update")

        monkeypatch.setattr(delivery, what, breaks)
        shop.pays(number)
        self.booked_and_told(shop, sari, tono, number)
        assert Seat.objects.filter(state="available").count() == 3

    def test_a_kind_that_changed_behind_everybodys_back(self, shop: Shop, sari: Buyer, tono: Buyer) -> None:
        make_product("joki", kind="manual", name="Joki", price=20_000)
        number = sari.orders("Joki")
        Product.objects.filter(code="joki").update(kind="stock")
        shop.pays(number)
        self.booked_and_told(shop, sari, tono, number)

    def test_the_text_of_the_review_fails_too(
        self, shop: Shop, sari: Buyer, number: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from apps.orders.services import messages

        def breaks(*args: Any, **more: Any) -> None:
            raise ValueError("a bug of an update")

        monkeypatch.setattr(delivery, "_goods_text", breaks)
        monkeypatch.setattr(messages, "tell_chat", breaks)
        shop.pays(number)
        assert Payment.objects.get().received == 18_000
        monkeypatch.undo()
        shop.forward(seconds=5)
        assert "gagal disiapkan" in sari.heard[-1], "the word follows when it can be said"

    def test_the_buyer_is_told_within_a_minute(
        self, shop: Shop, sari: Buyer, number: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "goods_of", lambda lines: 1 / 0)
        shop.bank_pays(number)
        shop.webhook(number)
        shop.settle()
        assert "gagal disiapkan" in sari.heard[-1]

    def test_over_payment_is_served_once_and_the_excess_held(self, shop: Shop, sari: Buyer, number: str) -> None:
        shop.fakes.world.faults.status_amount = 2_000
        shop.pays(number)
        assert Order.objects.get().state == "delivered"
        assert sum("barangnya:" in text for text in sari.heard) == 1
        assert any("Rp2.000 lebih banyak dari tagihan" in text for text in sari.heard)
        owed = money_review.debts_of(Order.objects.get(), Payment.objects.all())
        assert [(debt.why, debt.amount) for debt in owed] == [("excess", 2_000)]
        call_command("checkinvariants")

    def test_too_little_serves_nothing(self, shop: Shop, sari: Buyer, number: str) -> None:
        shop.fakes.world.faults.status_amount = -1
        shop.pays(number)
        assert not got_goods(sari)
        assert Payment.objects.get().state == "mismatch"


class TestKinds:
    """A product keeps its kind once something hangs on it."""

    def test_while_an_order_is_open(self, shop: Shop, sari: Buyer) -> None:
        from apps.orders.admin.catalogue import ProductForm
        from apps.orders.importing.products import check_products
        from apps.orders.importing.table_files import BadFile

        make_product("joki", kind="manual", name="Joki", price=20_000)
        sari.orders("Joki")
        form = ProductForm(instance=Product.objects.get(code="joki"))
        form.cleaned_data = {"kind": "stock"}
        with pytest.raises(Exception, match="tidak bisa diganti"):
            form.clean_kind()
        table = b"code,name,price,description,category,terms,kind\njoki,Joki,20000,,,,stock\n"
        with pytest.raises(BadFile, match="kind"):
            check_products(table)


class TestTheOutsidesNumbers:
    """What gateways say is read leniently, bounded, and judged strictly."""

    def answering(self, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None]) -> None:
        usual = pakasir.Client._call

        def changed(self: Any, method: str, path: str, body: Any = None) -> dict[str, Any]:
            said = usual(self, method, path, body)
            change(said)
            return said

        monkeypatch.setattr(pakasir.Client, "_call", changed)

    @pytest.mark.parametrize("amount", ["18000", 18000.0, "18000.00", " 18000 "])
    def test_whole_rupiah_in_any_spelling(
        self, shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch, amount: Any
    ) -> None:
        def spell(said: dict[str, Any]) -> None:
            said.update(amount=amount, **({"total_payment": "18436", "fee": None} if "qr_string" in said else {}))

        self.answering(monkeypatch, spell)
        shop.pays(sari.orders("Spotify"))
        assert got_goods(sari)

    @pytest.mark.parametrize(
        "amount", ["18.000", "18000,00", 18000.5, "1e4", "18000.50", True, None, "", [], "9" * 400]
    )
    def test_what_cannot_be_read_is_an_incident_with_its_words(
        self, shop: Shop, sari: Buyer, tono: Buyer, number: str, monkeypatch: pytest.MonkeyPatch, amount: Any
    ) -> None:
        self.answering(monkeypatch, lambda said: said.update(amount=amount))
        shop.pays(number)
        assert not got_goods(sari)
        assert "no whole amount" in Incident.objects.get(key=f"strange.{number}").data["what"]
        assert not GatewayLane.objects.filter(failures__gt=0).exists(), "it did answer"

    @pytest.mark.parametrize("word", ["COMPLETED", "completed ", " Completed"])
    def test_words_in_any_case(
        self, shop: Shop, sari: Buyer, number: str, monkeypatch: pytest.MonkeyPatch, word: str
    ) -> None:
        self.answering(monkeypatch, lambda said: said.update(status=word))
        shop.pays(number)
        assert got_goods(sari)

    @pytest.mark.parametrize("mode", [None, "true", 1, "True", [], {}])
    def test_only_the_documented_boolean_says_whose_money_it_is(
        self, shop: Shop, sari: Buyer, number: str, monkeypatch: pytest.MonkeyPatch, mode: Any
    ) -> None:
        self.answering(
            monkeypatch, lambda said: said.update(is_sandbox=mode) if mode is not None else said.pop("is_sandbox")
        )
        shop.pays(number)
        assert not got_goods(sari)
        assert Incident.objects.filter(key=f"strange.{number}").exists()

    def test_sandbox_money_never_settles_a_live_shop(
        self, shop: Shop, sari: Buyer, number: str, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.PAKASIR_SANDBOX = False
        for mode in (True, "false", 0, None):
            self.answering(monkeypatch, lambda said, mode=mode: said.update(is_sandbox=mode))
            shop.pays(number)
            shop.forward(seconds=5)
        assert not got_goods(sari)

    @pytest.mark.parametrize(
        ("said", "seconds"),
        [
            ("3600", 60),
            ("86400", 60),
            ("0", 4),
            ("", 4),
            ("²", 4),
            ("-5", 4),
            ("Wed, 21 Oct 2026 07:28:00 GMT", 4),
            ("9" * 50, 60),
        ],
    )
    def test_retry_after_is_bounded(self, said: str, seconds: float) -> None:
        assert http_client._pause(said) == seconds

    def test_one_429_does_not_silence_the_questions(
        self, shop: Shop, sari: Buyer, number: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def limited(*args: Any) -> Truth:
            raise GatewayError("429", theirs=False, retry_after=http_client._pause("3600"))

        monkeypatch.setattr(pakasir.Client, "status", limited)
        shop.forward(seconds=21)
        monkeypatch.undo()
        shop.bank_pays(number)
        for _ in range(2):
            shop.forward(minutes=1)
        assert got_goods(sari)

    @pytest.mark.parametrize("by", [timedelta(minutes=-1), timedelta(hours=-7), timedelta(days=30_000), None])
    def test_a_deadline_in_the_past_or_far_future_is_ours(
        self, shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch, by: timedelta | None
    ) -> None:
        def odd(said: dict[str, Any]) -> None:
            if "expired_at" in said:
                said["expired_at"] = "soon" if by is None else (shop_now() + by).isoformat()

        self.answering(monkeypatch, odd)
        number = sari.orders("Spotify")
        shop.forward(seconds=5)
        left = Order.objects.get().expires_at - shop_now()
        assert timedelta(minutes=14) < left <= timedelta(minutes=15)
        past = by is not None and by < timedelta()
        assert Incident.objects.filter(key="strange.pakasir.deadline").exists() is past
        shop.pays(number)
        assert got_goods(sari)

    @pytest.mark.parametrize(
        "text",
        ["2026-11-24T12:30:00Z", "2026-11-24t12:30:00z", "2026-11-24 12:30:00.000000000Z", "2026-11-24T19:30:00+07:00",
         "2026-11-24T12:30:00.1234567890z", "2026-11-24T12:29:60Z"],
    )  # fmt: skip
    def test_rfc_3339_in_every_spelling(self, text: str) -> None:
        found = pakasir._moment(text)
        assert found is not None
        assert abs(found - datetime(2026, 11, 24, 12, 30, tzinfo=UTC)) <= timedelta(seconds=1)

    def test_a_clock_that_was_set_back_does_not_silence_a_bell(self, shop: Shop, sari: Buyer, number: str) -> None:
        shop.forward(seconds=21)  # asked once
        shift_clock(timedelta(minutes=-30))
        shop.pays(number)
        assert got_goods(sari)

    def test_money_for_an_invoice_that_we_have_not_got_is_told(self, shop: Shop, tono: Buyer, number: str) -> None:
        shop.webhook(number, txn_id="txn_other", order_id="AO-NOSUCH", status=" COMPLETED")
        shop.webhook(number, txn_id="txn_third", order_id="AO-OTHER", status="pending")
        shop.settle()
        assert GatewayEvent.objects.filter(reason="no such payment").count() == 2
        assert Incident.objects.filter(key__startswith="unknown.").count() == 1
        assert any("AO-NOSUCH" in text and "tidak punya tagihan itu" in text for text in tono.heard)

    def test_a_strange_answer_frees_no_seats_for_ten_minutes(
        self, shop: Shop, number: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.answering(monkeypatch, lambda said: said.update(status="on hold"))
        shop.forward(minutes=15, seconds=1)
        shop.forward(minutes=5)
        assert Seat.objects.filter(state="reserved").count() == 1
        shop.forward(minutes=6)
        assert Order.objects.get().state == "expired"

    def test_the_gateways_own_deadline_counts(
        self, shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def early(said: dict[str, Any]) -> None:
            if "expired_at" in said:
                said["expired_at"] = (shop_now() + timedelta(minutes=5)).isoformat()

        self.answering(monkeypatch, early)
        sari.orders("Spotify")
        shop.forward(minutes=6)
        assert Order.objects.get().state == "expired"

    @pytest.mark.parametrize("changed", [{"order_id": "AO-OTHER2"}, {"txn_id": "txn_other"}])
    def test_an_answer_about_something_else_moves_nothing(
        self, shop: Shop, sari: Buyer, number: str, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
    ) -> None:
        self.answering(monkeypatch, lambda said: said.update(changed))
        shop.pays(number)
        assert not got_goods(sari)
        assert Incident.objects.filter(key=f"strange.{number}").exists()

    def test_an_invoice_for_another_amount_is_not_shown(
        self, shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.answering(monkeypatch, lambda said: said.update(amount=1_000))
        sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli").presses("QRIS")
        assert not any(m.get("photo") for m in sari.messages)
        assert Order.objects.get().state == "cancelled"


def test_reconcile_looks_a_week_back_and_says_what_it_did(
    shop: Shop, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(40):
        shop.forward(hours=1)
    call_command("reconcile")
    assert "payments asked about: 1 (1 not yet)" in capsys.readouterr().out
    assert Payment.objects.get().closed_at is not None, "asking again does not leave it open"


def test_an_event_is_only_believed_when_it_was_accepted(shop: Shop, number: str) -> None:
    event = GatewayEvent(accepted=False, status="completed")
    assert not gateway_events.says_paid(event)
    assert OrderLine.objects.get().state == "waiting"
