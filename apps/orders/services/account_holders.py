"""A shared account changes: every current holder gets the new text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from apps.base import audit
from apps.base.fast_rows import update_row
from apps.base.work.deferred_calls import send_errand
from apps.bot.models import Chat
from apps.bot.outbound import outbox
from apps.orders.models import OrderLine, Seat, StockUnit
from apps.orders.models.stock import content_hash
from apps.orders.services import delivery
from apps.orders.states import LineState, SeatState

TELL = "apps.orders.tasks.tell_changed"


class Duplicate(Exception):
    """The product has this content already."""


def change_unit(*, unit: StockUnit, content: str, labels: Sequence[str], actor: str) -> int:
    """Give a unit a new content, and its seats new lines where given; returns how many holders are told.

    An empty `content` or label leaves what is there. Raises Duplicate.
    """
    try:
        with transaction.atomic():
            seats = list(unit.seats.select_for_update().order_by("number"))
            if content:
                unit.content, unit.content_hash = content, content_hash(content)
                unit.save(update_fields=["content", "content_hash"])
            for seat, label in zip(seats, labels, strict=False):
                if label:
                    seat.label = label
                    seat.save(update_fields=["label"])
            holders = current_holders(unit)
            for line_id in holders:
                send_errand(TELL, line_id)
            audit.append("stock.changed", f"unit:{unit.pk}", actor=actor, holders=len(holders))
    except IntegrityError as error:
        raise Duplicate from error
    return len(holders)


def current_holders(unit: StockUnit) -> list[Any]:
    """Lines whose goods are out and whose time is not over."""
    seats = Seat.objects.filter(unit=unit, state=SeatState.SOLD, line__ended_at__isnull=True)
    lines = seats.filter(line__state__in=[LineState.SENT, LineState.ALLOCATED, LineState.UNDELIVERABLE])
    return list(lines.order_by("line_id").values_list("line_id", flat=True).distinct())


def tell_changed(line_id: Any) -> None:
    """Send one holder the goods of the line as they are now."""
    line = OrderLine.objects.select_related("order__buyer", "product", "content").get(pk=line_id)
    if line.ended_at is None:
        update_row(line, untold=False)
        delivery.send_goods(line.order, [line], occasion="changed")


def note_untold(line_id: Any) -> None:
    """The new text did not arrive: it goes out when the holder writes again."""
    with transaction.atomic():
        buyer = Chat.objects.select_for_update(no_key=True).get(orders__lines=line_id)  # the chat comes first
        line = OrderLine.objects.select_for_update(of=("self",)).get(pk=line_id)
        update_row(line, untold=True)
        outbox.note_missed(buyer)


def tell_untold(buyer_id: Any) -> None:
    """The buyer is back: every change that did not arrive."""
    lines = OrderLine.objects.filter(order__buyer_id=buyer_id, untold=True)
    for line_id in lines.values_list("pk", flat=True):
        send_errand(TELL, line_id)
