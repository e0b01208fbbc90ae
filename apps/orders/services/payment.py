"""Payments: invoices, the truth about them, and what follows from it. Money moves only on the gateway's own answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.errands import send_errand
from apps.base.incidents import raise_incident
from apps.base.queue.bells import ring
from apps.orders.gateways.base import Invoice, Truth
from apps.orders.models import Order, OrderLine, Payment
from apps.orders.services import delivery, durations, ledger, messages, stock
from apps.orders.services.limits import HOLD_MINUTES
from apps.orders.services.locks import lines_of, lock_order
from apps.orders.services.polling import next_ask
from apps.orders.states import ORDER, PAYMENT, LineState, OrderState, PaymentState, move

CHECK = "apps.orders.tasks.check_payment"
OPEN = (PaymentState.CREATED, PaymentState.PENDING)


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
        deadline = now + timedelta(minutes=HOLD_MINUTES.get())
        deadline = min(deadline, invoice.pay_before) if invoice.pay_before else deadline
        move(payment, PAYMENT, PaymentState.PENDING, **known, qr=invoice.qr, pay_before=deadline, shown_at=now)
        order.expires_at = order.next_at = deadline
        order.save(update_fields=["expires_at", "next_at"])
        messages.send_invoice(payment)
        return next_ask(payment, now)


def confirm(payment_id: Any, truth: Truth) -> None:
    """The gateway says completed: settle once, in one transaction. Safe to call any number of times.

    The caller has checked that the answer is about this payment and in the configured mode.
    """
    order_id = Payment.objects.values_list("order_id", flat=True).get(pk=payment_id)
    with transaction.atomic():
        order, payments = lock_order(order_id)
        payment = payments[payment_id]
        if payment.state in (PaymentState.CONFIRMED, PaymentState.MISMATCH):
            return
        now = shop_now()
        matches = truth.amount == payment.amount
        lines = lines_of(order)
        home = _home_for(order, payments, payment, matches) or _seats_gone(lines)
        closed = {"received": truth.amount, "confirmed_at": now, "closed_at": now, "next_at": None, "review": home}
        move(payment, PAYMENT, PaymentState.CONFIRMED if matches else PaymentState.MISMATCH, **closed)
        ledger.post_received(payment, truth.amount)
        audit.append(
            "payment.confirmed" if matches else "payment.mismatch", f"order:{order.number}", at=now,
            reference=payment.reference, amount=truth.amount, asked=payment.amount, home=home or "order",
        )  # fmt: skip
        if home:
            _hold_for_review(order, lines, payment, home)
        else:
            _pay_order(order, lines, payment, now)


def _home_for(order: Order, payments: dict[Any, Payment], payment: Payment, matches: bool) -> str:
    """Empty when the money pays the order; else why somebody must look: mismatch, double or late."""
    others = [p for p in payments.values() if p.pk != payment.pk and p.state == PaymentState.CONFIRMED]
    if not matches:
        return "mismatch"
    if others or order.state in (OrderState.PAID, OrderState.DELIVERED, OrderState.REFUNDED):
        return "double"
    return "" if order.state == OrderState.AWAITING_PAYMENT else "late"


def _seats_gone(lines: list[OrderLine]) -> str:
    """A renewal paid although its account has ended and nothing is left: held like late money. Else empty."""
    try:
        for line in lines:
            if line.renews_id:
                durations.secure_seats(line)
    except stock.SoldOut:
        return "late"
    return ""


def settle_free(*, order_id: Any) -> None:
    """An order that costs nothing is paid as it is placed; the caller's transaction."""
    order, _ = lock_order(order_id)
    _pay_order(order, lines_of(order), None, shop_now())


def _pay_order(order: Order, lines: list[OrderLine], payment: Payment | None, now: datetime) -> None:
    move(order, ORDER, OrderState.PAID, paid_at=now, next_at=None)
    stock.sell(lines, now)
    delivery.allocate(order, lines, now)
    if payment is not None and any(line.state == LineState.BY_HAND for line in lines):
        messages.close_invoice(payment, "invoice_paid")
    spread_news(order, lines)


def spread_news(order: Order, lines: list[OrderLine]) -> None:
    """Who else must know that the order is paid: buyer and sellers of what is made by hand, and the rooms above."""
    by_hand = [line for line in lines if line.state == LineState.BY_HAND]
    if by_hand:
        messages.tell_buyer(order, "made_promised", lines=by_hand)
        send_errand("apps.orders.tasks.tell_made_wanted", order.pk)
    for task in settings.ORDER_PAID:
        send_errand(task, order.pk)


def _hold_for_review(order: Order, lines: list[OrderLine], payment: Payment, home: str) -> None:
    """Money without a plain home is held; buyer and owner hear of it. Goods go out only by a hand."""
    if order.state not in (OrderState.PAID, OrderState.DELIVERED, OrderState.NEEDS_REVIEW, OrderState.REFUNDED):
        if order.state == OrderState.AWAITING_PAYMENT:
            stock.free(lines)
        move(order, ORDER, OrderState.NEEDS_REVIEW, review=home, next_at=None)
    messages.close_invoice(payment, "invoice_closed")
    messages.tell_buyer(order, f"money_{home}", payment=payment)
    raise_incident(
        f"review.{payment.reference}", "money_review", number=order.number, why=home, amount=payment.received,
        asked=payment.amount,
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
        move(order, ORDER, to, ended_at=now, next_at=None)
        messages.tell_buyer(order, f"order_{to}")
        audit.append(f"order.{to}", f"order:{order.number}", actor=actor, at=now)
    return True


def ask_soon(*, order: Order) -> None:
    """*Cek pembayaran*: have the gateway asked at once about everything this order may still be paid by."""
    for payment in order.payments.filter(closed_at__isnull=True).exclude(transaction=""):
        Payment.objects.filter(pk=payment.pk).update(next_at=shop_now())
        ring(CHECK, payment.pk)
