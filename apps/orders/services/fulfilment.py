"""Serving an order whose money is there: seats, goods on their way, and who must know."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from apps.base.work.deferred_calls import send_errand
from apps.orders.models import Order, OrderLine
from apps.orders.services import delivery, durations, messages, stock
from apps.orders.states import ORDER, LineState, OrderState, move


def serve(order: Order, lines: list[OrderLine], now: datetime) -> None:
    """Mark a locked order paid and bring its goods on their way. The seats are held already (see `take_seats`)."""
    move(order, ORDER, OrderState.PAID, paid_at=now, next_at=None, review="")
    stock.sell(lines, now)
    delivery.allocate(order, lines, now)
    spread_news(order, lines)


def take_seats(lines: Iterable[OrderLine]) -> None:
    """Hold the seats of every line anew, for an order that had let them go. Raises stock.SoldOut."""
    for line in lines:
        if line.renews_id:
            durations.secure_seats(line)
        elif stock.needs_seats(line.variant):
            stock.reserve(line)


def secure_renewals(lines: Iterable[OrderLine]) -> None:
    """Lines that renew another still find its seats, or take seats of their own. Raises stock.SoldOut."""
    for line in lines:
        if line.renews_id:
            durations.secure_seats(line)


def spread_news(order: Order, lines: list[OrderLine]) -> None:
    """Who else must know that the order is paid: buyer and sellers of what is made by hand, and the rooms above."""
    by_hand = [line for line in lines if line.state == LineState.BY_HAND]
    if by_hand:
        messages.tell_buyer(order, "made_promised", lines=by_hand)
        send_errand("apps.orders.tasks.tell_made_wanted", order.pk)
    for task in settings.ORDER_PAID:
        send_errand(task, order.pk)
