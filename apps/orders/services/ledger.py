"""Writing to the ledger. Every posting is balanced: what comes in has a home at once."""

from __future__ import annotations

from apps.base.fast_rows import insert_row
from apps.orders.models import LedgerEntry, Order, Payment

Account = LedgerEntry.Account


def _write(*entries: tuple[Account, int], order: Order, payment: Payment | None = None) -> None:
    for account, amount in entries:
        if amount:
            insert_row(LedgerEntry(account=account, amount=amount, order=order, payment=payment))


def post_received(payment: Payment, amount: int) -> None:
    """Money confirmed by a gateway; held until goods go out or it goes back. Rupiah."""
    _write(
        (Account.CONFIRMED, amount), (Account.HELD, amount), (Account.FEE, payment.fee),
        order=payment.order, payment=payment,
    )  # fmt: skip


def post_delivered(order: Order, amount: int) -> None:
    """Held money earned by goods that arrived. Rupiah."""
    _write((Account.HELD, -amount), (Account.DELIVERED, amount), order=order)


def post_refunded(order: Order, amount: int, payment: Payment | None = None) -> None:
    """Held money given back. Rupiah."""
    _write((Account.HELD, -amount), (Account.REFUNDED, amount), order=order, payment=payment)
