"""What is bought for a number of days: reminders, *Perpanjang*, and the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.base.stored_settings import Setting
from apps.bot.models import Chat
from apps.orders.models import Order, OrderLine, Seat
from apps.orders.services import messages, opening_hours, stock
from apps.orders.states import LineState, OrderState, SeatState

FIRST = Setting("remind_first_days", 3, "Pengingat masa aktif: hari sebelum habis", least=1, most=30)
LAST = Setting("remind_last_days", 1, "Pengingat terakhir: hari sebelum habis", least=1, most=30)
LOOK_AGAIN = timedelta(minutes=1)
NOT_YET_HERE = timedelta(hours=1)


def end_of(line: OrderLine, now: datetime) -> datetime | None:
    """When a line bought for a number of days is over; None for one that lasts."""
    return now + timedelta(days=line.duration_days) if line.duration_days else None


def schedule(ends_at: datetime | None, now: datetime) -> dict[str, datetime | None]:
    """The fields of a line whose time runs from now: its end, the next reminder, and when to ring."""
    remind_at = next_reminder(ends_at, now) if ends_at else None
    return {"ends_at": ends_at, "remind_at": remind_at, "next_at": remind_at or ends_at}


def next_reminder(ends_at: datetime, after: datetime) -> datetime | None:
    """The first reminder later than `after`, outside the quiet hours and before the end; None when none is left."""
    for days in sorted({FIRST.get(), LAST.get()}, reverse=True):
        at = opening_hours.after_quiet(ends_at - timedelta(days=days))
        if after < at < ends_at:
            return at
    return None


def tend(line: OrderLine, now: datetime) -> datetime | None:
    """The clock rang for a line with an end: remind, or end it. Rung early, it only says when to ring."""
    if line.ends_at is None or line.ended_at is not None:
        return None
    if now >= line.ends_at and line.state != LineState.SENT:
        return now + NOT_YET_HERE  # its days count once the goods arrive
    if now >= line.ends_at:
        return _end(line, now)
    if line.remind_at is None or now < line.remind_at:
        return line.remind_at or line.ends_at
    if line.state == LineState.SENT:
        messages.tell_once(
            line.order, "duration_ending", about=f"ending:{line.pk}:{line.remind_at:%m%d%H}", line=line,
            rows=messages.renew_rows(line, line.order.buyer.language, keeps_seats=can_renew(line, now)),
        )  # fmt: skip
    again = next_reminder(line.ends_at, line.remind_at)
    OrderLine.objects.filter(pk=line.pk).update(remind_at=again)
    return again or line.ends_at


def _end(line: OrderLine, now: datetime) -> datetime | None:
    """Shared seats are for sale again; not while an invoice to renew them is open."""
    with transaction.atomic():
        fresh = OrderLine.objects.select_for_update(of=("self",)).get(pk=line.pk)
        if fresh.ended_at is not None:
            return None
        if open_renewal(fresh) is not None:
            return now + LOOK_AGAIN
        stock.free_ended(fresh)
        OrderLine.objects.filter(pk=fresh.pk).update(ended_at=now, remind_at=None)
        messages.tell_once(
            line.order, "duration_over", about=f"over:{line.pk}", line=line,
            rows=messages.renew_rows(line, line.order.buyer.language, keeps_seats=False),
        )  # fmt: skip
    return None


def start_again(line: OrderLine, now: datetime) -> dict[str, datetime | None]:
    """The goods arrive now: the fields by which the buyer has all days bought. Nothing for what renews another."""
    ends_at = end_of(line, now)
    return schedule(ends_at, now) if ends_at and line.ends_at and line.renews_id is None else {}


def open_renewal(line: OrderLine) -> Order | None:
    """The order that would go on with this line's seats: unpaid, or with money that waits for a hand."""
    open_states = [OrderState.AWAITING_PAYMENT, OrderState.NEEDS_REVIEW]
    return Order.objects.filter(lines__renews=line, state__in=open_states).first()


def line_to_renew(buyer: Chat, line_id: Any, now: datetime) -> OrderLine | None:
    """One's own line that runs and whose seats can be kept: a shared account still on sale."""
    mine = OrderLine.objects.select_related("order", "product", "variant").filter(order__buyer=buyer, pk=line_id)
    line = mine.first()
    return line if line is not None and can_renew(line, now) else None


def can_renew(line: OrderLine, now: datetime) -> bool:
    """Whether its seats can be kept for more days: it runs, is still sold, and the seller did not take the account
    back.
    """
    runs = line.state == LineState.SENT and line.ended_at is None and line.ends_at is not None and now < line.ends_at
    sold = line.product.is_active and line.variant.is_active and line.variant.duration_days is not None
    if not (runs and sold and line.product.sold_as.shared):
        return False
    return not Seat.objects.filter(line=line, unit__off_sale_at__isnull=False).exists()


def secure_seats(line: OrderLine) -> None:
    """Before a line is served: what renews another finds that one's seats, or takes seats of its own and renews
    nothing.

    Raises stock.SoldOut.
    """
    old = OrderLine.objects.select_for_update(of=("self",)).get(renewals=line)
    if old.ended_at is not None:
        stock.reserve(line)
        line.renews = None
        line.save(update_fields=["renews"])


def take_over(line: OrderLine, now: datetime) -> datetime | None:
    """A paid renewal takes the seats of the line it renews (see secure_seats); returns its end."""
    old = OrderLine.objects.select_for_update(of=("self",)).get(renewals=line)
    if old.ends_at is None:
        return None
    seats = Seat.objects.select_for_update().filter(line=old, state=SeatState.SOLD).order_by("sequence")
    Seat.objects.filter(pk__in=list(seats.values_list("pk", flat=True))).update(line=line, sold_at=now)
    OrderLine.objects.filter(pk=old.pk).update(ended_at=now, next_at=None, remind_at=None)
    return max(old.ends_at, now) + timedelta(days=line.duration_days or 0)
