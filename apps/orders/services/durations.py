"""What is bought for a number of days: reminders, *Perpanjang*, and the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.base.stored import Setting
from apps.bot.models import Chat
from apps.orders.models import Kind, Order, OrderLine, Seat
from apps.orders.services import hours, messages, stock
from apps.orders.states import LineState, OrderState, SeatState

FIRST = Setting("remind_first_days", 3, "Pengingat masa aktif: hari sebelum habis", least=1, most=30)
LAST = Setting("remind_last_days", 1, "Pengingat terakhir: hari sebelum habis", least=1, most=30)
LOOK_AGAIN = timedelta(minutes=1)


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
        at = hours.after_quiet(ends_at - timedelta(days=days))
        if after < at < ends_at:
            return at
    return None


def tend(line: OrderLine, now: datetime) -> datetime | None:
    """The clock rang for a line with an end: remind, or end it. Rung early, it only says when to ring."""
    if line.ends_at is None or line.ended_at is not None:
        return None
    if now >= line.ends_at:
        return _end(line, now)
    if line.remind_at is None or now < line.remind_at:
        return line.remind_at or line.ends_at
    if line.state == LineState.SENT:
        messages.tell_once(
            line.order, "duration_ending", about=f"ending:{line.pk}:{line.remind_at:%m%d%H}", line=line,
            rows=messages.renew_rows(line, line.order.buyer.language),
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
            rows=messages.renew_rows(line, line.order.buyer.language),
        )  # fmt: skip
    return None


def open_renewal(line: OrderLine) -> Order | None:
    """The unpaid order that would go on with this line's seats."""
    return Order.objects.filter(lines__renews=line, state=OrderState.AWAITING_PAYMENT).first()


def line_to_renew(buyer: Chat, line_id: Any) -> OrderLine | None:
    """One's own line that runs and whose seats can be kept: a shared account still on sale."""
    mine = OrderLine.objects.select_related("order", "product", "variant").filter(order__buyer=buyer, pk=line_id)
    return mine.filter(
        state=LineState.SENT, ended_at__isnull=True, ends_at__isnull=False, product__kind=Kind.SHARED,
        product__is_active=True, variant__is_active=True, variant__duration_days__isnull=False,
    ).first()  # fmt: skip


def keeps_seats(line: OrderLine) -> bool:
    """Whether a line that renews another still finds that one's seats; else it needs seats of its own."""
    old = line.renews
    return old is not None and old.ended_at is None


def take_over(line: OrderLine, now: datetime) -> datetime | None:
    """A paid renewal takes the seats of the line it renews; returns its end. None when that one has ended already."""
    old = OrderLine.objects.select_for_update(of=("self",)).get(renewals=line)
    if old.ended_at is not None or old.ends_at is None:
        return None
    seats = Seat.objects.select_for_update().filter(line=old, state=SeatState.SOLD).order_by("sequence")
    Seat.objects.filter(pk__in=list(seats.values_list("pk", flat=True))).update(line=line, sold_at=now)
    OrderLine.objects.filter(pk=old.pk).update(ended_at=now, next_at=None, remind_at=None)
    return max(old.ends_at, now) + timedelta(days=line.duration_days or 0)
