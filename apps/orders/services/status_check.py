"""Asking the gateway: one status call in 4 s for a transaction, shared by webhook, button and schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q

from apps.base.clock import ShopNow, shop_now
from apps.base.incidents import raise_incident
from apps.base.work.concurrency import Crowded, outside_call
from apps.orders.gateways import rate_and_breaker
from apps.orders.gateways.base import GatewayError, Status, Truth, Unreadable
from apps.orders.gateways.registry import gateway
from apps.orders.models import Payment
from apps.orders.services import payment as payments

GAP = timedelta(seconds=4)


class Answer(StrEnum):
    """What an attempt to ask brought."""

    SETTLED = "settled"
    NOT_YET = "not yet"
    TOO_SOON = "too soon"  # somebody asked less than 4 s ago
    CROWDED = "crowded"  # enough workers wait outside already: in a moment
    NO_ANSWER = "no answer"
    STRANGE = "strange"  # an answer that must not move money


@dataclass(frozen=True)
class Asked:
    """The answer, and how long to wait before asking again (seconds), when that is known."""

    answer: Answer
    wait: float = 0.0


def ask(payment: Payment, *, transaction: str = "") -> Asked:
    """One status call, and settling when the gateway says completed. No transaction may be open.

    `transaction`: the gateway's id as a webhook tells it, for a payment of which we never got it.
    """
    transaction = payment.transaction or transaction
    if not transaction:
        return Asked(Answer.NOT_YET)
    lane = f"{payment.gateway}:ask"
    if rate_and_breaker.is_open(lane):
        return Asked(Answer.NO_ANSWER, 15)
    # a time in the future is of a clock that was set back since
    free = Q(asked_at__isnull=True) | Q(asked_at__lte=ShopNow() - GAP) | Q(asked_at__gt=ShopNow())
    if not Payment.objects.filter(free, pk=payment.pk).update(asked_at=ShopNow()):
        return Asked(Answer.TOO_SOON, _rest_of_gap(payment))
    try:
        with outside_call():
            truth = gateway(payment.gateway).status(transaction, payment.reference)
    except Crowded:
        Payment.objects.filter(pk=payment.pk).update(asked_at=None)
        return Asked(Answer.CROWDED, 0.5)
    except Unreadable as error:  # it answered: no fault of its line, and nothing that may move money
        rate_and_breaker.call_worked(payment.gateway, lane)
        return _strange(payment, error.message)
    except GatewayError as error:
        rate_and_breaker.call_failed(payment.gateway, lane, error)
        _count_from_now(payment)
        return Asked(Answer.NO_ANSWER, max(4.0, error.retry_after))
    rate_and_breaker.call_worked(payment.gateway, lane)
    return _judge(payment, transaction, truth)


def _count_from_now(payment: Payment) -> None:
    """The gap to the next question, by whoever asks: one that was long on its way there arrived later than it left."""
    Payment.objects.filter(pk=payment.pk).update(asked_at=ShopNow())


def _rest_of_gap(payment: Payment) -> float:
    asked: datetime | None = Payment.objects.values_list("asked_at", flat=True).get(pk=payment.pk)
    rest = (asked + GAP - shop_now()).total_seconds() if asked else 0.0
    return min(max(0.1, rest), GAP.total_seconds())


def _judge(payment: Payment, transaction: str, truth: Truth) -> Asked:
    if (truth.transaction, truth.reference) != (transaction, payment.reference):
        return _strange(payment, "another transaction or order")
    if truth.status in (Status.PENDING, Status.CANCELED):
        _count_from_now(payment)
        return Asked(Answer.NOT_YET)
    if truth.status is Status.UNKNOWN:
        return _strange(payment, f"an unknown status {truth.word[:20]!r}")
    if not gateway(payment.gateway).expects(truth):
        return _strange(payment, "the wrong mode (sandbox or live)")
    payments.confirm(payment.pk, truth)
    return Asked(Answer.SETTLED)


def _strange(payment: Payment, what: str) -> Asked:
    raise_incident(f"strange.{payment.reference}", "strange_answer", number=payment.reference, what=what)
    return Asked(Answer.STRANGE)
