"""The one lock order of the house: chat, all payments of an order by id, the order, its lines, stock."""

from __future__ import annotations

from typing import Any

from apps.orders.models import Order, OrderLine, Payment


def lock_order(order_id: Any) -> tuple[Order, dict[Any, Payment]]:
    """All payments of the order by id, then the order."""
    payments = {p.pk: p for p in Payment.objects.select_for_update().filter(order_id=order_id).order_by("id")}
    order = Order.objects.select_for_update(of=("self",)).select_related("buyer").get(pk=order_id)
    for payment in payments.values():
        payment.order = order
    return order, payments


def lines_of(order: Order) -> list[OrderLine]:
    """Lines in the lock order of stock: products by code, then variants."""
    lines = order.lines.select_related("product", "content").order_by("product__code", "variant_id")
    return list(lines)
