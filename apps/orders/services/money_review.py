"""Money in review, resolved by a hand: goods after all, or the money back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.fast_rows import update_row
from apps.base.incidents import resolve_incident
from apps.orders.models import LedgerEntry, Order, OrderLine, Payment
from apps.orders.services import delivery, fulfilment, ledger, manual_fulfilment, messages, stock
from apps.orders.services.lock_order import lines_of, lock_order
from apps.orders.states import ORDER, LineState, OrderState, move


class NotPossible(Exception):
    """Why a review cannot be resolved this way; one plain sentence in Indonesian for the dashboard."""


def serve_reviewed_order(*, order_id: Any, actor: str) -> Order:
    """Late or odd money covers the order: take the stock again and deliver. Raises NotPossible."""
    with transaction.atomic():
        order, payments = lock_order(order_id)
        if order.state != OrderState.NEEDS_REVIEW:
            raise NotPossible("Pesanan ini sudah tidak menunggu pemeriksaan.")
        received = _kept(order, payments.values())
        if received < order.total:
            raise NotPossible(f"Uang yang masuk Rp{received:,} belum menutup Rp{order.total:,}.".replace(",", "."))
        now = shop_now()
        lines = lines_of(order)
        _serve(order, lines, now)
        reviewed = [payment for payment in payments.values() if payment.review]
        if received > order.total:  # what is too much goes on waiting for a hand
            update_row(reviewed.pop(), review="excess")
        _close_reviews(reviewed)
        audit.append("review.served", f"order:{order.number}", actor=actor, at=now, received=received)
        return order


def _serve(order: Order, lines: list[OrderLine], now: datetime) -> None:
    try:
        with transaction.atomic():
            fulfilment.take_seats(lines)
            fulfilment.serve(order, lines, now)
    except stock.SoldOut as shortage:
        raise NotPossible(
            f"Stok {shortage.line.name} tidak cukup lagi. Tambah stok, atau kembalikan uangnya."
        ) from shortage
    except delivery.Damaged as damage:
        raise NotPossible(
            "Isi stok yang diambil tidak bisa dibuka (kuncinya lain, atau datanya rusak). Tarik isi itu dan tambah yang"
            " baru, atau kembalikan uangnya."
        ) from damage
    except delivery.NothingToSend as lack:
        raise NotPossible("Barangnya tidak ada di pesanan ini. Kembalikan uangnya.") from lack


@dataclass(frozen=True)
class Debt:
    """Money that a buyer waits for: rupiah, why (a review's reason or `returned`), and what it hangs on."""

    key: str
    amount: int
    why: str
    about: str  # the payment's reference, or the line's name
    account: str = ""  # where the buyer wants it
    row: Any = field(default=None, repr=False, compare=False)


def debts_of(order: Order, payments: Iterable[Payment]) -> list[Debt]:
    """Everything that could be given back now, each for itself."""
    payments = list(payments)
    found = []
    for row in payments:
        if row.review:
            due = _excess(order, payments) if row.review == "excess" else row.received or 0
            found.append(Debt(f"payment:{row.pk}", due, row.review, row.reference, row=row))
    for line in order.lines.filter(state=LineState.RETURNED, refunded_at__isnull=True).order_by("id"):
        found.append(Debt(f"line:{line.pk}", line.amount, "returned", line.name, line.refund_to or "", row=line))
    return found


def mark_refunded(*, order_id: Any, keys: Collection[str], actor: str) -> int:
    """The debts named by `keys` went back to the buyer by hand, no others. Returns rupiah. Raises NotPossible."""
    with transaction.atomic():
        order, payments = lock_order(order_id)
        chosen = [debt for debt in debts_of(order, payments.values()) if debt.key in keys]
        if not chosen:
            raise NotPossible("Pilih uang mana yang sudah kamu kembalikan; yang lain sudah selesai.")
        for debt in chosen:
            _give_back(order, debt)
        if order.state == OrderState.NEEDS_REVIEW and not any(row.review for row in payments.values()):
            move(order, ORDER, OrderState.REFUNDED, review="")
        delivery.complete(order)
        amount = sum(debt.amount for debt in chosen)
        messages.tell_buyer(order, "money_refunded", amount=amount)
        audit.append("review.refunded", f"order:{order.number}", actor=actor, amount=amount)
        return amount


def _give_back(order: Order, debt: Debt) -> None:
    """Book one debt as paid back and close what asked for it."""
    if isinstance(debt.row, Payment):
        ledger.post_refunded(order, debt.amount, debt.row)
        _close_reviews([debt.row])
    else:
        ledger.post_refunded(order, debt.amount)
        update_row(debt.row, refunded_at=shop_now())
        resolve_incident(manual_fulfilment.owed_key(debt.row))


def _excess(order: Order, payments: Iterable[Payment]) -> int:
    """Rupiah over the order's total, apart from payments that are looked at whole."""
    return max(0, _kept(order, [row for row in payments if row.review in ("", "excess")]) - order.total)


def _kept(order: Order, payments: Iterable[Payment]) -> int:
    """Rupiah that came by these payments and did not go back. What went back for a line is no payment's."""
    back = LedgerEntry.objects.filter(order=order, account=LedgerEntry.Account.REFUNDED, payment__isnull=False)
    return sum(row.received or 0 for row in payments) - sum(back.values_list("amount", flat=True))


def _close_reviews(payments: list[Payment]) -> None:
    for payment in payments:
        update_row(payment, review="")
        resolve_incident(f"review.{payment.reference}")
