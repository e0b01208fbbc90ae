"""Tasks: a primary key in, safe to run twice. Each claims its row first and does one short thing."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F

from apps.base.clock import shop_now
from apps.base.incidents import keep_incident, resolve_incident
from apps.base.work.claimable import work
from apps.base.work.concurrency import Crowded, outside_call
from apps.base.work.deferred_calls import send_errand
from apps.base.work.registered_tasks import task
from apps.bot.staff import notices
from apps.orders.gateways import rate_and_breaker
from apps.orders.gateways.base import GatewayError, Unreadable
from apps.orders.gateways.registry import gateway
from apps.orders.models import GatewayEvent, Order, OrderLine, Payment
from apps.orders.services import (
    account_holders,
    delivery,
    durations,
    gateway_events,
    manual_fulfilment,
    messages,
    payment,
    restock_alerts,
)
from apps.orders.services.status_check import Answer, ask
from apps.orders.services.status_schedule import LISTENED, is_over, next_ask
from apps.orders.states import LineState, OrderState, PaymentState

ENDED = (PaymentState.CANCELLED, PaymentState.EXPIRED, PaymentState.FAILED)
SOON = timedelta(seconds=0.5)
PROBE = timedelta(seconds=30)
CREATING = timedelta(minutes=2)  # in which our own create may still come back
NO_ANSWER_HOLD = timedelta(minutes=10)


@task
def tend_payment(pk: str) -> None:
    """Whatever this payment needs now: an invoice, a cancel, a question."""
    work(Payment, pk, _tend_payment)


def _tend_payment(row: Payment) -> datetime | timedelta | None:
    if row.closed_at is not None:
        return None
    if row.state == PaymentState.CREATED:
        return _open_invoice(row)
    if row.state == PaymentState.FAILED and not row.transaction:
        return _try_gateway(row)
    if not row.transaction:  # ended before the gateway knew of it: nobody ever saw a QR
        _close(row)
        return None
    if row.state in ENDED and row.cancel_asked_at is None:
        return _cancel_invoice(row)
    return _listen(row)


def _listen(row: Payment) -> datetime | timedelta | None:
    """One question of the schedule; what closes a payment is an answer *not completed* after its time."""
    if not rate_and_breaker.take_slot(f"{row.gateway}:ask", gateway(row.gateway).ask_gap):
        return _later_in_line(row)
    asked = ask(row)
    if asked.answer is Answer.SETTLED:
        return None
    if asked.answer in (Answer.TOO_SOON, Answer.CROWDED):
        return timedelta(seconds=asked.wait)
    now = shop_now()
    if not is_over(row, now):
        if asked.answer is Answer.NO_ANSWER and row.state == PaymentState.PENDING:
            return timedelta(seconds=max(asked.wait, 5))  # its order still waits for the answer
        return next_ask(row, now)
    if asked.answer is Answer.NOT_YET:
        _close(row)
        return None
    keep_incident(_unanswered(row), "payment_unanswered", gateway=row.gateway, number=row.reference)
    return next_ask(row, now)


def _close(row: Payment) -> None:
    """The last answer was *not completed* and its time is over, or nobody ever saw its QR."""
    Payment.objects.filter(pk=row.pk, closed_at__isnull=True).update(closed_at=shop_now())
    old = shop_now() - LISTENED
    if (
        not Payment.objects.filter(
            next_at__isnull=False, closed_at__isnull=True, created_at__lt=old, gateway=row.gateway
        )
        .exclude(pk=row.pk)
        .exists()
    ):
        resolve_incident(_unanswered(row))


def _unanswered(row: Payment) -> str:
    """One incident for all payments that a gateway says nothing about."""
    return f"unanswered.{row.gateway}"


def _later_in_line(row: Payment) -> timedelta:
    """The lane is busy: come back in a time that grows with those who wait, the youngest sooner."""
    waiting = Payment.objects.filter(next_at__lte=shop_now() + timedelta(seconds=20)).values("pk")[:200].count()
    young = shop_now() - row.created_at < timedelta(minutes=5)
    gap = gateway(row.gateway).ask_gap
    longest = 1 + waiting * (gap if young else 2 * gap)
    return timedelta(seconds=random.uniform(0.5, longest))  # noqa: S311  # nosec B311: spreads callers, keeps no secret


def _open_invoice(row: Payment) -> datetime | timedelta | None:
    lane = f"{row.gateway}:make"
    if not rate_and_breaker.take_slot(lane, gateway(row.gateway).make_gap):
        if rate_and_breaker.is_open(lane):
            return _let_go(row)
        ahead = Payment.objects.filter(state=PaymentState.CREATED, pk__lt=row.pk).values("pk")[:200].count()
        return SOON + timedelta(seconds=ahead * gateway(row.gateway).make_gap)
    try:
        with outside_call():
            invoice = gateway(row.gateway).create(row.reference, row.amount)
    except Crowded:
        return SOON
    except GatewayError as error:
        return _invoice_failed(row, error, lane)
    rate_and_breaker.call_worked(row.gateway, lane)
    return payment.store_invoice(row.pk, invoice)


def _invoice_failed(row: Payment, error: GatewayError, lane: str) -> datetime | timedelta | None:
    """Asked to slow down, we do. Any other failure ends the order at once: its seats are free, and the buyer is not
    charged.
    """
    if isinstance(error, Unreadable):
        keep_incident(f"strange.{row.gateway}.invoice", "strange_answer", number=row.reference, what=error.message)
    rate_and_breaker.call_failed(row.gateway, lane, error)
    return timedelta(seconds=error.retry_after) if error.retry_after else _let_go(row)


def _let_go(row: Payment) -> datetime | None:
    """No other way to pay is offered: the order ends, and its buyer hears when the gateway works again."""
    payment.end_unbilled(payment_id=row.pk)
    return shop_now() + PROBE


def _try_gateway(row: Payment) -> datetime | timedelta | None:
    """Somebody waits to hear that the gateway works: see whether it does, by the invoice that it did not make."""
    now = shop_now()
    lane = f"{row.gateway}:make"
    if not row.trouble_told or now - row.created_at > payment.WAITS_FOR_GATEWAY:
        _close(row)
        return None
    if not rate_and_breaker.take_slot(lane, gateway(row.gateway).make_gap):
        return PROBE
    try:
        with outside_call():
            invoice = gateway(row.gateway).create(row.reference, row.amount)
    except Crowded:
        return SOON
    except GatewayError as error:
        rate_and_breaker.call_failed(row.gateway, lane, error)
        return timedelta(seconds=max(error.retry_after, PROBE.total_seconds()))
    rate_and_breaker.call_worked(row.gateway, lane)
    send_errand(payment.TELL_WELL, row.gateway)
    return payment.store_invoice(row.pk, invoice)  # never shown: it is cancelled there, and listened for


def _cancel_invoice(row: Payment) -> datetime | timedelta | None:
    """Tell the gateway once; whatever it says, we go on listening."""
    creates_first = Payment.objects.filter(state=PaymentState.CREATED, next_at__lte=shop_now()).exists()
    if creates_first or not rate_and_breaker.take_slot(f"{row.gateway}:make", gateway(row.gateway).make_gap):
        return timedelta(seconds=2)
    try:
        with outside_call():
            gateway(row.gateway).cancel(row.transaction, row.reference)
    except Crowded:
        return SOON
    except GatewayError:
        pass  # not final either way: the questions that follow find the money
    now = shop_now()
    Payment.objects.filter(pk=row.pk).update(cancel_asked_at=now)
    return now if is_over(row, now) else next_ask(row, now)


@task
def check_payment(pk: str) -> None:
    """*Cek pembayaran* was pressed: ask at once, outside the schedule's lane, and say when nothing came."""
    row = Payment.objects.select_related("order__buyer").filter(pk=pk, received__isnull=True).first()
    if row is None:
        return
    asked = ask(row)
    if asked.answer is Answer.NOT_YET:
        messages.tell_buyer(row.order, "not_paid_yet", payment=row)
    elif asked.answer is Answer.NO_ANSWER:
        messages.tell_buyer(row.order, "gateway_silent")


