"""Reads for the dialogue. Every one is bounded: a page, or a count that stops."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.base.normalize_text import tidy
from apps.bot.models import Chat
from apps.orders.models import CartItem, Category, Order, OrderLine, Product, Seat, StockUnit, Variant
from apps.orders.services import stock
from apps.orders.states import LineState, SeatState

PAGE = 8
FRESH = 3.0  # seconds
STOCK_SHOWN = 100  # counted no further


@dataclass(frozen=True)
class Page:
    """Some of a list; whether there is more on either side."""

    items: Sequence[Any]
    number: int
    has_next: bool


def page_of(rows: QuerySet[Any] | Sequence[Any], number: int, size: int = PAGE) -> Page:
    number = max(0, min(number, 10_000))
    found = list(rows[number * size : (number + 1) * size + 1])
    return Page(found[:size], number, len(found) > size)


def page_within(rows: Sequence[Any], number: int, size: int = PAGE) -> Page:
    """The same of a list that is known whole: a page after its end is its last."""
    return page_of(rows, min(number, (len(rows) - 1) // size), size)


def shelf() -> QuerySet[Product]:
    """Products on sale, each with `has_seats`."""
    seats = Seat.objects.filter(variant__product=OuterRef("pk"), variant__is_active=True, state=SeatState.AVAILABLE)
    sellable = Variant.objects.filter(product=OuterRef("pk"), is_active=True)
    return Product.objects.filter(Exists(sellable), is_active=True, is_hidden=False).annotate(has_seats=Exists(seats))


def categories() -> list[Category]:
    """Categories that have something on the shelf; at most FRESH seconds old, since every menu shows them."""
    read, known = _categories
    if time.monotonic() - read[0] > FRESH:
        on_sale = Product.objects.filter(
            category=OuterRef("pk"), is_active=True, is_hidden=False, variants__is_active=True
        )
        known[:] = Category.objects.filter(Exists(on_sale))
        read[0] = time.monotonic()
    return list(known)


_categories: tuple[list[float], list[Category]] = ([-1e9], [])


def products(number: int, category_id: int | None = None) -> Page:
    rows = shelf() if category_id is None else shelf().filter(category_id=category_id)
    return page_of(rows, number)


def search(text: str, number: int) -> Page:
    """Every word must be in the name, the code or the description."""
    rows = shelf()
    for word in tidy(text).split()[:5]:
        rows = rows.filter(Q(name__icontains=word) | Q(code__icontains=word) | Q(description__icontains=word))
    return page_of(rows, number)


def is_sold_out(product: Product) -> bool:
    """For a list: counted kinds without a free seat."""
    return product.sold_as.counted and not getattr(product, "has_seats", True)


def keeps_kind(products: QuerySet[Product]) -> QuerySet[Product]:
    """Those of which something was stocked or ordered: seats, promises and books depend on what they are."""
    stocked, ordered = (
        StockUnit.objects.filter(product=OuterRef("pk")),
        OrderLine.objects.filter(product=OuterRef("pk")),
    )
    return products.filter(Exists(stocked) | Exists(ordered))


def variant_on_sale(variant_id: int) -> Variant | None:
    return (
        Variant.objects.select_related("product").filter(pk=variant_id, is_active=True, product__is_active=True).first()
    )


def variants_of(product_id: int) -> list[Variant]:
    rows = Variant.objects.select_related("product").filter(
        product_id=product_id, is_active=True, product__is_active=True
    )
    return list(rows)


def stock_left(variant: Variant) -> int | None:
    """Free seats, at most STOCK_SHOWN; None when nothing is counted."""
    return stock.count_up_to(variant, STOCK_SHOWN) if stock.needs_seats(variant) else None


def cart_of(chat: Chat) -> list[CartItem]:
    rows = CartItem.objects.select_related("variant__product").filter(chat=chat).order_by("id")
    return [item for item in rows[:20] if item.variant.is_active and item.variant.product.is_active]


def orders_of(chat: Chat, number: int) -> Page:
    return page_of(Order.objects.filter(buyer=chat).prefetch_related("lines").order_by("-created_at"), number)


def lines_of(order: Order) -> list[OrderLine]:
    """An order's lines for the buyer's eyes; `is_renewed` says that another order goes on with the same seats."""
    going_on = OrderLine.objects.filter(renews=OuterRef("pk"), state__in=[LineState.ALLOCATED, LineState.SENT])
    lines = order.lines.select_related("product", "variant").annotate(is_renewed=Exists(going_on))
    return list(lines.order_by("id"))


def order_of(chat: Chat, number: str) -> Order | None:
    """One's own order: ownership is part of the query."""
    return Order.objects.select_related("buyer").filter(buyer=chat, number=number).first()
