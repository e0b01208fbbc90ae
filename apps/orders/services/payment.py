"""Payments: invoices, the truth about them, and what follows from it. Money moves only on the gateway's own answer."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import F

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.fast_rows import update_row
from apps.base.incidents import keep_incident, raise_incident, resolve_incident
from apps.base.work.deferred_calls import send_errand
from apps.base.work.enqueue import ring
from apps.orders.gateways.base import Invoice, Truth
from apps.orders.models import Order, Payment
from apps.orders.services import cart, delivery, fulfilment, ledger, messages, stock
from apps.orders.services.hoarding_limits import HOLD_MINUTES
from apps.orders.services.lock_order import lines_of, lock_order
from apps.orders.services.status_schedule import next_ask
from apps.orders.states import ORDER, PAYMENT, LineState, OrderState, PaymentState, move

log = logging.getLogger(__name__)

CHECK = "apps.orders.tasks.check_payment"
TELL_HELD = "apps.orders.tasks.tell_held"
TELL_WELL = "apps.orders.tasks.tell_gateway_well"
WAITS_FOR_GATEWAY = timedelta(hours=12)  # for so long a buyer wants to hear that he can pay now
TOLD_AT_ONCE = 50
OPEN = (PaymentState.CREATED, PaymentState.PENDING)
LEAST_TO_PAY = timedelta(minutes=1)  # a deadline nearer than this is no deadline but a clock that is wrong


def store_invoice(payment_id: Any, invoice: Invoice) -> datetime | None:
    """Keep a fresh invoice and show its QR; returns when to ask first. The deadline counts from here.

    An order that ended meanwhile shows nothing: the gateway is told to cancel.
    """
    order_id = Payment.objects.values_list("order_id", flat=True).get(pk=payment_id)
    with transaction.atomic():
        order, payments = lock_order(order_id)
        payment, now = payments[payment_id], shop_now()
        known = {"transaction": invoice.transaction, "total_payment": invoice.total_payment, "fee": invoice.fee}
        if payment.state != PaymentState.CREATED:
            for name, value in known.items():
                setattr(payment, name, value)
            payment.save(update_fields=list(known))
            return now
        deadline = _deadline(payment, invoice, now)
        move(payment, PAYMENT, PaymentState.PENDING, **known, qr=invoice.qr, pay_before=deadline, shown_at=now)
        order.expires_at = order.next_at = deadline
        order.save(update_fields=["expires_at", "next_at"])
        messages.send_invoice(payment)
        return next_ask(payment, now)


def _deadline(payment: Payment, invoice: Invoice, now: datetime) -> datetime:
    """The earlier of our hold and the gateway's own; ours alone when the gateway's is over before the buyer sees the
    QR.
    """
    hold = now + timedelta(minutes=HOLD_MINUTES.get())
    odd = f"strange.{payment.gateway}.deadline"
    if invoice.pay_before is not None and invoice.pay_before < now + LEAST_TO_PAY:
        said = f"expired_at {invoice.pay_before.isoformat()}"
        keep_incident(odd, "strange_answer", number=payment.reference, what=said)
        return hold
    resolve_incident(odd)
    return min(hold, invoice.pay_before) if invoice.pay_before else hold


def confirm(payment_id: Any, truth: Truth) -> None:
    """The gateway says completed: book the money and serve the order, in one transaction. Safe to call any number of
    times.

    The money is booked whatever becomes of the goods: what fails while they are prepared is undone alone, and a hand
    decides. The caller has checked that the answer is about this payment and in the configured mode."""
    order_id = Payment.objects.values_list("order_id", flat=True).get(pk=payment_id)
    with transaction.atomic():
        order, payments = lock_order(order_id)
        payment = payments[payment_id]
        if payment.state in (PaymentState.CONFIRMED, PaymentState.MISMATCH):
            return
        now = shop_now()
        why = _why_not_served(order, payments, payment, truth.amount)
        _book(payment, truth, now)
        if not why:
            why = _serve(order, payment, now)
        audit.append(
            "payment.mismatch" if truth.amount < payment.amount else "payment.confirmed",
            f"order:{order.number}",
            at=now,
            reference=payment.reference,
            amount=truth.amount,
            asked=payment.amount,
            home=why or "order",
        )
        if why:
            _hold_for_review(order_id, payment_id, why)
        elif truth.amount > payment.amount:
            _hold_excess(order, payment)


def _book(payment: Payment, truth: Truth, now: datetime) -> None:
    enough = truth.amount >= payment.amount
    move(
        payment, PAYMENT, PaymentState.CONFIRMED if enough else PaymentState.MISMATCH, received=truth.amount,
        transaction=truth.transaction, confirmed_at=now, closed_at=now, next_at=None,
    )  # fmt: skip
    ledger.post_received(payment, truth.amount)


def _why_not_served(order: Order, payments: dict[Any, Payment], payment: Payment, received: int) -> str:
    """Empty when the money may buy the goods; else why a hand must decide: mismatch (too little), double, late."""
    others = [p for p in payments.values() if p.pk != payment.pk and p.state == PaymentState.CONFIRMED]
    if received < payment.amount:
        return "mismatch"
    if others or order.state in (OrderState.PAID, OrderState.DELIVERED, OrderState.REFUNDED):
        return "double"
    if order.state == OrderState.EXPIRED:
        return "" if _still_on_sale(order) else "late"
    return "" if order.state == OrderState.AWAITING_PAYMENT else "late"  # somebody cancelled it, or has it in hand


def _still_on_sale(order: Order) -> bool:
    lines = order.lines.select_related("product", "variant")
    return all(line.product.is_active and line.variant.is_active for line in lines)


def _serve(order: Order, payment: Payment, now: datetime) -> str:
    """Serve the order in a savepoint. Empty when that went well; else why not: late (nothing left), broken."""
    late = order.state == OrderState.EXPIRED
    try:
        with transaction.atomic():
            lines = lines_of(order)
            if late:
                fulfilment.take_seats(lines)
                messages.tell_buyer(order, "money_late_served", payment=payment)
            else:
                fulfilment.secure_renewals(lines)
            fulfilment.serve(order, lines, now)
            if any(line.state == LineState.BY_HAND for line in lines):
                messages.close_invoice(payment, "invoice_paid")
    except stock.SoldOut:
        return "late"
    except OperationalError:
        raise  # a deadlock, or the database is away: everything is tried again
    except Exception as error:
        log.exception("goods could not be prepared", extra={"action": "goods_broken", "order": order.number})
        if isinstance(error, delivery.Damaged):
            stock.set_aside(error.seats)
        return "broken"
    return ""


def settle_free(*, order_id: Any) -> None:
    """An order that costs nothing is paid as it is placed; the caller's transaction."""
    order, _ = lock_order(order_id)
    fulfilment.serve(order, lines_of(order), shop_now())


