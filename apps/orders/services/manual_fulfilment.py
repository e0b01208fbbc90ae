"""What is made by hand: the promise, the reminder at half time, and what the buyer may choose when it is broken."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.fast_rows import update_row
from apps.base.ids import uuid7
from apps.base.incidents import raise_incident, resolve_incident
from apps.base.work.deferred_calls import send_errand
from apps.bot.models import Chat
from apps.bot.staff import notices
from apps.orders.models import Order, OrderLine
from apps.orders.services import messages, opening_hours
from apps.orders.services.lock_order import lock_order
from apps.orders.states import LINE, LineState, move

REFUND_TO_CHARS = 200


def promise(line: OrderLine, now: datetime) -> dict[str, datetime]:
    """When it will be done and when to remind, inside opening hours: the fields to set on the line."""
    span = timedelta(minutes=line.product.promised_minutes)
    half, whole = opening_hours.add_working_time(now, span / 2), opening_hours.add_working_time(now, span)
    return {"promised_at": whole, "remind_at": half, "next_at": half}


def tend(line: OrderLine, now: datetime) -> datetime | None:
    """The clock rang for a line in the making: remind at half time; after the promise owner and buyer are told."""
    if line.promised_at is None:
        return None
    if now < line.promised_at:
        if line.remind_at is None or now < line.remind_at:
            return line.remind_at or line.promised_at
        notices.tell_staff("made_reminder", about=f"made_half:{line.pk}:{line.promised_at:%d%H%M}", line=line,
                        order=line.order, where=where_to_work(line.order))  # fmt: skip
        OrderLine.objects.filter(pk=line.pk).update(remind_at=None)
        return line.promised_at
    raise_incident(promise_key(line), "promise_past", number=line.order.number, name=line.name)
    messages.tell_once(
        line.order, "made_late", about=f"made_late:{line.pk}:{line.promised_at:%d%H%M}", line=line,
        rows=messages.late_rows(line, line.order.buyer.language),
    )  # fmt: skip
    return None


def promise_key(line: OrderLine) -> str:
    """The incident of a broken promise."""
    return f"promise.{line.pk}"


def owed_key(line: OrderLine) -> str:
    """The incident of money that the buyer wants back."""
    return f"owed.{line.pk}"


def where_to_work(order: Order) -> str:
    """The order's page in the dashboard, for a message to staff."""
    base = settings.PUBLIC_URL or f"http://localhost:{settings.PORT}"
    return base + reverse("admin:orders_order_change", args=[order.pk])


def late_line(buyer: Chat, line_id: Any) -> OrderLine | None:
    """One's own line whose promise is broken; ownership is part of the query."""
    mine = OrderLine.objects.select_related("order", "product").filter(pk=line_id, order__buyer=buyer)
    return mine.filter(state=LineState.BY_HAND, promised_at__lte=shop_now()).first()


def _locked(buyer: Chat, line_id: Any) -> OrderLine | None:
    found = late_line(buyer, line_id)
    if found is None:
        return None
    order, _ = lock_order(found.order_id)
    line = order.lines.select_for_update(of=("self",)).select_related("product").get(pk=found.pk)
    line.order = order
    return line if line.state == LineState.BY_HAND else None


def wait_longer(*, buyer: Chat, line_id: Any) -> OrderLine | None:
    """*Tunggu saja*: the same promise once more, from now. None when there is nothing late (any more)."""
    with transaction.atomic():
        line = _locked(buyer, line_id)
        if line is None:
            return None
        update_row(line, **promise(line, shop_now()))
        resolve_incident(promise_key(line))
        audit.append("line.waits", f"order:{line.order.number}", actor=f"chat:{buyer.pk}")
        send_errand("apps.orders.tasks.tell_made_waits", _occasion(line))
    return line


def ask_money_back(*, buyer: Chat, line_id: Any) -> OrderLine | None:
    """*Minta uang kembali*: the line is made no more, its money is owed. None when there is nothing late (any more)."""
    with transaction.atomic():
        line = _locked(buyer, line_id)
        if line is None:
            return None
        move(line, LINE, LineState.RETURNED, next_at=None, remind_at=None)
        resolve_incident(promise_key(line))
        raise_incident(owed_key(line), "money_back", number=line.order.number, name=line.name, amount=line.amount)
        audit.append(
            "line.returned", f"order:{line.order.number}", actor=f"chat:{buyer.pk}", amount=line.amount
        )  # fmt: skip
        send_errand("apps.orders.tasks.tell_made_called_off", _occasion(line))
    return line


def set_refund_account(*, buyer: Chat, line_id: Any, account: str) -> OrderLine | None:
    """Where the owed money should go, in the buyer's words. None when nothing is owed (any more)."""
    with transaction.atomic():
        mine = OrderLine.objects.select_for_update(of=("self",)).select_related("order")
        owed = mine.filter(order__buyer=buyer, state=LineState.RETURNED, refunded_at__isnull=True)
        line = owed.filter(pk=line_id).first()
        if line is not None:
            line.refund_to = account[:REFUND_TO_CHARS]
            line.save(update_fields=["refund_to"])
            audit.append("line.refund_account", f"order:{line.order.number}", actor=f"chat:{buyer.pk}")
            send_errand("apps.orders.tasks.tell_refund_account", _occasion(line))
    return line


def _occasion(line: OrderLine) -> str:
    """A key that is new each time, and the same when its errand runs twice."""
    return f"{line.pk}:{uuid7().hex[-8:]}"
