"""The synthetic buyer: buys on the real way without a word to Telegram, shows in no list or report, and rings when it
cannot.
"""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from apps.base.audit import AuditRow
from apps.base.clock import shift_clock, shop_now
from apps.base.credentials import adopt_environment
from apps.base.health import ServiceUnavailable
from apps.base.incidents import Incident
from apps.base.invariants import EVERYTHING, REGISTRY
from apps.base.work.deferred_calls import Errand, send_errand
from apps.bot.inbound import inbox
from apps.bot.models import Chat, InboundUpdate, OutboundMessage
from apps.ops import healthchecks
from apps.ops.exporting.archive import TABLES
from apps.ops.models import Routine
from apps.ops.monitoring import alert_selftest, daily_report, testbuy
from apps.ops.monitoring.routines import ensure_routines
from apps.orders.invariants import given_away, late_goods
from apps.orders.models import LedgerEntry, Order, OrderLine, Payment, Product, Variant
from apps.orders.services import storefront
from apps.orders.testbuy_product import CODE, free_variant
from tests.driver import Buyer, Shop
from tests.ops.conftest import Listener


@pytest.fixture
def routine(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Routine:
    def deliver(update: dict[str, Any]) -> None:
        if shop.post_update(update).status_code != 200:
            raise testbuy.CannotBuy("in")

    monkeypatch.setattr(testbuy, "deliver", deliver)
    ensure_routines()
    made = Routine.objects.get(name="synthetic")
    testbuy.walk(made)  # the first round of a new shop only waits
    return made


def walk(shop: Shop, routine: Routine) -> timedelta:
    """One round; how long until the next."""
    routine.refresh_from_db()
    again = testbuy.walk(routine) - shop_now()
    shop.settle()
    return again


def broken(stage: str) -> Any:
    def bring(update: dict[str, Any]) -> None:
        raise testbuy.CannotBuy(stage)

    return bring


def incidents() -> list[tuple[str, str]]:
    return [(row.state, row.data["stage"]) for row in Incident.objects.filter(key="synthetic").order_by("id")]


def test_it_buys_and_gets_its_goods_without_a_word_to_telegram(shop: Shop, routine: Routine) -> None:
    assert walk(shop, routine) <= testbuy.LOOK
    assert walk(shop, routine) > timedelta(minutes=4)
    order = Order.objects.get()
    assert (order.state, order.total) == ("delivered", 0)
    assert OutboundMessage.objects.filter(kind="goods", state="sent").count() == 1
    assert testbuy.TELEGRAM_ID not in shop.fakes.do(lambda: dict(shop.fakes.world.telegram.chats))
    assert (Payment.objects.count(), LedgerEntry.objects.count()) == (0, 0)
    assert not AuditRow.objects.filter(subject=f"order:{order.number}").exists()
    assert incidents() == []
    assert healthchecks.buyer_age() == {"seconds_ago": pytest.approx(0, abs=5)}
    assert [rule.name for rule in REGISTRY if list(rule.broken(EVERYTHING))] == []


def test_a_small_budget_of_actions_does_not_stop_it(shop: Shop, routine: Routine) -> None:
    inbox.ACTIONS_A_MINUTE.set(5, actor="test")
    for _ in range(4):  # the command's purchases beside the routine's
        since = shop_now()
        testbuy.buy(testbuy.deliver)
        shop.settle()
        assert testbuy.has_goods(since)


def test_what_is_forgotten_leaves_no_errand(shop: Shop, routine: Routine) -> None:
    testbuy.buy(testbuy.deliver)
    key = str(Order.objects.get().pk)
    send_errand("apps.ops.nobody", key)
    testbuy.forget(shop_now() + timedelta(seconds=1))
    assert not Errand.objects.filter(key=key).exists()


def test_it_buys_while_the_shop_is_closed_and_has_no_gateway(shop: Shop, routine: Routine, settings: Any) -> None:
    storefront.SHOP_CLOSED.set(True, actor="test")
    settings.PAKASIR_API_KEY = ""
    walk(shop, routine)
    walk(shop, routine)
    assert Order.objects.get().state == "delivered"
    storefront.SHOP_CLOSED.set(False, actor="test")


def test_what_breaks_is_told_at_the_second_failure_and_its_end_too(
    shop: Shop, tono: Buyer, routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = testbuy.deliver
    monkeypatch.setattr(testbuy, "deliver", broken("in"))
    walk(shop, routine)
    assert incidents() == []
    assert walk(shop, routine) <= testbuy.AGAIN
    assert incidents() == [("open", "in")]
    assert any("Pembeli uji tidak berhasil membeli" in text for text in tono.heard)
    routine.refresh_from_db()
    with pytest.raises(ServiceUnavailable):
        healthchecks.buyer()
    monkeypatch.setattr(testbuy, "deliver", works)
    walk(shop, routine)
    walk(shop, routine)
    assert incidents() == [("resolved", "in")]


def test_goods_that_do_not_go_out_are_a_failure(shop: Shop, tono: Buyer, routine: Routine) -> None:
    shop.sending = False
    for _ in range(2):
        assert walk(shop, routine) <= testbuy.LOOK
        assert walk(shop, routine) <= testbuy.LOOK, "not yet: the goods have half a minute"
        shift_clock(testbuy.PATIENCE + timedelta(seconds=1))
        walk(shop, routine)
    assert incidents() == [("open", "goods")]
    assert list(late_goods()) == [], "one alarm for one trouble"


def test_whatever_goes_wrong_inside_is_a_failure_too(
    shop: Shop, tono: Buyer, routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(*args: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(testbuy, "buy", stumbles)
    walk(shop, routine)
    walk(shop, routine)
    assert incidents() == [("open", "odd")]


def test_a_failed_cleaning_stops_no_buying(shop: Shop, routine: Routine, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(*args: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(testbuy, "forget", stumbles)
    walk(shop, routine)
    walk(shop, routine)
    routine.refresh_from_db()
    assert "bought_at" not in routine.memory


def test_its_orders_can_be_forgotten_at_once(shop: Shop, routine: Routine) -> None:
    walk(shop, routine)
    walk(shop, routine)
    shift_clock(timedelta(seconds=1))
    call_command("testbuy", "--forget", stdout=io.StringIO())
    assert Order.objects.count() == 0


def test_what_is_free_for_anybody_else_is_found(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    shop.pays(sari.orders("Spotify"))
    assert list(given_away()) == []
    OrderLine.objects.update(price=0)
    assert list(given_away()) == [Order.objects.get().number]


def test_nobody_else_sees_or_buys_it(shop: Shop, sari: Buyer, routine: Routine, admin_client: Any) -> None:
    walk(shop, routine)
    walk(shop, routine)
    sari.says("/start").presses("Semua produk")
    assert "Pembeli uji" not in str(sari.screen)
    variant = free_variant()
    sari.presses_data(f"buy:{variant.pk}:1")
    assert Order.objects.count() == 1
    for page in (
        "orders_order",
        "orders_product",
        "orders_variant",
        "bot_inboundupdate",
        "bot_outboundmessage",
        "bot_chat",
        "orders_stockunit",
    ):
        seen = admin_client.get(reverse(f"admin:{page}_changelist")).content.decode()
        assert "Pembeli uji" not in seen, page
        assert Order.objects.get().number not in seen, page
    assert daily_report.about_money(shop_now() + timedelta(minutes=1))["orders"] == 0
    for name, (_, rows) in TABLES.items():
        if name != "audit":
            assert not any(CODE in str(row) or str(testbuy.TELEGRAM_ID) in str(row) for row in rows()), name


def test_it_is_forgotten_after_two_days(shop: Shop, sari: Buyer, spotify: Variant, routine: Routine) -> None:
    shop.pays(sari.orders("Spotify"))
    walk(shop, routine)
    walk(shop, routine)
    shift_clock(timedelta(days=2, minutes=1))
    walk(shop, routine)
    walk(shop, routine)
    kept = Chat.objects.get(pk=testbuy.chat_of(testbuy.TELEGRAM_ID).pk)
    assert [order.buyer_id == kept.pk for order in Order.objects.order_by("id")] == [False, True]
    assert OrderLine.objects.filter(order__buyer=kept).count() == 1
    assert InboundUpdate.objects.filter(chat=kept).count() == 2
    assert OutboundMessage.objects.filter(chat=kept, kind="goods").count() == 1


def test_its_product_is_mended_when_somebody_changed_it(shop: Shop, routine: Routine) -> None:
    free_variant()
    Product.objects.filter(code=CODE).update(is_active=False, is_hidden=False, questions=[{"label": "x?"}])
    Variant.objects.filter(product__code=CODE).update(price=5)
    walk(shop, routine)
    assert Order.objects.get().total == 0


def test_a_rehearsal_sells_and_leaves_nothing(db: Any) -> None:
    out = io.StringIO()
    call_command("testbuy", "--rehearse", stdout=out)
    assert "and undone" in out.getvalue()
    assert (Order.objects.count(), OutboundMessage.objects.count(), InboundUpdate.objects.count()) == (0, 0, 0)


def test_a_rehearsal_on_tables_of_another_shape_says_so(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import ProgrammingError

    def moved(*args: Any) -> None:
        raise ProgrammingError('column "total" does not exist')

    monkeypatch.setattr(testbuy, "buy", moved)
    from apps.base.commands import UsedWrongly

    with pytest.raises(UsedWrongly, match="not as this code believes"):
        call_command("testbuy", "--rehearse")


def test_the_command_says_where_it_breaks(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testbuy, "deliver", broken("in"))
    err = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("testbuy", stderr=err)
    assert "is the web process up" in err.getvalue()


class TestTheWayOut:
    """Once an hour a silent message goes by the owner bot and comes back."""

    @pytest.fixture
    def way(self, db: Any, listener: Listener, settings: Any) -> Routine:
        settings.CREDENTIALS = {**settings.CREDENTIALS, "OWNER_BOT_TOKEN": "77:secret"}
        settings.OWNER_API_URLS, settings.OWNER_CHAT_IDS = [listener.address], [700]
        adopt_environment()
        listener.says = b'{"ok": true, "result": {"message_id": 41}}'
        ensure_routines()
        return Routine.objects.get(name="way")

    def round(self, way: Routine) -> timedelta:
        way.refresh_from_db()
        return alert_selftest.try_way(way) - shop_now()

    def test_it_goes_silently_and_is_taken_away(self, way: Routine, listener: Listener) -> None:
        assert self.round(way) > timedelta(minutes=59)
        (sent, said), (deleted, which) = listener.heard
        assert (sent, deleted) == ("/bot77:secret/sendMessage", "/bot77:secret/deleteMessage")
        assert "disable_notification=true" in said
        assert which == "chat_id=700&message_id=41"

    def test_a_dead_owner_bot_is_told_at_the_second_failure(self, way: Routine, listener: Listener) -> None:
        listener.status = 401
        assert self.round(way) <= alert_selftest.AGAIN
        assert not Incident.objects.exists()
        self.round(way)
        assert Incident.objects.get().state == "open"
        listener.status = 200
        self.round(way)
        assert Incident.objects.get().state == "resolved"

    def test_a_network_that_is_down_says_nothing_about_the_bot(self, way: Routine, settings: Any) -> None:
        settings.OWNER_API_URLS = ["http://127.0.0.1:9"]
        for _ in range(3):
            assert self.round(way) <= alert_selftest.AGAIN
        assert not Incident.objects.exists()

    def test_without_an_owner_bot_nothing_is_sent(self, db: Any, listener: Listener, settings: Any) -> None:
        settings.OWNER_CHAT_IDS = [700]
        adopt_environment()
        ensure_routines()
        self.round(Routine.objects.get(name="way"))
        assert listener.heard == []
