"""Tasks: a primary key in, safe to run twice. Each claims its row first and does one short thing."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F

from apps.base.claims import work
from apps.base.clock import shop_now
from apps.base.queue.outside import Crowded, outside_call
from apps.bot import news
from apps.orders.gateways import lanes
from apps.orders.gateways.base import GatewayError
from apps.orders.gateways.registry import gateway
from apps.orders.models import GatewayEvent, Order, OrderLine, Payment
from apps.orders.services import alerts, delivery, durations, events, holders, making, messages, payment
from apps.orders.services.asking import Answer, ask
from apps.orders.services.polling import next_ask
from apps.orders.states import LineState, OrderState, PaymentState

SOON = timedelta(seconds=0.5)
PROBE = timedelta(seconds=30)
NO_ANSWER_HOLD = timedelta(minutes=10)


def tend_payment(pk: str) -> None:
    """Whatever this payment needs now: an invoice, a cancel, a question."""
    work(Payment, pk, _tend_payment)


def _tend_payment(row: Payment) -> datetime | timedelta | None:
    if row.closed_at is not None:
        return None
    if row.state == PaymentState.CREATED:
        return _open_invoice(row)
    if not row.transaction:  # ended before the gateway knew of it: nobody ever saw a QR
        Payment.objects.filter(pk=row.pk).update(closed_at=shop_now())
        return None
    if row.state in (PaymentState.CANCELLED, PaymentState.EXPIRED) and row.cancel_asked_at is None:
        return _cancel_invoice(row)
    if not lanes.take_slot(f"{row.gateway}:ask", lanes.ASK):
        return _later_in_line(row)
    asked = ask(row)
    if asked.answer is Answer.SETTLED:
        return None
    if asked.answer is Answer.CROWDED:
        return timedelta(seconds=asked.wait)
    if asked.answer is Answer.NO_ANSWER and row.state == PaymentState.PENDING:
        return timedelta(seconds=max(asked.wait, 5))  # its order still waits for the answer
    return _next_or_close(row)


def _next_or_close(row: Payment) -> datetime | None:
    again = next_ask(row, shop_now())
    if again is None:
        Payment.objects.filter(pk=row.pk, closed_at__isnull=True).update(closed_at=shop_now())
    return again


def _later_in_line(row: Payment) -> timedelta:
    """The lane is busy: come back in a time that grows with those who wait, the youngest sooner."""
    waiting = Payment.objects.filter(next_at__lte=shop_now() + timedelta(seconds=20)).values("pk")[:200].count()
    young = shop_now() - row.created_at < timedelta(minutes=5)
    return timedelta(seconds=random.uniform(0.5, 1 + waiting * (lanes.ASK if young else 2 * lanes.ASK)))  # noqa: S311  # nosec B311


def _open_invoice(row: Payment) -> datetime | timedelta | None:
    lane = f"{row.gateway}:make"
    if not lanes.take_slot(lane, lanes.MAKE):
        ahead = Payment.objects.filter(state=PaymentState.CREATED, pk__lt=row.pk).values("pk")[:200].count()
        return PROBE if lanes.is_open(lane) else SOON + timedelta(seconds=ahead * lanes.MAKE)
    try:
        with outside_call():
            invoice = gateway(row.gateway).create(row.reference, row.amount)
    except Crowded:
        return SOON
    except GatewayError as error:
        return _invoice_failed(row, error, lane)
    lanes.call_worked(row.gateway, lane)
    return payment.store_invoice(row.pk, invoice)


def _invoice_failed(row: Payment, error: GatewayError, lane: str) -> timedelta:
    """Try on while the order's hold lasts; the buyer hears once that he was not charged."""
    lanes.call_failed(row.gateway, lane, error)
    if error.retry_after == 0 and Payment.objects.filter(pk=row.pk, trouble_told=False).update(trouble_told=True):
        messages.tell_buyer(Order.objects.select_related("buyer").get(pk=row.order_id), "gateway_trouble")
    return timedelta(seconds=max(error.retry_after, 5))


def _cancel_invoice(row: Payment) -> datetime | timedelta | None:
    """Tell the gateway once; whatever it says, we go on listening."""
    creates_first = Payment.objects.filter(state=PaymentState.CREATED, next_at__lte=shop_now()).exists()
    if creates_first or not lanes.take_slot(f"{row.gateway}:make", lanes.MAKE):
        return timedelta(seconds=2)
    try:
        with outside_call():
            gateway(row.gateway).cancel(row.transaction, row.reference)
    except Crowded:
        return SOON
    except GatewayError:
        pass  # not final either way: the questions that follow find the money
    Payment.objects.filter(pk=row.pk).update(cancel_asked_at=shop_now())
    return _next_or_close(row)


