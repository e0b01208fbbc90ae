"""Money in review, resolved by a hand: goods after all, or the money back."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.incidents import resolve_incident
from apps.base.sql import update_row
from apps.orders.models import LedgerEntry, Order, OrderLine, Payment
from apps.orders.services import delivery, durations, ledger, making, messages, stock
from apps.orders.services.locks import lines_of, lock_order
from apps.orders.services.payment import spread_news
from apps.orders.states import ORDER, LineState, OrderState, move


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
        reviewed = [payment for payment in payments.values() if payment.review]
        if received > order.total:  # what is too much goes on waiting for a hand
            update_row(reviewed.pop(), review="excess")
        _close_reviews(reviewed)
        audit.append("review.served", f"order:{order.number}", actor=actor, at=now, received=received)
        spread_news(order, lines)
        return order


def _take_stock(lines: list[OrderLine]) -> None:
    try:
        for line in lines:
            if stock.needs_seats(line.variant) and not durations.keeps_seats(line):
                stock.reserve(line)
    except stock.SoldOut as shortage:
        raise NotPossible(
            f"Stok {shortage.line.name} tidak cukup lagi. Tambah stok, atau kembalikan uangnya."
        ) from shortage


def mark_refunded(*, order_id: Any, actor: str) -> int:
    """Money in review, or owed for a broken promise, went back to the buyer by hand. Returns rupiah. Raises NotPossible."""
    with transaction.atomic():
        order, payments = lock_order(order_id)
        reviewed = [payment for payment in payments.values() if payment.review]
        owed = list(order.lines.filter(state=LineState.RETURNED, refunded_at__isnull=True))
        if not reviewed and not owed:
            raise NotPossible("Tidak ada uang yang perlu dikembalikan di pesanan ini.")
        amount = _refund_lines(order, owed)
        for payment in reviewed:
            due = _excess(order, payments) if payment.review == "excess" else payment.received or 0
            ledger.post_refunded(order, due, payment)
            amount += due
        if order.state == OrderState.NEEDS_REVIEW:
            move(order, ORDER, OrderState.REFUNDED, review="")
        _close_reviews(reviewed)
        delivery.complete(order)
        messages.tell_buyer(order, "money_refunded", amount=amount)
        audit.append("review.refunded", f"order:{order.number}", actor=actor, amount=amount)
        return amount


def _refund_lines(order: Order, lines: list[OrderLine]) -> int:
    """Give back what lines cost that will not be made; returns rupiah."""
    amount = sum(line.amount for line in lines)
    if amount:
        ledger.post_refunded(order, amount)
    for line in lines:
        update_row(line, refunded_at=shop_now())
        resolve_incident(making.owed_key(line))
    return amount


def _excess(order: Order, payments: dict[Any, Payment]) -> int:
    """Rupiah received over the order's total and not yet given back."""
    received = sum(payment.received or 0 for payment in payments.values())
    back = LedgerEntry.objects.filter(order=order, account=LedgerEntry.Account.REFUNDED)
    return max(0, received - order.total - sum(back.values_list("amount", flat=True)))


def _close_reviews(payments: list[Payment]) -> None:
    for payment in payments:
        update_row(payment, review="")
        resolve_incident(f"review.{payment.reference}")