def _hold_for_review(order_id: Any, payment_id: Any, why: str) -> None:
    """Money without a plain home is held; buyer and owner hear of it. Goods go out only by a hand."""
    order, payments = lock_order(order_id)  # anew: what was undone is not as the caller remembers it
    payment = payments[payment_id]
    update_row(payment, review=why)
    if order.state not in (OrderState.PAID, OrderState.DELIVERED, OrderState.NEEDS_REVIEW, OrderState.REFUNDED):
        if order.state == OrderState.AWAITING_PAYMENT:
            stock.free(lines_of(order))
        move(order, ORDER, OrderState.NEEDS_REVIEW, review=why, next_at=None)
    _tell_of_review(order, payment, why)


def _hold_excess(order: Order, payment: Payment) -> None:
    """More came than was asked for: the goods go out, and the rest waits for a hand."""
    update_row(payment, review="excess")
    _tell_of_review(order, payment, "excess")


def _tell_of_review(order: Order, payment: Payment, why: str) -> None:
    """By an errand: no text that fails undoes the booking."""
    send_errand(TELL_HELD, payment.pk)
    raise_incident(
        f"review.{payment.reference}", "money_review", number=order.number, why=why, amount=payment.received,
        asked=payment.amount,
    )  # fmt: skip


def tell_held(payment_id: Any) -> None:
    """The buyer hears that money is held, why, and what happens next; once."""
    payment = Payment.objects.select_related("order__buyer").get(pk=payment_id)
    if payment.review:
        with transaction.atomic():
            if payment.review != "excess":
                messages.close_invoice(payment, "invoice_closed")
            messages.tell_once(
                payment.order, f"money_{payment.review}", about=f"held:{payment.pk}:{payment.review}", payment=payment,
                excess=max(0, (payment.received or 0) - payment.amount),
            )  # fmt: skip


