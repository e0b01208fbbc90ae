"""From a basket to an invoice: questions, the choice of payment, the order."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from apps.base.clock import shop_now
from apps.bot.dialogue.context import Talk, toast
from apps.bot.dialogue.screens import Button, Reply, Screen
from apps.orders import selectors
from apps.orders.checkout_answers import as_typed, kind_of
from apps.orders.dialogue.home import home_button, home_screen
from apps.orders.gateways.registry import first_ready
from apps.orders.models import OrderLine, Variant
from apps.orders.services import checkout, durations, stock
from apps.orders.services.hoarding_limits import Refusal, Wanted

# A basket in the session: {"variant": id, "quantity": n, "answers": [{"label", "answer"}], "renews": line or absent}
Basket = list[dict[str, Any]]


def buy(talk: Talk) -> Reply:
    return _continue(talk, [{"variant": talk.number(0), "quantity": talk.number(1, 1), "answers": []}])


def renew(talk: Talk) -> Reply:
    """*Perpanjang*: the same account goes on; when that is no longer possible, the product's page."""
    line = durations.line_to_renew(talk.chat, talk.row(0), shop_now())
    if line is None:
        with translation.override(talk.chat.language):
            return toast(_("Ini tidak bisa diperpanjang lagi. Lihat Pesanan saya ya."), alert=True)
    basket = [{"variant": line.variant_id, "quantity": line.quantity, "answers": [], "renews": line.pk.hex}]
    return replace(_continue(talk, basket), anew=True)


def buy_cart(talk: Talk) -> Reply:
    items = selectors.cart_of(talk.chat)
    return _continue(talk, [{"variant": i.variant_id, "quantity": i.quantity, "answers": []} for i in items])


def _wanted(basket: Basket) -> list[Wanted] | None:
    """The basket with its variants; None when it is empty or something in it is no longer sold."""
    ids = [item["variant"] for item in basket]
    variants = {v.pk: v for v in Variant.objects.select_related("product").filter(pk__in=ids, is_active=True)}
    if not basket or any(item["variant"] not in variants for item in basket):
        return None
    return [Wanted(variants[item["variant"]], item["quantity"], item["answers"], item.get("renews")) for item in basket]


def _continue(talk: Talk, basket: Basket) -> Reply:
    """The next open question, else the choice of payment."""
    wanted = _wanted(basket)
    if wanted is None:
        return Reply(screen=home_screen(talk, "product_gone"), state="")
    try:
        checkout.refuse(talk.chat, wanted, shop_now())
    except Refusal as refusal:
        return _refused(talk, refusal)
    for item in wanted:
        questions = item.variant.product.questions
        if len(item.answers) < len(questions):
            return _ask(talk, basket, item, questions[len(item.answers)])
    return _choose_payment(talk, basket, wanted)


def _ask(talk: Talk, basket: Basket, item: Wanted, question: dict[str, str], *, wrong: bool = False) -> Reply:
    text = talk.say("question", product=item.variant.product, question=question, wrong=wrong)
    with translation.override(talk.chat.language):
        rows = [[Button(_("Batal"), "home")]]
    return Reply(screen=Screen(text, rows), state="answers", data={"basket": basket})


def answer(talk: Talk) -> Reply:
    """A text while a question is open: checked by its kind, then the next."""
    basket: Basket = talk.data.get("basket", [])
    wanted = _wanted(basket)
    if wanted is None:
        return Reply(screen=home_screen(talk, "product_gone"), state="")
    for entry, item in zip(basket, wanted, strict=True):
        questions = item.variant.product.questions
        if len(item.answers) < len(questions):
            question = questions[len(item.answers)]
            if not _fits(question, talk.text):
                return _ask(talk, basket, item, question, wrong=True)
            entry["answers"].append({"label": question["label"], "answer": as_typed(talk.text)})
            return _continue(talk, basket)
    return _continue(talk, basket)


def _fits(question: dict[str, str], text: str) -> bool:
    return not text.startswith("/") and kind_of(question).takes(as_typed(text))


def _choose_payment(talk: Talk, basket: Basket, wanted: list[Wanted]) -> Reply:
    total = sum(item.variant.price * item.quantity for item in wanted)
    nonce, gateway = secrets.token_hex(4), first_ready()
    text = talk.say("choose_payment", wanted=wanted, total=total)
    with translation.override(talk.chat.language):
        first = wanted[0].variant
        back = f"v:{first.pk}:{wanted[0].quantity}" if len(wanted) == 1 else "cart"
        rows = [
            [Button(gateway.label if gateway else "QRIS", f"pay:{nonce}")],
            [Button(_("‹ Kembali"), back), home_button()],
        ]
    return Reply(screen=Screen(text, rows), state="paying", data={"basket": basket, "nonce": nonce})


def pay(talk: Talk) -> Reply:
    """Place the order. A second press finds the basket gone and makes no second order."""
    basket: Basket = talk.data.get("basket", [])
    if talk.state != "paying" or not talk.word(0) or talk.data.get("nonce") != talk.word(0):
        with translation.override(talk.chat.language):
            return toast(_("Tombol ini sudah dipakai. Lihat Pesanan saya ya."), alert=True)
    wanted = _wanted(basket)
    if wanted is None:
        return Reply(screen=home_screen(talk, "product_gone"), state="")
    try:
        order = checkout.place(buyer=talk.chat, basket=wanted)
    except stock.SoldOut as shortage:
        return _sold_out(talk, shortage.line)
    except Refusal as refusal:
        return _refused(talk, refusal)
    holds = any(stock.needs_seats(item.variant) for item in wanted)
    with translation.override(talk.chat.language):
        rows = [[Button(_("Pesanan saya"), "mine:0"), home_button()]]
    return Reply(screen=Screen(talk.say("order_placed", order=order, holds=holds), rows), state="")


def _sold_out(talk: Talk, line: OrderLine) -> Reply:
    """Somebody was faster; nothing was charged."""
    with translation.override(talk.chat.language):
        wish = [Button(_("Kabari saya"), f"wish:{line.variant_id}")]
    return _no(talk, "sold_out", wish, line=line)


def _refused(talk: Talk, refusal: Refusal) -> Reply:
    rows = []
    if refusal.template == "first_buy_small":
        with translation.override(talk.chat.language):
            rows = [[Button(_("Ambil 1"), f"v:{refusal.context['variant'].pk}:1")]]
    return _no(talk, refusal.template, *rows, **refusal.context)


def _no(talk: Talk, template: str, *first: list[Button], **context: Any) -> Reply:
    """Why not; nothing was charged. Rows given come `first`."""
    with translation.override(talk.chat.language):
        rows = [*first, [Button(_("Keranjang"), "cart"), Button(_("Lihat produk lain"), "all:0")]]
        rows.append([Button(_("Pesanan saya"), "mine:0"), home_button()])
    return Reply(screen=Screen(talk.say(f"refusals/{template}", **context), rows), state="")
