"""The cart: what a buyer puts aside."""

from __future__ import annotations

from collections.abc import Iterable
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


def set_quantity(*, chat: Chat, item_id: Any, quantity: int) -> None:
    """Change one item; 0 or less takes it out."""
    items = CartItem.objects.filter(chat=chat, pk=item_id).select_related("variant__product")
    item = items.first()
    if item is None:
        return
    if quantity < item.variant.product.min_quantity:
        items.delete()
    else:
        items.update(quantity=min(quantity, item.variant.product.max_quantity))


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
