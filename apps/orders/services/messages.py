"""What buyers are told about their orders. Each text is a template; each important one goes out once."""

from __future__ import annotations

import io
from typing import Any

import segno
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from apps.bot import outbox
from apps.bot.models import OutboundMessage
from apps.bot.screens import Button, Screen, send_screen
from apps.bot.texts import render
from apps.orders.models import Kind as ProductKind
from apps.orders.models import Order, Payment

Kind = OutboundMessage.Kind


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


def tell_buyer(order: Order, template: str, **context: Any) -> None:
    """A message about an order, with the way home under it."""
    language = order.buyer.language
    text = render(template, language, order=order, **context)
    send_screen(order.buyer, Screen(text, [home_row(language)]), kind=Kind.NOTICE)


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
    caption = invoice_caption(payment)
    with override(order.buyer.language):
        rows = [[Button(_("Cek pembayaran"), f"check:{order.number}"), Button(_("Batalkan"), f"cancel:{order.number}")]]
    keyboard = Screen("", rows).keyboard()
    outbox.send(
        order.buyer, "sendPhoto", {"caption": caption, "parse_mode": "HTML", **keyboard}, kind=Kind.INVOICE,
        file=qr_png(payment.qr or ""), file_name=f"{payment.reference}.png", about=invoice_about(payment),
    )  # fmt: skip


def invoice_caption(payment: Payment) -> str:
    order = payment.order
    lines = list(order.lines.select_related("product").order_by("id"))
    return render(
        "invoice", order.buyer.language, order=order, payment=payment, lines=lines[:8], more=max(0, len(lines) - 8),
        by_hand=all(line.product.kind == ProductKind.MANUAL for line in lines),
    )  # fmt: skip


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
