"""What is owed to a buyer: each debt for itself, to the last rupiah."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.db.models import Sum

from apps.orders.gateways.base import Status, Truth
from apps.orders.models import LedgerEntry, Order, Payment, Seat, Variant
from apps.orders.services import money_review, payment
from tests.conftest import make_product
from tests.driver import Buyer, Shop, debts


@pytest.fixture
def diamond(db: object) -> Variant:
    return make_product("diamond", kind="manual", name="Diamond", price=20_000)


def receive(row: Payment, amount: int) -> None:
    """The gateway says completed, with this amount."""
    payment.confirm(row.pk, Truth(row.transaction, row.reference, amount, Status.COMPLETED, is_sandbox=True))


def held() -> int:
    return LedgerEntry.objects.filter(account="held").aggregate(sum=Sum("amount", default=0))["sum"]


def books_hold() -> None:
    call_command("checkinvariants", stdout=io.StringIO())


def paid_too_much_and_let_down(shop: Shop, sari: Buyer) -> Order:
    """25,000 for a promise of 20,000 that is broken: the buyer takes the money back."""
    sari.orders("Diamond")
    row = Payment.objects.get()
    receive(row, 25_000)
    shop.settle()
    shop.forward(minutes=61)
    sari.presses("Minta uang kembali").presses("Ya, kembalikan")
    return Order.objects.get()


def test_what_was_too_much_is_not_lost_behind_a_broken_promise(shop: Shop, sari: Buyer, diamond: Variant) -> None:
    order = paid_too_much_and_let_down(shop, sari)
    owed = money_review.debts_of(order, order.payments.all())
    assert sorted((debt.why, debt.amount) for debt in owed) == [("excess", 5_000), ("returned", 20_000)]
    assert money_review.mark_refunded(order_id=order.pk, keys=debts(order.pk), actor="t") == 25_000
    assert held() == 0
    books_hold()


@pytest.mark.parametrize("first", ["excess", "returned"])
def test_each_debt_is_closed_for_itself(shop: Shop, sari: Buyer, diamond: Variant, first: str) -> None:
    order = paid_too_much_and_let_down(shop, sari)
    owed = {debt.why: debt for debt in money_review.debts_of(order, order.payments.all())}
    other = "returned" if first == "excess" else "excess"
    assert money_review.mark_refunded(order_id=order.pk, keys=[owed[first].key], actor="t") == owed[first].amount
    left = money_review.debts_of(order, order.payments.all())
    assert [(debt.why, debt.amount) for debt in left] == [(other, owed[other].amount)]
    with pytest.raises(money_review.NotPossible):
        money_review.mark_refunded(order_id=order.pk, keys=[owed[first].key], actor="t")
    money_review.mark_refunded(order_id=order.pk, keys=[owed[other].key], actor="t")
    assert held() == 0
    assert Order.objects.get().state == "refunded"
    books_hold()


def cancelled_and_paid_twice(shop: Shop, sari: Buyer) -> tuple[Order, Payment, Payment]:
    """A cancelled order, its money after all, and the same once more by another invoice."""
    number = sari.orders("Spotify")
    sari.presses("Batalkan")
    shop.forward(seconds=2)
    shop.bank_pays(number)
    shop.forward(minutes=30)
    order = Order.objects.get()
    row = order.payments.get()
    again = Payment.objects.create(
        order=order, gateway=row.gateway, reference="AO-ZZZZZZ", transaction="t2", amount=row.amount,
        total_payment=row.amount, state="expired",
    )  # fmt: skip
    receive(again, row.amount)
    return order, row, again


def test_money_given_back_serves_no_order(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    order, row, again = cancelled_and_paid_twice(shop, sari)
    assert money_review.mark_refunded(order_id=order.pk, keys=[f"payment:{again.pk}"], actor="t") == row.amount
    assert Order.objects.get().state == "needs_review", "the first payment still waits"
    money_review.mark_refunded(order_id=order.pk, keys=[f"payment:{row.pk}"], actor="t")
    assert Order.objects.get().state == "refunded"
    with pytest.raises(money_review.NotPossible):
        money_review.serve_reviewed_order(order_id=order.pk, actor="t")
    books_hold()


def test_half_of_it_given_back_leaves_enough_for_the_goods(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    order, _row, again = cancelled_and_paid_twice(shop, sari)
    money_review.mark_refunded(order_id=order.pk, keys=[f"payment:{again.pk}"], actor="t")
    money_review.serve_reviewed_order(order_id=order.pk, actor="t")
    shop.settle()
    assert Order.objects.get().state == "delivered"
    assert held() == 0
    assert not Payment.objects.exclude(review="").exists()
    books_hold()


def test_a_page_with_several_debts_asks_which(admin_client: object, shop: Shop, sari: Buyer, diamond: Variant) -> None:
    from django.urls import reverse

    order = paid_too_much_and_let_down(shop, sari)
    shown = admin_client.get(reverse("admin:orders_order_act", args=[order.pk, "kembalikan"])).content.decode()  # type: ignore[attr-defined]
    assert "Rp5.000" in shown
    assert "Rp20.000" in shown
    assert "checked" not in shown


def test_a_hand_serves_and_what_was_too_much_stays_owed(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    sari.orders("Spotify")
    shop.forward(minutes=16)
    row = Payment.objects.get()
    Variant.objects.update(is_active=False)  # late, and not on sale any more: a hand decides
    receive(row, 25_000)
    shop.settle()
    order = Order.objects.get()
    assert order.state == "needs_review"
    money_review.serve_reviewed_order(order_id=order.pk, actor="user:1")
    shop.settle()
    assert Order.objects.get().state == "delivered"
    owed = money_review.debts_of(order, order.payments.all())
    assert [(debt.why, debt.amount) for debt in owed] == [("excess", 7_000)]
    assert held() == 7_000
    books_hold()


def test_a_second_payment_of_what_waits_for_a_hand_is_called_double(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    _order, row, again = cancelled_and_paid_twice(shop, sari)
    row.refresh_from_db()
    again.refresh_from_db()
    assert (row.review, again.review) == ("late", "double")


def test_a_hand_serves_once(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    order, _row, _again = cancelled_and_paid_twice(shop, sari)
    money_review.serve_reviewed_order(order_id=order.pk, actor="t")
    shop.settle()
    with pytest.raises(money_review.NotPossible):
        money_review.serve_reviewed_order(order_id=order.pk, actor="t")
    assert Seat.objects.filter(state="sold").count() == 1
    books_hold()
