"""Everything that happened to one order, oldest first, for the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model

from apps.base.audit import AuditRow
from apps.bot.models import OutboundMessage
from apps.orders.models import GatewayEvent, Order

SHOWN = 200

SENTENCES = {
    "order.placed": "Pesanan dibuat, total Rp{total}",
    "order.expired": "Waktu bayar habis, stok dilepas",
    "order.cancelled": "Dibatalkan, stok dilepas",
    "payment.confirmed": "Uang masuk Rp{amount} ({reference})",
    "payment.mismatch": "Uang masuk Rp{amount}, tagihan Rp{asked}: perlu dicek",
    "goods.sent": "Barang sampai di pembeli ({lines} baris)",
    "goods.undeliverable": "Barang tidak bisa dikirim",
    "goods.sent_again": "Barang dikirim ulang",
    "line.made": "Selesai dikerjakan manual",
    "terms.sent": "SNK {product} versi {version} dikirim",
    "review.served": "Diperiksa: barang tetap dikirim",
    "review.refunded": "Diperiksa: uang Rp{amount} dikembalikan",
}
KINDS = {"goods": "barang", "invoice": "tagihan QR", "snk": "SNK", "notice": "kabar", "reply": "layar"}


@dataclass(frozen=True)
class Moment:
    """One thing that happened."""

    at: datetime
    text: str
    by: str = ""


def timeline(order: Order) -> list[Moment]:
    """Audit, gateway events, payments and messages of this order, in their order."""
    moments = [*_audited(order), *_gateway(order), *_messages(order)]
    return sorted(moments, key=lambda moment: moment.at)[:SHOWN]


def _audited(order: Order) -> list[Moment]:
    rows = AuditRow.objects.filter(subject=f"order:{order.number}").order_by("id")[:SHOWN]
    return [Moment(row.at, _sentence(row), _actor(row.actor)) for row in rows]


def _actor(actor: str) -> str:
    """`chat:…` is the buyer, `user:7` a person of the dashboard by name."""
    kind, _, pk = actor.partition(":")
    if kind == "chat":
        return "pembeli"
    if kind == "user":
        user = get_user_model().objects.filter(pk=pk).first()
        return user.get_username() if user else actor
    return {"shop": "toko", "manage.py": "perintah"}.get(actor, actor)


def _sentence(row: AuditRow) -> str:
    template = SENTENCES.get(row.kind, row.kind)
    try:
        return template.format(
            **{k: f"{v:,}".replace(",", ".") if isinstance(v, int) else v for k, v in row.data.items()}
        )
    except KeyError:
        return template


def _gateway(order: Order) -> list[Moment]:
    moments = []
    for payment in order.payments.all():
        if payment.shown_at:
            moments.append(
                Moment(payment.shown_at, f"QR {payment.reference} dibuat, Rp{payment.total_payment}", payment.gateway)
            )
        if payment.asked_at:
            moments.append(
                Moment(
                    payment.asked_at, f"Terakhir ditanyakan ke gateway: {payment.get_state_display()}", payment.gateway
                )
            )
        events = GatewayEvent.objects.filter(reference=payment.reference, accepted=True)
        moments += [Moment(e.stored_at, f"Kabar gateway: {e.status} (×{e.times})", e.gateway) for e in events[:20]]
    return moments


def _messages(order: Order) -> list[Moment]:
    about = [
        f"goods:{order.pk}",
        *(f"invoice:{p.pk}" for p in order.payments.all()),
        *(f"made:{line.pk}" for line in order.lines.all()),
    ]
    moments = []
    for message in OutboundMessage.objects.filter(about__in=about).order_by("id"):
        label = KINDS.get(message.kind, message.kind)
        moments.append(Moment(message.queued_at, f"Pesan {label} disiapkan", "bot"))
        if message.sent_at:
            moments.append(Moment(message.sent_at, f"Pesan {label} terkirim", "bot"))
        elif message.last_error:
            moments.append(
                Moment(
                    message.queued_at,
                    f"Pesan {label}: {message.get_state_display()} ({message.last_error[:80]})",
                    "bot",
                )
            )
    return moments
