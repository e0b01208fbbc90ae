"""One buyer's last order as a story with times: update stored, seats reserved, QR, event, settled, sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from apps.bot.chats import chat_of
from apps.bot.models import Chat, InboundUpdate, OutboundMessage
from apps.orders.models import GatewayEvent, Order, Payment, Seat
from apps.orders.services.messages import invoice_about

UPDATES = 3  # the last ones, shown before the order


@dataclass(frozen=True)
class Step:
    """One thing that happened: where in the house, what, and when (shop time)."""

    where: str
    what: str
    at: datetime
    more: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"where": self.where, "what": self.what, "at": self.at.timestamp(), "more": self.more}


def story_of(telegram_id: int) -> dict[str, Any]:
    """The steps of this buyer, oldest first, and how the books of the last order stand."""
    chat = chat_of(telegram_id)
    order = Order.objects.filter(buyer=chat).order_by("-id").first()
    steps = [*_updates(chat), *(_steps_of(order) if order else [])]
    steps.sort(key=lambda step: step.at)
    return {
        "order": order.number if order else "",
        "state": order.get_state_display() if order else "",
        "steps": [step.as_json() for step in steps],
    }


def _updates(chat: Chat) -> Iterator[Step]:
    for update in InboundUpdate.objects.filter(chat=chat).order_by("-id")[:UPDATES]:
        yield Step("Pesan masuk", "disimpan", update.stored_at)
        if update.handled_at is not None:
            yield Step("Dialog", "dijawab", update.handled_at, update.outcome)


def _steps_of(order: Order) -> Iterator[Step]:
    seats = Seat.objects.filter(line__order=order).count()
    yield Step("Pesanan", f"{order.number} dicatat", order.created_at, f"{seats} slot dipegang" if seats else "")
    for payment in order.payments.order_by("id"):
        yield from _payment(payment)
    yield from _goods(order)
    if order.ended_at is not None:
        yield Step("Pesanan", order.get_state_display().lower(), order.ended_at, "stok dilepas")


def _payment(payment: Payment) -> Iterator[Step]:
    if payment.shown_at is not None:
        yield Step("Gateway", "QR dibuat", payment.shown_at, payment.reference)
    for message in OutboundMessage.objects.filter(about=invoice_about(payment), sent_at__isnull=False):
        if message.sent_at is not None:
            yield Step("Pengirim", "QR terkirim", message.sent_at, _tries(message))
    for event in GatewayEvent.objects.filter(reference=payment.reference, accepted=True).order_by("id")[:5]:
        yield Step("Webhook", "bel berbunyi", event.stored_at, f"{event.times} kali" if event.times > 1 else "")
    if payment.confirmed_at is not None:
        yield Step("Pembayaran", "lunas menurut gateway", payment.confirmed_at, payment.get_state_display())


def _goods(order: Order) -> Iterator[Step]:
    about = Q(about=f"goods:{order.pk}") | Q(about__in=[f"made:{line.pk}" for line in order.lines.all()])
    for message in OutboundMessage.objects.filter(about).order_by("id"):
        yield Step("Pesan keluar", "barang disiapkan", message.queued_at)
        if message.sent_at is not None:
            yield Step("Pengirim", "barang terkirim", message.sent_at, _tries(message))


def _tries(message: OutboundMessage) -> str:
    return f"{message.attempts} kali dicoba" if message.attempts > 1 else ""
