"""The cart."""

from __future__ import annotations

from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _

from apps.bot.screens import Button, Reply, Screen
from apps.bot.talk import Talk, toast
from apps.orders import selectors
from apps.orders.dialogue.home import home_button
from apps.orders.services import cart as carts


def add(talk: Talk) -> Reply:
    variant = selectors.variant_on_sale(talk.number(0))
    with translation.override(talk.chat.language):
        if variant is None:
            return toast(_("Produk ini sudah tidak dijual."), alert=True)
        quantity = max(variant.product.min_quantity, min(talk.number(1, 1), variant.product.max_quantity))
        if not carts.add_to_cart(chat=talk.chat, variant=variant, quantity=quantity):
            return toast(_("Keranjang sudah penuh."), alert=True)
        reply = show_cart(talk)
        return Reply(screen=reply.screen, toast=_("Masuk keranjang."), state="")


def show_cart(talk: Talk) -> Reply:
    items = selectors.cart_of(talk.chat)
    total = sum(item.variant.price * item.quantity for item in items)
    with translation.override(talk.chat.language):
        rows: list[list[Button]] = []
        for item in items:
            most = item.variant.product.max_quantity
            more = f"cartq:{item.pk.hex}:{item.quantity + 1}" if item.quantity < most else f"edge:most:{most}"
            rows.append([Button(item.variant.full_name[:50], f"p:{item.variant.product_id}")])
            rows.append(
                [
                    Button("−", f"cartq:{item.pk.hex}:{item.quantity - 1}"),
                    Button(str(item.quantity), "noop"),
                    Button("+", more),
                    Button("✕", f"cartq:{item.pk.hex}:0"),
                ]
            )
        if items:
            rows.append([Button(_("Bayar semua"), "checkout"), Button(_("Kosongkan"), "cartx")])
        rows.append([Button(_("Lihat produk"), "all:0"), home_button()])
    return Reply(screen=Screen(talk.say("cart", items=items, total=total), rows), state="")


def change(talk: Talk) -> Reply:
    try:
        item_id = UUID(talk.word(0))
    except ValueError:
        return show_cart(talk)
    carts.set_quantity(chat=talk.chat, item_id=item_id, quantity=talk.number(1))
    return show_cart(talk)


def empty(talk: Talk) -> Reply:
    carts.empty_cart(chat=talk.chat)
    return show_cart(talk)
