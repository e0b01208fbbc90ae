"""Checkout: a basket becomes an order with its stock held and a payment on its way, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.work.enqueue import ring
from apps.bot.models import Chat
from apps.bot.testbuy_chat import is_synthetic
from apps.orders.gateways import rate_and_breaker
from apps.orders.gateways.registry import first_ready
from apps.orders.models import CartItem, Order, OrderLine, Payment
from apps.orders.services import durations, hoarding_limits, payment, stock, storefront
from apps.orders.services.hoarding_limits import Refusal, Wanted


def place(*, buyer: Chat, basket: Sequence[Wanted]) -> Order:
    """Hold the stock of every line and open the payment; all or nothing.

    The caller holds the lock on `buyer`. Raises Refusal (limits, not for sale, no gateway) and stock.SoldOut.
    """
    now = shop_now()
    if is_synthetic(buyer):
        return _give(buyer, basket, now)
    gateway = first_ready()
    if gateway is None:
        raise Refusal("no_gateway")
    if rate_and_breaker.is_open(f"{gateway.slug}:make"):
        raise Refusal("gateway_trouble")
    with transaction.atomic():
        refuse(buyer, basket, now)
        hold = timedelta(minutes=hoarding_limits.HOLD_MINUTES.get())
        total = sum(wanted.variant.price * wanted.quantity for wanted in basket)
        if not gateway.least <= total <= gateway.most:
            raise Refusal("total_out_of_range", least=gateway.least, most=gateway.most)
        order = Order.objects.create(
            buyer=buyer, total=total, created_at=now, expires_at=now + hold, next_at=now + hold
        )
        _hold_lines(order, basket)
        opened = Payment.objects.create(
            order=order, gateway=gateway.slug, reference=order.number, amount=total, created_at=now, next_at=now
        )
        CartItem.objects.filter(chat=buyer, variant__in=[wanted.variant.pk for wanted in basket]).delete()
        audit.append("order.placed", f"order:{order.number}", actor=f"chat:{buyer.pk}", at=now, total=total)
        ring(Payment.BELL, opened.pk)
    return order


def _give(buyer: Chat, basket: Sequence[Wanted], now: datetime) -> Order:
    """The test buyer's order: free, paid at once, then like any other. No audit: nobody decided it."""
    with transaction.atomic():
        refuse(buyer, basket, now)
        order = Order.objects.create(buyer=buyer, total=0, created_at=now, expires_at=now, next_at=None)
        _hold_lines(order, basket)
        payment.settle_free(order_id=order.pk)
    return order


def refuse(buyer: Chat, basket: Sequence[Wanted], now: datetime) -> None:
    """Raises Refusal for what could not be ordered now. Also asked before the buyer answers questions for nothing."""
    if storefront.SHOP_CLOSED.get() and not is_synthetic(buyer) and any(wanted.renews is None for wanted in basket):
        raise Refusal("shop_closed", note=storefront.CLOSED_NOTE.get())
    if not basket:
        raise Refusal("cart_empty")
    for wanted in basket:
        _refuse_unsellable(wanted, free=is_synthetic(buyer))
    hoarding_limits.check(buyer, basket, now)


def _refuse_unsellable(wanted: Wanted, *, free: bool) -> None:
    """`free`: what costs nothing, and only that, is the synthetic buyer's."""
    variant, product = wanted.variant, wanted.variant.product
    if not (variant.is_active and product.is_active) or (variant.price == 0) is not free:
        raise Refusal("not_for_sale", product=product.name)
    if wanted.renews is None and not product.min_quantity <= wanted.quantity <= product.max_quantity:
        raise Refusal("quantity_limits", product=product.name, least=product.min_quantity, most=product.max_quantity)


def _hold_lines(order: Order, basket: Sequence[Wanted]) -> None:
    """Lines and their seats, in the lock order: products by code, then variants."""
    ordered = sorted(basket, key=lambda wanted: (wanted.variant.product.code, wanted.variant.pk))
    lines = []
    for wanted in ordered:
        variant = wanted.variant
        line = OrderLine(
            order=order, product=variant.product, variant=variant, name=variant.full_name, price=variant.price,
            quantity=wanted.quantity, answers=list(wanted.answers) or None, duration_days=variant.duration_days,
            next_at=None, renews=_renewable(wanted.renews, order.created_at) if wanted.renews else None,
        )  # fmt: skip
        if variant.product.sold_as.for_all:
            line.content = stock.content_unit(variant)
            if line.content is None:
                raise stock.SoldOut(line)
        lines.append(line)
    OrderLine.objects.bulk_create(lines)
    for line, wanted in zip(lines, ordered, strict=True):
        if stock.needs_seats(wanted.variant) and wanted.renews is None:
            stock.reserve(line)


def _renewable(line_id: Any, now: datetime) -> OrderLine:
    """The line to go on with, locked so that its end waits for us. Raises Refusal when it is over or being renewed.

    Only before its end: invoices opened again and again must not keep a seat for nothing.
    """
    line = OrderLine.objects.select_for_update(of=("self",)).select_related("product", "variant").get(pk=line_id)
    if not durations.can_renew(line, now):
        raise Refusal("renewed_too_late", line=line)
    if durations.open_renewal(line) is not None:
        raise Refusal("renewal_open", line=line)
    return line