def check_payment(pk: str) -> None:
    """*Cek pembayaran* was pressed: ask at once, outside the schedule's lane, and say when nothing came."""
    row = Payment.objects.select_related("order__buyer").filter(pk=pk, closed_at__isnull=True).first()
    if row is None:
        return
    asked = ask(row)
    if asked.answer is Answer.NOT_YET:
        messages.tell_buyer(row.order, "not_paid_yet", payment=row)
    elif asked.answer is Answer.NO_ANSWER:
        messages.tell_buyer(row.order, "gateway_silent")


def settle_event(pk: str) -> None:
    """A doorbell rang: ask for the truth."""
    work(GatewayEvent, pk, _settle_event)


def _settle_event(event: GatewayEvent) -> timedelta | None:
    row = events.payment_of(event)
    if row is None:
        GatewayEvent.objects.filter(pk=event.pk).update(reason="no such payment")
        return None
    if row.closed_at is not None:
        return None
    if not row.transaction:  # our own create has not come back yet
        return timedelta(seconds=1)
    asked = ask(row)
    if asked.answer is Answer.SETTLED:
        return None
    if asked.answer in (Answer.TOO_SOON, Answer.CROWDED):
        return timedelta(seconds=asked.wait)
    GatewayEvent.objects.filter(pk=event.pk).update(asked=F("asked") + 1, reason=f"status: {asked.answer}")
    return events.ASK_AGAIN[event.asked] if event.asked < len(events.ASK_AGAIN) else None


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


def tend_line(pk: str) -> None:
    """A reminder, a promise that has passed, or the end of a duration."""
    work(OrderLine, pk, _tend_line)


def _tend_line(line: OrderLine) -> datetime | None:
    now = shop_now()
    return making.tend(line, now) if line.state == LineState.BY_HAND else durations.tend(line, now)


def tell_changed(line_id: str) -> None:
    """The seller changed a shared account: one holder hears."""
    holders.tell_changed(UUID(line_id))


def changed_failed(about: str) -> None:
    """Rung by the sender: the new text of a shared account cannot be brought."""
    holders.note_untold(UUID(about.partition(":")[2]))


def tell_back_in_stock(variant_id: str) -> None:
    """Stock came back: those who asked hear."""
    alerts.tell(int(variant_id))


def goods_sent(about: str) -> None:
    """Rung by the sender: the goods of an order arrived."""
    delivery.record_sent(UUID(about.partition(":")[2]))


def goods_failed(about: str) -> None:
    """Rung by the sender: they cannot be brought."""
    delivery.record_failed(UUID(about.partition(":")[2]))


def made_sent(about: str) -> None:
    """The goods of a line made by hand arrived."""
    line = OrderLine.objects.get(pk=UUID(about.partition(":")[2]))
    delivery.record_sent(line.order_id, line.pk)


def made_failed(about: str) -> None:
    """They cannot be brought."""
    line = OrderLine.objects.get(pk=UUID(about.partition(":")[2]))
    delivery.record_failed(line.order_id, line.pk)


def send_undelivered(chat_id: str) -> None:
    """A buyer who had blocked the bot writes again."""
    holders.tell_untold(UUID(chat_id))
    delivery.send_undelivered(UUID(chat_id))


def tell_after_move(chat_id: str) -> None:
    """A buyer meets the shop's new bot: open orders are still there, and a QR that may be paid is shown again."""
    messages.tell_after_move(UUID(chat_id))


def tell_made_wanted(order_id: str) -> None:
    """Sellers and owner hear that something is to be made by hand."""
    order = Order.objects.get(pk=order_id)
    lines = [line for line in order.lines.select_related("product") if line.state == LineState.BY_HAND]
    news.tell_staff(
        "made_wanted", about=f"made_wanted:{order.pk}", order=order, lines=lines, where=making.where_to_work(order)
    )


def tell_made_waits(key: str) -> None:
    """Staff hear that the buyer waits on; `key` is the line and the occasion."""
    _tell_about_line("made_waits", key)


def tell_made_called_off(key: str) -> None:
    """Staff hear that the buyer took the money back: nothing is to be made any more."""
    _tell_about_line("made_called_off", key)


def tell_refund_account(key: str) -> None:
    """Staff hear where the buyer wants the money; `key` is the line and the occasion."""
    _tell_about_line("money_back_account", key)


def _tell_about_line(template: str, key: str) -> None:
    line = OrderLine.objects.select_related("order").get(pk=UUID(key.partition(":")[0]))
    where = making.where_to_work(line.order)
    news.tell_staff(template, about=f"{template}:{key}", line=line, order=line.order, where=where)