@task
def settle_event(pk: str) -> None:
    """A doorbell rang: ask for the truth."""
    work(GatewayEvent, pk, _settle_event)


def _settle_event(event: GatewayEvent) -> timedelta | None:
    row = gateway_events.payment_of(event)
    if row is None:
        gateway_events.note_unknown(event)
        return None
    if row.received is not None:
        return None
    if row.closed_at is not None:
        if event.asked or not gateway_events.says_paid(event):  # asked because of this bell, the gateway has denied it
            return None
        payment.listen_again(row.pk)
    if not row.transaction and row.state == PaymentState.CREATED and shop_now() - event.stored_at < CREATING:
        return timedelta(seconds=1)  # our own create has not come back yet
    asked = ask(row, transaction=event.transaction)
    if asked.answer is Answer.SETTLED:
        return None
    if asked.answer in (Answer.TOO_SOON, Answer.CROWDED):
        return timedelta(seconds=asked.wait)
    GatewayEvent.objects.filter(pk=event.pk).update(asked=F("asked") + 1, reason=f"status: {asked.answer}")
    return gateway_events.ASK_AGAIN[event.asked] if event.asked < len(gateway_events.ASK_AGAIN) else None


@task
def tend_order(pk: str) -> None:
    """The deadline of an unpaid order."""
    work(Order, pk, _expire)


