"""Webhooks as rows: a doorbell that is stored before anything else, and answered with 200."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F

from apps.base.clock import ShopNow
from apps.base.fast_rows import insert_row
from apps.base.incidents import keep_incident, raise_incident
from apps.base.stored_settings import Setting
from apps.base.work.enqueue import ring
from apps.orders.gateways.base import Doorbell, Refused, Status
from apps.orders.gateways.registry import gateway
from apps.orders.models import GatewayEvent, Payment

KEPT_REFUSED = Setting("refused_webhooks_per_hour", 100)
KEPT_BYTES = 2000  # of a refused body

COUNT = """
INSERT INTO orders_refusedcount AS c (gateway, hour, times) VALUES (%s, date_trunc('hour', shop_now()), 1)
ON CONFLICT (gateway, hour) DO UPDATE SET times = c.times + 1 RETURNING times
"""


def receive(slug: str, headers: Mapping[str, str], raw: bytes) -> GatewayEvent:
    """Verify and store one webhook, and ring. Raises Refused (recorded) or KeyError (no such gateway)."""
    try:
        bell = gateway(slug).read_webhook(headers, raw)
    except Refused as refusal:
        _keep_refused(slug, raw, refusal)
        raise
    with transaction.atomic():
        return _keep(slug, raw, bell)


def _keep(slug: str, raw: bytes, bell: Doorbell) -> GatewayEvent:
    event = GatewayEvent(
        gateway=slug, accepted=True, transaction=bell.transaction[:80], reference=bell.reference[:80],
        status=bell.status[:40], body=raw.decode(errors="replace").replace("\0", ""),
    )  # fmt: skip
    if insert_row(event):
        ring(GatewayEvent.BELL, event.pk)
        return event
    # a repeat rings again until the payment is final
    same = GatewayEvent.objects.filter(gateway=slug, accepted=True, transaction=event.transaction, status=event.status)
    settled = Payment.objects.filter(reference=event.reference, received__isnull=False).exists()
    same.update(
        times=F("times") + 1, **({} if settled else {"next_at": ShopNow(), "asked": 0, "attempts": 0, "dead_at": None})
    )
    kept = same.get()
    if not settled:
        ring(GatewayEvent.BELL, kept.pk)
    return kept


def _keep_refused(slug: str, raw: bytes, refusal: Refused) -> None:
    """The first 100 of an hour whole (2 kB of body), the others only counted."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [slug])
            times = cursor.fetchone()[0]
        if times <= KEPT_REFUSED.get():
            GatewayEvent.objects.create(
                gateway=slug, accepted=False, reason=refusal.reason[:80], next_at=None,
                body=raw[:KEPT_BYTES].decode(errors="replace").replace("\0", ""),
            )  # fmt: skip


def keep_unreadable(slug: str, raw: bytes) -> None:
    """Something with the right secret that we cannot read: kept as it came, told once; the schedule asks about every
    payment.
    """
    with transaction.atomic():
        GatewayEvent.objects.create(
            gateway=slug,
            accepted=False,
            reason="unreadable",
            next_at=None,
            body=raw.decode(errors="replace").replace("\0", ""),
        )
        keep_incident(f"strange.{slug}.event", "strange_answer", number="webhook", what="unreadable")


def payment_of(event: GatewayEvent) -> Payment | None:
    """By the gateway's id, else by our order number: the bell can outrun our storing of the former."""
    mine = Payment.objects.select_related("order").filter(gateway=event.gateway)
    return (
        mine.filter(transaction=event.transaction).exclude(transaction="").first()
        or mine.filter(reference=event.reference).first()
    )


def says_paid(event: GatewayEvent) -> bool:
    """Whether it claims that the money is there."""
    return event.accepted and event.status.strip().lower() == Status.COMPLETED


def note_unknown(event: GatewayEvent) -> None:
    """Somebody with our secret speaks of a payment that we have not got. One that is paid needs a hand: its order was
    lost, or another shop uses the same project."""
    GatewayEvent.objects.filter(pk=event.pk).update(reason="no such payment")
    if says_paid(event):
        raise_incident(
            f"unknown.{event.gateway}.{event.reference}"[:120], "money_unknown", gateway=event.gateway,
            number=event.reference, transaction=event.transaction,
        )  # fmt: skip


ASK_AGAIN = tuple(timedelta(seconds=s) for s in (4, 10, 30))  # after a completed bell that the status call denies
