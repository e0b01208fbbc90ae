"""Stock that is taken off sale while somebody holds it, imports that meet, and the order of locks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection, transaction

from apps.base import credentials
from apps.base.clock import shop_now
from apps.base.work import named_locks
from apps.bot.models import Chat
from apps.bot.outbound import outbox
from apps.orders.gateways.base import Invoice, Status, Truth
from apps.orders.importing.products import import_products
from apps.orders.importing.stock import import_stock
from apps.orders.importing.table_files import BadFile
from apps.orders.models import Order, OrderLine, Payment, Seat, StockUnit, Variant
from apps.orders.services import delivery, manual_fulfilment, payment, stock
from apps.orders.services.stock import NewUnit, NotBack
from apps.orders.states import SEAT, OrderState
from tests.concurrency.test_races import Together, chat, placing, variants_of
from tests.conftest import make_product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def spotify(transactional_db: Any) -> Variant:
    credentials.adopt_environment()
    make_product("spotify", units=1, name="Spotify")
    (spotify,) = variants_of("spotify")
    return spotify


def books_hold() -> None:
    call_command("checkinvariants", stdout=StringIO())


def ending(order: Order) -> Callable[[], Any]:
    return lambda: payment.end_unpaid(order_id=order.pk, to=OrderState.CANCELLED)


def withdrawing(unit: StockUnit) -> Callable[[], Any]:
    return lambda: stock.withdraw_unit(unit=unit, actor="user:1")


def given_back_while_withdrawn(at_once: Together, monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    """The buyer cancels; before that is committed the seller takes the unit off sale."""
    freed, go = threading.Event(), threading.Event()
    usual = stock._tell_who_waits

    def slow(wishes: Any) -> None:
        freed.set()
        go.wait(1)
        usual(wishes)

    def withdraw() -> int:
        freed.wait(10)
        threading.Timer(0.2, go.set).start()
        return stock.withdraw_unit(unit=StockUnit.objects.get(), actor="user:1")

    monkeypatch.setattr(stock, "_tell_who_waits", slow)
    assert not [r for r in at_once([ending(order), withdraw]) if isinstance(r, Exception)]
    monkeypatch.undo()


def test_what_was_withdrawn_while_it_was_given_back_is_never_sold(
    spotify: Variant, at_once: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = placing(chat(1), spotify)()
    given_back_while_withdrawn(at_once, monkeypatch, order)
    assert Seat.objects.get().state == "withdrawn"
    with pytest.raises(stock.SoldOut):
        placing(chat(2), spotify)()
    books_hold()


def test_without_the_lock_on_the_unit_it_would_be(
    spotify: Variant, at_once: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race itself; the reservation and the books both see it."""
    order = placing(chat(1), spotify)()
    with monkeypatch.context() as off:
        off.setattr(stock, "_lock_units", lambda pks: list(StockUnit.objects.filter(pk__in=set(pks))))
        given_back_while_withdrawn(at_once, off, order)
    assert Seat.objects.get().state == "available"
    with pytest.raises(stock.SoldOut):
        placing(chat(2), spotify)()
    with pytest.raises(SystemExit):
        books_hold()


def test_withdrawn_while_reserved_it_comes_back_by_an_import(spotify: Variant) -> None:
    content = StockUnit.objects.get().content
    order = placing(chat(1), spotify)()
    assert withdrawing(StockUnit.objects.get())() == 0
    ending(order)()
    assert Seat.objects.get().state == "withdrawn"
    assert StockUnit.objects.get().withdrawn_at is not None
    assert stock.add_units(variant=spotify, units=[NewUnit(content)], actor="t").added == 1
    assert isinstance(placing(chat(2), spotify)(), Order)
    books_hold()


def test_imported_again_while_somebody_still_holds_it(spotify: Variant) -> None:
    content = StockUnit.objects.get().content
    order = placing(chat(1), spotify)()
    withdrawing(StockUnit.objects.get())()
    assert stock.add_units(variant=spotify, units=[NewUnit(content)], actor="t").added == 1
    ending(order)()
    assert Seat.objects.get().state == "available"
    books_hold()


def test_what_a_buyer_has_is_skipped_and_never_returned(spotify: Variant) -> None:
    content = StockUnit.objects.get().content
    buy(placing(chat(1), spotify)())
    withdrawing(StockUnit.objects.get())()
    assert stock.add_units(variant=spotify, units=[NewUnit(content)], actor="t").skipped == 1
    assert stock.return_unit(unit=StockUnit.objects.get(), actor="t") == 0
    assert Seat.objects.get().state == "sold"
    books_hold()


def test_sold_again_by_hand(spotify: Variant) -> None:
    withdrawing(StockUnit.objects.get())()
    assert stock.return_unit(unit=StockUnit.objects.get(), actor="user:1") == 1
    assert isinstance(placing(chat(1), spotify)(), Order)
    books_hold()


def test_not_sold_again_when_its_content_came_back_as_another(spotify: Variant) -> None:
    unit = StockUnit.objects.get()
    withdrawing(unit)()
    stock.add_units(variant=spotify, units=[NewUnit(unit.content)], actor="t")
    with pytest.raises(NotBack, match="sudah ditambahkan lagi"):
        stock.return_unit(unit=unit, actor="user:1")
    assert Seat.objects.filter(state="available").count() == 1