def _expire(order: Order) -> datetime | timedelta | None:
    """Only the gateway's *not completed* releases the seats; without any answer they are held 10 min more."""
    if order.state != OrderState.AWAITING_PAYMENT:
        return None
    if shop_now() < order.expires_at:
        return order.expires_at
    for row in order.payments.filter(state=PaymentState.PENDING):
        asked = ask(row)
        if asked.answer is Answer.SETTLED:
            return None
        if asked.answer in (Answer.TOO_SOON, Answer.CROWDED):
            return timedelta(seconds=asked.wait)
        if asked.answer in (Answer.NO_ANSWER, Answer.STRANGE) and shop_now() < order.expires_at + NO_ANSWER_HOLD:
            return timedelta(seconds=max(asked.wait, 10))
    payment.end_unpaid(order_id=order.pk, to=OrderState.EXPIRED)
    return None


@task
def tend_line(pk: str) -> None:
    """A reminder, a promise that has passed, or the end of a duration."""
    work(OrderLine, pk, _tend_line)


def _tend_line(line: OrderLine) -> datetime | None:
    now = shop_now()
    return manual_fulfilment.tend(line, now) if line.state == LineState.BY_HAND else durations.tend(line, now)


@task
def tell_changed(line_id: str) -> None:
    """The seller changed a shared account: one holder hears."""
    account_holders.tell_changed(UUID(line_id))


@task
def changed_failed(about: str) -> None:
    """Rung by the sender: the new text of a shared account cannot be brought."""
    account_holders.note_untold(_key_in(about))


def clock_stepped(by: timedelta) -> None:
    """CLOCK_STEPPED: whoever may pay for so many minutes still may."""
    payment.move_deadlines(by)


@task
def tell_held(payment_id: str) -> None:
    """Money waits for a hand: its buyer hears."""
    payment.tell_held(UUID(payment_id))


@task
def tell_gateway_well(slug: str) -> None:
    """A gateway works again: those whose orders ended because of it hear."""
    payment.tell_gateway_well(slug)


@task
def tell_back_in_stock(variant_id: str) -> None:
    """Stock came back: those who asked hear."""
    restock_alerts.tell(int(variant_id))


def _key_in(about: str) -> UUID:
    """The row that a message is about: its mark is a word, a colon, and the key."""
    return UUID(about.partition(":")[2])


@task
def goods_sent(about: str) -> None:
    """Rung by the sender: the goods of an order arrived."""
    delivery.record_sent(_key_in(about))


@task
def goods_failed(about: str) -> None:
    """Rung by the sender: they cannot be brought."""
    delivery.record_failed(_key_in(about))


@task
def made_sent(about: str) -> None:
    """The goods of a line made by hand arrived."""
    line = OrderLine.objects.get(pk=_key_in(about))
    delivery.record_sent(line.order_id, line.pk)


@task
def made_failed(about: str) -> None:
    """They cannot be brought."""
    line = OrderLine.objects.get(pk=_key_in(about))
    delivery.record_failed(line.order_id, line.pk)


@task
def send_undelivered(chat_id: str) -> None:
    """A buyer who had blocked the bot writes again."""
    account_holders.tell_untold(UUID(chat_id))
    delivery.send_undelivered(UUID(chat_id))


@task
def tell_after_move(chat_id: str) -> None:
    """A buyer meets the shop's new bot: open orders are still there, and a QR that may be paid is shown again."""
    messages.tell_after_move(UUID(chat_id))


@task
def tell_made_wanted(order_id: str) -> None:
    """Sellers and owner hear that something is to be made by hand."""
    order = Order.objects.get(pk=order_id)
    lines = [line for line in order.lines.select_related("product") if line.state == LineState.BY_HAND]
    notices.tell_staff(
        "made_wanted",
        about=f"made_wanted:{order.pk}",
        order=order,
        lines=lines,
        where=manual_fulfilment.where_to_work(order),
    )


@task
def tell_made_waits(key: str) -> None:
    """Staff hear that the buyer waits on; `key` is the line and the occasion."""
    _tell_about_line("made_waits", key)


@task
def tell_made_called_off(key: str) -> None:
    """Staff hear that the buyer took the money back: nothing is to be made any more."""
    _tell_about_line("made_called_off", key)


@task
def tell_refund_account(key: str) -> None:
    """Staff hear where the buyer wants the money; `key` is the line and the occasion."""
    _tell_about_line("money_back_account", key)


def _tell_about_line(template: str, key: str) -> None:
    line = OrderLine.objects.select_related("order").get(pk=UUID(key.partition(":")[0]))
    where = manual_fulfilment.where_to_work(line.order)
    notices.tell_staff(template, about=f"{template}:{key}", line=line, order=line.order, where=where)
