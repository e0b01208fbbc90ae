"""The cart."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import gettext as _

from apps.bot.dialogue.context import Talk, toast
from apps.bot.dialogue.screens import Button, Reply, Screen
from apps.orders import selectors
from apps.orders.dialogue.home import home_button, turn_row
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
    return _cart(talk, talk.number(0))


def _cart(talk: Talk, number: int, *, said: str = "") -> Reply:
    """One page of what is in the cart; the text names all of it."""
    items = selectors.cart_of(talk.chat)
    page = selectors.page_within(items, number)
    total = sum(item.variant.price * item.quantity for item in items)
    with translation.override(talk.chat.language):
        rows: list[list[Button]] = []
        for item in page.items:
            here = f"cartq:{item.pk.hex}"
            rows.append([Button(item.variant.full_name, f"p:{item.variant.product_id}")])
            rows.append(
                [
                    Button("−", f"{here}:{item.quantity - 1}:{page.number}"),
                    Button(str(item.quantity), "noop"),
                    Button("+", f"{here}:{item.quantity + 1}:{page.number}"),
                    Button("✕", f"{here}:0:{page.number}"),
                ]
            )
        rows.append(turn_row(page, here="cart:%d"))
        if items:
            rows.append([Button(_("Bayar semua"), "checkout"), Button(_("Kosongkan"), "cartx")])
        rows.append([Button(_("Lihat produk"), "all:0"), home_button()])
    return Reply(screen=Screen(talk.say("cart", items=items, total=total), rows), toast=said, state="")


def change(talk: Talk) -> Reply:
    """`−`, `+` and `✕`; what the product's limits do not allow is said, and nothing goes by itself."""
    edge = carts.set_quantity(chat=talk.chat, item_id=talk.row(0), quantity=talk.number(1))
    with translation.override(talk.chat.language):
        said = {
            carts.Edge.MOST: _("Sekali pesan paling banyak %d."),
            carts.Edge.LEAST: _("Sekali pesan paling sedikit %d."),
        }
        return _cart(talk, talk.number(2), said=said[edge[0]] % edge[1] if edge else "")


def empty(talk: Talk) -> Reply:
    carts.empty_cart(chat=talk.chat)
    return show_cart(talk)
