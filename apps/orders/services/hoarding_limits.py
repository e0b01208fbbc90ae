"""Hoarding limits (threats.md, line 8): who never paid may hold little, and not for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from apps.base.stored_settings import Setting
from apps.bot.models import Chat
from apps.orders.models import Order, Payment, Variant
from apps.orders.services import stock
from apps.orders.states import OrderState

OPEN_ORDERS = Setting("open_orders_per_buyer", 2, "Pesanan belum dibayar per pembeli", least=1, most=20)
HOLD_MINUTES = Setting(
    "hold_minutes", 15, "Batas bayar (menit)", "Selama ini stok disimpan untuk pembeli.", least=5, most=60
)
UNPAID_SHARE = Setting(
    "unpaid_share_percent", 2, "Jatah pembeli baru (% stok)",
    "Yang belum pernah membayar boleh menahan paling banyak sebanyak ini, dan selalu boleh satu.", least=1, most=20,
)  # fmt: skip

WAITS = (5, 15, 60)  # minutes after the first, second, third unpaid expiry of a day
BUDGET = timedelta(minutes=45)  # of hold that a buyer who never paid has of one product …
WINDOW = timedelta(hours=2)  # … in this time


class Refusal(Exception):
    """The shop does not take this order; `template` says why to the buyer."""

    def __init__(self, template: str, **context: Any) -> None:
        super().__init__(template)
        self.template = template
        self.context = context


@dataclass(frozen=True)
class Wanted:
    """One variant in a basket."""

    variant: Variant
    quantity: int
    answers: Sequence[dict[str, str]] = ()
    renews: Any = None  # the line whose seats it goes on with


def check(buyer: Chat, basket: Sequence[Wanted], now: datetime) -> None:
    """Raises Refusal. A first attempt for one unit is never refused."""
    open_orders = Order.objects.filter(buyer=buyer, state=OrderState.AWAITING_PAYMENT).count()
    if open_orders >= OPEN_ORDERS.get():
        raise Refusal("too_many_open", limit=OPEN_ORDERS.get())
    if Order.objects.filter(buyer=buyer, paid_at__isnull=False).exists():
        return
    recent = list(
        Order.objects.filter(buyer=buyer, created_at__gt=now - timedelta(days=1)).order_by("-created_at")[:50]
    )
    _check_wait(recent, now)
    counted: dict[int, list[Wanted]] = {}
    for wanted in basket:
        if stock.needs_seats(wanted.variant) and wanted.renews is None:
            counted.setdefault(wanted.variant.product_id, []).append(wanted)
    for product_id, items in counted.items():
        _check_share(buyer, product_id, items)
        _check_budget(buyer, product_id, now)


def _check_wait(recent: Sequence[Order], now: datetime) -> None:
    expired = [order for order in recent if order.state == OrderState.EXPIRED and order.ended_at]
    if not expired:
        return
    wait = timedelta(minutes=WAITS[min(len(expired), len(WAITS)) - 1])
    free_at = max(order.ended_at for order in expired if order.ended_at) + wait
    if now < free_at:
        raise Refusal("wait_after_expiry", free_at=free_at)


def _check_share(buyer: Chat, product_id: int, items: Sequence[Wanted]) -> None:
    """Over all variants of a product, at most the larger of one unit and 2 % of its stock, rounded down."""
    total = stock.held_by(buyer.pk, product_id) + sum(wanted.quantity for wanted in items)
    if total <= 1:
        return
    need = -(-total * 100 // UNPAID_SHARE.get())  # the stock at which `total` is allowed, rounded up
    if not stock.product_has(product_id, need):
        raise Refusal("first_buy_small", product=items[0].variant.product.name, variant=items[0].variant)


def _check_budget(buyer: Chat, product_id: int, now: datetime) -> None:
    """The hold still to come counts in full, since it may last that long."""
    start = now - WINDOW
    billed = Exists(
        Payment.objects.filter(order=OuterRef("pk"), shown_at__isnull=False)
    )  # else the gateway was at fault
    orders = Order.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=start), billed | Q(ended_at__isnull=True), buyer=buyer,
        lines__product_id=product_id,
    ).distinct()  # fmt: skip
    held = [(max(order.created_at, start), order.ended_at or order.expires_at) for order in orders]
    used = sum((end - begin for begin, end in held), timedelta())
    if used + timedelta(minutes=HOLD_MINUTES.get()) > BUDGET:
        oldest = min(end for _, end in held)
        raise Refusal("wait_after_expiry", free_at=max(oldest + WINDOW, now + timedelta(minutes=5)))
