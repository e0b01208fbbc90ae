"""Looking around: categories, pages, search, one product."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import gettext as _

from apps.bot.dialogue.context import Talk, toast
from apps.bot.dialogue.screens import Button, Reply, Screen
from apps.bot.templatetags.shop import rupiah
from apps.orders import selectors
from apps.orders.dialogue.home import home_button, home_screen, in_pairs, lost, turn_row
from apps.orders.models import Category, Product, Variant
from apps.orders.selectors import Page
from apps.orders.services import opening_hours, restock_alerts

VARIANTS = 12  # of one product shown at once


def category(talk: Talk) -> Reply:
    found = Category.objects.filter(pk=talk.number(0)).first()
    if found is None:
        return Reply(screen=home_screen(talk))
    page = selectors.products(talk.number(1), found.pk)
    return _list(talk, talk.say("category", category=found, page=page), page, f"cat:{found.pk}:%d")


def everything(talk: Talk) -> Reply:
    page = selectors.products(talk.number(0))
    return _list(talk, talk.say("category", category=None, page=page), page, "all:%d")


def ask_search(talk: Talk) -> Reply:
    """`/cari netflix` looks at once; without words it asks."""
    if talk.incoming.text.startswith("/") and talk.args:
        return _results(talk, " ".join(talk.args)[:60], 0)
    with translation.override(talk.chat.language):
        return Reply(screen=Screen(talk.say("ask_search"), [[home_button()]]), state="search")


def guess(talk: Talk) -> Reply:
    """Words out of the blue: perhaps a product's name; else the menu."""
    text = talk.text[:60]
    if text and not text.startswith("/") and selectors.search(text, 0).items:
        return _results(talk, text, 0)
    return lost(talk)


def found(talk: Talk) -> Reply:
    """Any text while searching is looked for; the search goes on until something else is pressed."""
    return _results(talk, talk.text[:60], 0)


def more_found(talk: Talk) -> Reply:
    return _results(talk, str(talk.data.get("text", "")), talk.number(0))


def _results(talk: Talk, text: str, number: int) -> Reply:
    page = selectors.search(text, number) if text else Page([], 0, has_next=False)
    reply = _list(talk, talk.say("found", text=text, page=page), page, "found:%d")
    return Reply(screen=reply.screen, state="search", data={"text": text})


def _list(talk: Talk, text: str, page: Page, here: str) -> Reply:
    with translation.override(talk.chat.language):
        rows = [[Button(_product_label(product), f"p:{product.pk}")] for product in page.items]
        rows.append(turn_row(page, here=here))
        rows.append([home_button(), Button(_("Cari"), "find")])
    return Reply(screen=Screen(text, rows), state="")


def _product_label(product: Product) -> str:
    return f"{product.name} · {_('habis')}" if selectors.is_sold_out(product) else product.name


def product(talk: Talk) -> Reply:
    variants = selectors.variants_of(talk.number(0))
    if not variants:
        return _gone(talk)
    first = variants[0]
    return Reply(screen=product_screen(talk, first, first.product.min_quantity, variants), state="")


def variant(talk: Talk) -> Reply:
    chosen = selectors.variant_on_sale(talk.number(0))
    if chosen is None:
        return _gone(talk)
    most, least = chosen.product.max_quantity, chosen.product.min_quantity
    quantity = max(least, min(talk.number(1, least), most))
    variants = selectors.variants_of(chosen.product_id)
    return Reply(screen=product_screen(talk, chosen, quantity, variants, same_picture=True), state="")


def wish(talk: Talk) -> Reply:
    """*Kabari saya*: the buyer hears when it is back."""
    chosen = selectors.variant_on_sale(talk.number(0))
    if chosen is None:
        return _gone(talk)
    restock_alerts.want(chat=talk.chat, variant=chosen)
    with translation.override(talk.chat.language):
        return toast(_("Siap, kami kabari di sini begitu ada lagi."), alert=True)


def _gone(talk: Talk) -> Reply:
    return Reply(screen=home_screen(talk, "product_gone"), state="")


def product_screen(
    talk: Talk, chosen: Variant, quantity: int, variants: list[Variant], *, same_picture: bool = False
) -> Screen:
    """One product, one of its variants chosen, and how many."""
    item, left = chosen.product, selectors.stock_left(chosen)
    text = talk.say(
        "product",
        product=item,
        variant=chosen,
        quantity=quantity,
        left=left,
        total=chosen.price * quantity,
        shown=selectors.STOCK_SHOWN,
        opens=opening_hours.OPENS.get().replace(":", "."),
        closes=opening_hours.CLOSES.get().replace(":", "."),
    )
    with translation.override(talk.chat.language):
        rows: list[list[Button]] = []
        if len(variants) > 1:
            rows += _variant_rows(talk, variants, chosen, quantity)
        if left == 0:
            rows.append(
                [Button(_("Kabari saya"), f"wish:{chosen.pk}"), Button(_("Lihat lagi"), f"v:{chosen.pk}:{quantity}")]
            )
        else:
            if item.max_quantity > item.min_quantity:
                rows.append(_quantity_row(chosen, quantity))
            rows.append([Button(_("Beli sekarang"), f"buy:{chosen.pk}:{quantity}")])
            rows.append([Button(_("Tambah ke keranjang"), f"add:{chosen.pk}:{quantity}")])
        back = f"cat:{item.category_id}:0" if item.category_id else "all:0"
        rows.append([Button(_("‹ Kembali"), back), home_button()])
    return Screen(text, rows, picture=item.picture_id, same_picture=same_picture)


def _variant_rows(talk: Talk, variants: list[Variant], chosen: Variant, quantity: int) -> list[list[Button]]:
    """The variants in pairs: the page asked for (third word of the button), else that of the chosen one."""
    place = next((n for n, v in enumerate(variants) if v.pk == chosen.pk), 0)
    page = selectors.page_within(variants, talk.number(2, place // VARIANTS), VARIANTS)
    chips = [Button(_chip(v, chosen), f"v:{v.pk}:{quantity}") for v in page.items]
    return [*in_pairs(chips), turn_row(page, here=f"v:{chosen.pk}:{quantity}:%d")]


def _chip(variant: Variant, chosen: Variant) -> str:
    mark = "● " if variant.pk == chosen.pk else ""
    return f"{mark}{variant.name or _('Biasa')} · {rupiah(variant.price)}"


def _quantity_row(variant: Variant, quantity: int) -> list[Button]:
    least, most = variant.product.min_quantity, variant.product.max_quantity
    less = f"v:{variant.pk}:{quantity - 1}" if quantity > least else f"edge:least:{least}"
    more = f"v:{variant.pk}:{quantity + 1}" if quantity < most else f"edge:most:{most}"
    return [Button("−", less), Button(str(quantity), "noop"), Button("+", more)]


def edge(talk: Talk) -> Reply:
    """`+` at the most, `−` at the least: says why nothing moves."""
    with translation.override(talk.chat.language):
        said = _("Sekali pesan paling banyak %d.") if talk.word(0) == "most" else _("Sekali pesan paling sedikit %d.")
        return toast(said % talk.number(1))
