"""Everything that happened to one order, oldest first, for the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apps.base import audit
from apps.base.audit import AuditRow
from apps.bot.models import OutboundMessage
from apps.bot.templatetags.shop import rupiah
from apps.orders.models import GatewayEvent, Order

SHOWN = 200

audit.describe(
    {
        "order.placed": "Pesanan dibuat, total Rp{total}",
        "order.expired": "Waktu bayar habis, stok dilepas",
        "order.cancelled": "Dibatalkan, stok dilepas",
        "order.not_billed": "Gateway tidak membuat tagihan, stok dilepas",
        "stock.returned": "Stok dijual lagi: {seats} slot",
        "payment.confirmed": "Uang masuk Rp{amount} ({reference})",
        "payment.mismatch": "Uang masuk Rp{amount}, tagihan Rp{asked}: perlu dicek",
        "goods.sent": "Barang sampai di pembeli ({lines} baris)",
        "goods.undeliverable": "Barang tidak bisa dikirim",
        "goods.sent_again": "Barang dikirim ulang",
        "line.made": "Selesai dikerjakan manual",
        "line.waits": "Pembeli mau menunggu lebih lama",
        "line.returned": "Pembeli minta uang kembali Rp{amount}",
        "line.refund_account": "Pembeli menulis tujuan pengembalian uang",
        "review.served": "Diperiksa: barang tetap dikirim",
        "review.refunded": "Uang Rp{amount} dikembalikan",
        "products.imported": "Produk diimpor: {products_added} baru, {products_changed} diperbarui",
        "product.added": "Produk ditambah",
        "product.changed": "Produk diubah",
        "stock.added": "Stok ditambah: {added}, dilewati {skipped}",
        "stock.changed": "Isi akun diganti, {holders} pembeli dikabari",
        "stock.withdrawn": "Stok ditarik: {seats} slot",
        "content.set": "Isi yang sama untuk semua diganti",
    }
)
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
    return [Moment(row.at, audit.sentence(row), audit.actor_name(row.actor)) for row in rows]


def _gateway(order: Order) -> list[Moment]:
    moments = []
    for payment in order.payments.all():
        if payment.shown_at:
            said = f"QR {payment.reference} dibuat, {rupiah(payment.total_payment or 0)}"
            moments.append(Moment(payment.shown_at, said, payment.gateway))
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