def end_unpaid(*, order_id: Any, to: OrderState, actor: str = "shop") -> bool:
    """Expire or cancel an order that nobody paid: its stock is free, its payments are only listened for.

    False when it is no longer awaiting payment: then it ended another way, and only that one way.
    """
    with transaction.atomic():
        order, payments = lock_order(order_id)
        if order.state != OrderState.AWAITING_PAYMENT:
            return False
        now = shop_now()
        for payment in payments.values():
            if payment.state in OPEN:
                # due at once: the gateway is told, and asked until 25 h are over, since a QR may still be paid
                move(payment, PAYMENT, PaymentState(str(to)), next_at=now)
                messages.close_invoice(payment, f"invoice_{to}")
        stock.free(lines_of(order))
        billed = any(payment.shown_at for payment in payments.values())
        if not billed and to == OrderState.EXPIRED:
            to = OrderState.CANCELLED  # nobody could pay it: that is not the buyer's fault
            messages.tell_buyer(order, "order_not_billed")
        else:
            messages.tell_buyer(order, f"order_{to}")
        move(order, ORDER, to, ended_at=now, next_at=None)
        audit.append(f"order.{to}", f"order:{order.number}", actor=actor, at=now)
    return True


def end_unbilled(*, payment_id: Any) -> bool:
    """The gateway made no invoice: the order ends at once, its seats are free, what was in the cart is there again, and
    the buyer hears that he is not charged. False when it has a QR, or ended already."""
    order_id = Payment.objects.values_list("order_id", flat=True).get(pk=payment_id)
    with transaction.atomic():
        order, payments = lock_order(order_id)
        payment, now = payments[payment_id], shop_now()
        if payment.state != PaymentState.CREATED or order.state != OrderState.AWAITING_PAYMENT:
            return False
        lines = lines_of(order)
        move(payment, PAYMENT, PaymentState.FAILED, trouble_told=True)
        stock.free(lines)
        move(order, ORDER, OrderState.CANCELLED, ended_at=now, next_at=None)
        if len(lines) > 1:
            cart.put_back(chat=order.buyer, lines=lines)
        messages.tell_buyer(order, "gateway_trouble", rows=messages.again_rows(order, lines))
        audit.append("order.not_billed", f"order:{order.number}", at=now)
    return True


def tell_gateway_well(slug: str) -> None:
    """Tell those whose orders ended because this gateway was sick that it works again; some at a time."""
    waiting = Payment.objects.filter(gateway=slug, state=PaymentState.FAILED, trouble_told=True)
    rows = list(waiting.select_related("order__buyer").order_by("id")[:TOLD_AT_ONCE])
    for row in rows:
        with transaction.atomic():
            if waiting.filter(pk=row.pk).update(trouble_told=False, next_at=shop_now()):
                messages.tell_buyer(row.order, "gateway_well", rows=messages.again_rows(row.order, lines_of(row.order)))
    if len(rows) == TOLD_AT_ONCE:
        send_errand(TELL_WELL, slug)


def move_deadlines(by: timedelta) -> None:
    """The database's clock was set by so much: open orders keep the time they have left."""
    awaiting = Order.objects.filter(state=OrderState.AWAITING_PAYMENT)
    Payment.objects.filter(order__in=awaiting, pay_before__isnull=False).update(pay_before=F("pay_before") + by)
    awaiting.update(expires_at=F("expires_at") + by)


def ask_soon(*, order: Order) -> None:
    """*Cek pembayaran*: have the gateway asked at once about everything this order may still be paid by."""
    for payment in order.payments.filter(received__isnull=True).exclude(transaction=""):
        listen_again(payment.pk)
        ring(CHECK, payment.pk)


def listen_again(payment_id: Any) -> None:
    """Somebody has reason to believe that money came: ask about it again, closed or not. One answer *not completed*
    closes it when its time is over."""
    Payment.objects.filter(pk=payment_id, received__isnull=True).update(
        closed_at=None, dead_at=None, attempts=0, next_at=shop_now()
    )