def buy(order: Order) -> None:
    row = order.payments.get()
    payment.store_invoice(row.pk, Invoice(f"t{row.pk.hex[:8]}", row.amount, 0, "qr", None))
    row.refresh_from_db()
    payment.confirm(row.pk, Truth(row.transaction, row.reference, row.amount, Status.COMPLETED, is_sandbox=True))


@pytest.mark.parametrize(
    "change",
    [
        "state = 'available', line_id = NULL",
        "state = 'quarantined'",
        "state = 'withdrawn', line_id = NULL",
        "sold_at = NULL",
        "is_shared = true",
        "state = 'available', line_id = NULL, sold_at = NULL, is_shared = true",
    ],
)
def test_a_plain_unit_once_sold_stays_sold(spotify: Variant, change: str) -> None:
    buy(placing(chat(1), spotify)())
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute(f"UPDATE orders_seat SET {change}")
    assert Seat.objects.get().state == "sold"
    assert SEAT["sold"] == frozenset()


def test_two_imports_of_one_list_in_any_order(spotify: Variant, at_once: Together) -> None:
    units = [NewUnit(f"kode-{n}") for n in range(3000)]

    def importing(some: list[NewUnit]) -> Callable[[], Any]:
        return lambda: import_stock(some, variant=Variant.objects.select_related("product").get(), actor="t")

    results = at_once([importing(units), importing(units[::-1])])
    assert sorted((r.added, r.skipped) for r in results) == [(0, 3000), (3000, 0)], results


def test_without_the_lock_they_deadlock(spotify: Variant, at_once: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "hold_lock", lambda name: None)
    monkeypatch.setattr(stock, "BATCH", 1)
    both = threading.Barrier(2, timeout=60)

    def importing(some: list[NewUnit]) -> Callable[[], Any]:
        def units() -> Any:
            yield some[0]
            both.wait()  # each has its first in the table and wants the other's
            yield some[1]

        return lambda: stock.add_units(variant=spotify, units=units(), actor="t")

    pair = [NewUnit("a"), NewUnit("b")]
    results = at_once([importing(pair), importing(pair[::-1])])
    assert any(isinstance(r, OperationalError) for r in results), results


def test_an_import_that_meets_a_lock_says_what_to_do(
    spotify: Variant, at_once: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_locks.hold_lock, "__kwdefaults__", {"wait": 1})
    done = threading.Event()

    def holding() -> None:
        with transaction.atomic():
            for name in (f"stock of product {spotify.product_id}", "catalogue"):
                named_locks.hold_lock(name)
            done.wait(10)

    def importing() -> list[str]:
        time.sleep(0.3)
        said = []
        table = b"code,name,price,description,category,terms\nx,X,1000,,,\n"
        for job in (
            lambda: import_stock([NewUnit("z")], variant=spotify, actor="t"),
            lambda: import_products(table, actor="t"),
        ):
            try:
                job()
            except BadFile as error:
                said.append(str(error))
        done.set()
        return said

    _, said = at_once([holding, importing])
    assert said == ["impor atau perubahan lain sedang berjalan; tunggu sampai selesai, lalu coba lagi"] * 2


def test_the_snk_of_a_paid_order_does_not_wait_for_a_long_import(spotify: Variant, at_once: Together) -> None:
    from apps.snk.services import keep_terms

    spotify.product.terms = "Jangan ganti sandi"
    spotify.product.save()
    added, go = threading.Event(), threading.Event()

    def units() -> Any:
        for n in range(stock.BATCH + 1):
            yield NewUnit(f"x{n}")
        added.set()
        go.wait(10)

    def terms() -> Any:
        added.wait(10)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '3s'")
                return keep_terms(product_id=spotify.product_id)
        finally:
            go.set()

    _, kept = at_once([lambda: stock.add_units(variant=spotify, units=units(), actor="t"), terms])
    assert kept.version == 1


def test_goods_that_cannot_be_brought_and_a_button_lock_in_one_order(
    spotify: Variant, at_once: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both touch the chat and the order: the chat first, whoever comes."""
    make_product("joki", kind="manual", name="Joki")
    sari = chat(5)
    order = placing(sari, *variants_of("spotify", "joki"))()
    buy(order)
    line = OrderLine.objects.get(product__code="joki")
    OrderLine.objects.filter(pk=line.pk).update(promised_at=shop_now() - timedelta(minutes=1))
    both = threading.Barrier(2, timeout=2)
    usual = outbox.note_missed

    def meet() -> None:
        try:
            both.wait()
        except threading.BrokenBarrierError:
            pass

    def slow(buyer: Chat) -> None:
        meet()
        usual(buyer)

    def press() -> Any:
        with transaction.atomic():
            me = Chat.objects.select_for_update(no_key=True).get(pk=sari.pk)
            meet()
            return manual_fulfilment.ask_money_back(buyer=me, line_id=line.pk)

    monkeypatch.setattr(outbox, "note_missed", slow)
    results = at_once([lambda: delivery.record_failed(order.pk), press])
    assert not [r for r in results if isinstance(r, Exception)], results
    assert OrderLine.objects.get(pk=line.pk).state == "returned"
    assert Payment.objects.get().state == "confirmed"
