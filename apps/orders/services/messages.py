"""What buyers are told about their orders. Each text is a template; each important one goes out once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import segno
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from apps.bot.dialogue.screens import Button, Screen, send_screen
from apps.bot.dialogue.texts import plain, render
from apps.bot.models import Chat, OutboundMessage
from apps.bot.outbound import outbox
from apps.bot.outbound.message_limits import CAPTION, seen
from apps.bot.templatetags.shop import rupiah
from apps.orders.models import Order, OrderLine, Payment, Variant
from apps.orders.states import OrderState, PaymentState

Kind = OutboundMessage.Kind
STILL_OPEN = (OrderState.AWAITING_PAYMENT, OrderState.PAID, OrderState.NEEDS_REVIEW)
MOST_TOLD = 5  # orders named in one message
Rows = Sequence[Sequence[Button]]


def home_row(language: str) -> list[Button]:
    with override(language):
        return [Button(_("Pesanan saya"), "mine:0"), Button(_("Menu"), "home")]


STATE_LABELS = {
    "awaiting_payment": gettext_lazy("menunggu pembayaran"),
    "paid": gettext_lazy("sudah dibayar, sedang disiapkan"),
    "delivered": gettext_lazy("selesai"),
    "expired": gettext_lazy("waktu habis"),
    "cancelled": gettext_lazy("dibatalkan"),
    "needs_review": gettext_lazy("sedang dicek penjual"),
    "refunded": gettext_lazy("uang dikembalikan"),
}


def state_label(order: Order) -> str:
    """The state in the buyer's words."""
    return str(STATE_LABELS[order.state])


def tell_buyer(order: Order, template: str, *, rows: Rows = (), about: str = "", **context: Any) -> None:
    """A message about an order, with what can be done and the way home under it."""
    tell_chat(order.buyer, template, rows=rows, about=about, order=order, **context)


def tell_once(order: Order, template: str, *, about: str, **context: Any) -> None:
    """The same, at most once for `about`: for what the clock may ring twice."""
    if not OutboundMessage.objects.filter(about=about).exists():
        tell_buyer(order, template, about=about, **context)


def tell_chat(chat: Chat, template: str, *, rows: Rows = (), about: str = "", **context: Any) -> None:
    """A notice to one buyer, in their language, with the way home under it."""
    text = render(template, chat.language, **context)
    send_screen(chat, Screen(text, [*rows, home_row(chat.language)]), kind=Kind.NOTICE, about=about)


def late_rows(line: OrderLine, language: str) -> Rows:
    """A promise is broken: wait, or take the money back."""
    with override(language):
        return [
            [
                Button(_("Tunggu saja"), f"wait:{line.pk.hex}"),
                Button(_("Minta uang kembali"), f"moneyback:{line.pk.hex}"),
            ]
        ]


def renew_rows(line: OrderLine, language: str, *, keeps_seats: bool) -> Rows:
    """Go on with what ends: the same seats if they can be kept, else the product's page; nothing if it is off sale."""
    price = rupiah(line.variant.price * line.quantity)
    with override(language):
        if keeps_seats:
            return [[Button(_("Perpanjang · %s") % price, f"renew:{line.pk.hex}")]]
        if line.variant.is_active and line.product.is_active:
            return [[Button(_("Beli lagi · %s") % price, f"v:{line.variant_id}:{line.quantity}")]]
        return []


def buy_rows(variant: Variant, language: str) -> Rows:
    with override(language):
        return [[Button(_("Beli sekarang"), f"v:{variant.pk}:1")]]


def again_rows(order: Order, lines: Sequence[OrderLine]) -> Rows:
    """Order the same once more: the one product's page, or the cart that was put back."""
    with override(order.buyer.language):
        if len(lines) == 1:
            return [[Button(_("Coba lagi"), f"v:{lines[0].variant_id}:{lines[0].quantity}")]]
        return [[Button(_("Lihat keranjang"), "cart")]]


def invoice_about(payment: Payment) -> str:
    return f"invoice:{payment.pk}"


def qr_png(text: str) -> bytes:
    """The QR as PNG, with the white border that scanners need."""
    out = io.BytesIO()
    segno.make_qr(text, error="m").save(out, kind="png", scale=8, border=4)
    return out.getvalue()


def send_invoice(payment: Payment) -> None:
    """The photo of the QR with number, total, deadline and its two buttons."""
    order = payment.order
    caption, shortest = (
        invoice_caption(payment),
        plain(render("invoice_short", order.buyer.language, order=order, payment=payment)),
    )
    with override(order.buyer.language):
        rows = [[Button(_("Cek pembayaran"), f"check:{order.number}"), Button(_("Batalkan"), f"cancel:{order.number}")]]
    keyboard = Screen("", rows).keyboard()
    outbox.send(
        order.buyer,
        "sendPhoto",
        {"caption": caption, "parse_mode": "HTML", "_shortest": shortest, **keyboard},
        kind=Kind.INVOICE,
        file=qr_png(payment.qr or ""),
        file_name=f"{payment.reference}.png",
        about=invoice_about(payment),
    )


def invoice_caption(payment: Payment) -> str:
    """Number, products, amount and deadline; where not all products fit, fewer are named and the rest is counted."""
    order = payment.order
    lines = list(order.lines.select_related("product").order_by("id"))
    for shown in (8, 4, 2, 1, 0):
        caption = render(
            "invoice", order.buyer.language, order=order, payment=payment, lines=lines[:shown],
            more=max(0, len(lines) - shown), by_hand=all(line.product.sold_as.by_hand for line in lines),
        )  # fmt: skip
        if seen(caption) <= CAPTION:
            break
    return caption


def tell_after_move(chat_id: UUID) -> None:
    """By another bot: which orders are open, and each QR that may still be paid. Nothing open, nothing to say; safe
    twice.
    """
    with transaction.atomic():
        chat = Chat.objects.select_for_update(no_key=True).get(pk=chat_id)
        about = f"moved:{outbox.bot_id()}:{chat.pk}"
        orders = list(Order.objects.filter(buyer=chat, state__in=STILL_OPEN).order_by("created_at")[:MOST_TOLD])
        if not orders or OutboundMessage.objects.filter(about=about).exists():
            return
        outbox.send_text(chat, render("bot_moved", chat.language, orders=orders), about=about)
        waiting = Payment.objects.filter(order__in=orders, state=PaymentState.PENDING).select_related("order__buyer")
        for payment in waiting.order_by("id"):
            if payment.order.state == OrderState.AWAITING_PAYMENT and payment.qr:
                send_invoice(payment)


def close_invoice(payment: Payment, template: str) -> None:
    """Take the buttons off the QR that was sent, and say why. Nothing when it never went out."""
    sent = OutboundMessage.objects.filter(about=invoice_about(payment), message_id__isnull=False).first()
    if sent is not None:
        caption = render(template, payment.order.buyer.language, order=payment.order)
        params = {"message_id": sent.message_id, "caption": caption, "parse_mode": "HTML"}
        outbox.send(payment.order.buyer, "editMessageCaption", params, kind=Kind.NOTICE, target=sent.message_id)
    else:
        # still in the outbox: a QR that may no longer be paid must not be shown
        OutboundMessage.objects.filter(about=invoice_about(payment), state=OutboundMessage.State.QUEUED).update(
            state=OutboundMessage.State.REPLACED, next_at=None
        )
