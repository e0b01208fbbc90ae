"""The cart: what a buyer puts aside."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from apps.bot.models import Chat
from apps.orders.models import CartItem, OrderLine, Variant

MOST_ITEMS = 20


def add_to_cart(*, chat: Chat, variant: Variant, quantity: int) -> bool:
    """Put `quantity` of a variant in the cart, over what is there, up to the product's limit. False when it is full."""
    item = CartItem.objects.filter(chat=chat, variant=variant).first()
    if item is None and CartItem.objects.filter(chat=chat).count() >= MOST_ITEMS:
        return False
    item = item or CartItem(chat=chat, variant=variant, quantity=0)
    item.quantity = min(item.quantity + quantity, variant.product.max_quantity)
    item.save()
    return True


class Edge(StrEnum):
    """Which limit of the product stood in the way."""

    LEAST = "least"
    MOST = "most"


def set_quantity(*, chat: Chat, item_id: Any, quantity: int) -> tuple[Edge, int] | None:
    """Change one item; below the product's least it goes. A step up never takes anything away, whatever became of the
    limits meanwhile. Returns the limit that stood in the way."""
    items = CartItem.objects.filter(chat=chat, pk=item_id).select_related("variant__product")
    item = items.first()
    if item is None:
        return None
    least, most = item.variant.product.min_quantity, item.variant.product.max_quantity
    if quantity < min(least, item.quantity):
        items.delete()
        return None
    items.update(quantity=max(least, min(quantity, most)))
    if quantity > most:
        return Edge.MOST, most
    return (Edge.LEAST, least) if quantity < least else None


def put_back(*, chat: Chat, lines: Iterable[OrderLine]) -> None:
    """What an order that came to nothing had taken out of the cart is there again; what is in it stays as it is."""
    items = [
        CartItem(chat=chat, variant_id=line.variant_id, quantity=line.quantity)
        for line in lines
        if line.renews_id is None
    ]
    CartItem.objects.bulk_create(items, ignore_conflicts=True)


def empty_cart(*, chat: Chat) -> None:
    CartItem.objects.filter(chat=chat).delete()
