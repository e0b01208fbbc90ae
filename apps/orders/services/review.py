"""Money in review, resolved by a hand: goods after all, or the money back."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.errands import send_errand
from apps.base.incidents import resolve_incident
from apps.orders.models import Order, OrderLine, Payment
from apps.orders.services import delivery, ledger, messages, stock
from apps.orders.services.payment import lines_of, lock_order
from apps.orders.states import ORDER, OrderState, move


class NotPossible(Exception):
    """Why a review cannot be resolved this way; one plain sentence in Indonesian for the dashboard."""


def serve_reviewed_order(*, order_id: Any, actor: str) -> Order:
    """Late or odd money covers the order: take the stock again and deliver. Raises NotPossible."""
    with transaction.atomic():
        order, payments = lock_order(order_id)
        if order.state != OrderState.NEEDS_REVIEW:
            raise NotPossible("Pesanan ini sudah tidak menunggu pemeriksaan.")
        received = sum(p.received or 0 for p in payments.values())
        if received < order.total:
            raise NotPossible(f"Uang yang masuk Rp{received:,} belum menutup Rp{order.total:,}.".replace(",", "."))
        now = shop_now()
        lines = lines_of(order)
        _take_stock(lines)
        move(order, ORDER, OrderState.PAID, paid_at=now, review="")
        stock.sell(lines, now)
        delivery.allocate(order, lines, now)
        _close_reviews(list(payments.values()))
        audit.append("review.served", f"order:{order.number}", actor=actor, at=now, received=received)
        for task in settings.ORDER_PAID:
            send_errand(task, order.pk)
        return order


def _take_stock(lines: list[OrderLine]) -> None:
    try:
        for line in lines:
            if stock.needs_seats(line.variant):
                stock.reserve(line)
    except stock.SoldOut as shortage:
        raise NotPossible(
            f"Stok {shortage.line.name} tidak cukup lagi. Tambah stok, atau kembalikan uangnya."
        ) from shortage


def mark_refunded(*, order_id: Any, actor: str) -> int:
    """The held money in review went back to the buyer by hand. Returns rupiah. Raises NotPossible."""
    with transaction.atomic():
        order, payments = lock_order(order_id)
        reviewed = [payment for payment in payments.values() if payment.review]
        if not reviewed:
            raise NotPossible("Tidak ada uang yang menunggu pemeriksaan di pesanan ini.")
        amount = 0
        for payment in reviewed:
            ledger.post_refunded(order, payment.received or 0, payment)
            amount += payment.received or 0
        if order.state == OrderState.NEEDS_REVIEW:
            move(order, ORDER, OrderState.REFUNDED, review="")
        _close_reviews(reviewed)
        messages.tell_buyer(order, "money_refunded", amount=amount)
        audit.append("review.refunded", f"order:{order.number}", actor=actor, amount=amount)
        return amount


def _close_reviews(payments: list[Payment]) -> None:
    for payment in payments:
        if payment.review:
            payment.review = ""
            payment.save(update_fields=["review"])
            resolve_incident(f"review.{payment.reference}")
