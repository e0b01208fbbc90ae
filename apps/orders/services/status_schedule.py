"""When to ask the gateway about a payment (defaults.md): often while it may be paid, then ever more rarely for 25 h."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from apps.orders.models import Payment

LISTENED = timedelta(hours=25)  # from then on one answer *not completed* closes a payment
AFTER_DEADLINE = tuple(timedelta(minutes=m) for m in (1, 2, 5, 15, 60))
SELDOM = timedelta(hours=6)


def is_over(payment: Payment, now: datetime) -> bool:
    """Whether the next answer *not completed* closes it."""
    return now >= payment.created_at + LISTENED


def next_ask(payment: Payment, now: datetime) -> datetime:
    """The next look at this payment. Time alone closes nothing: without an answer it is asked for ever."""
    end = payment.created_at + LISTENED
    if now >= end:
        return now + SELDOM
    deadline = payment.pay_before or payment.created_at
    if now < deadline:
        first = (payment.shown_at or now) + timedelta(seconds=settings.POLL_FIRST)
        if now < first:
            return first
        return min(now + timedelta(seconds=settings.POLL_EVERY), max(deadline, now + timedelta(seconds=5)))
    for wait in AFTER_DEADLINE:
        if deadline + wait > now:
            return deadline + wait
    return min(now + SELDOM, end)
