"""The life stories: one pure table of allowed moves for each machine, and the one function that moves a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from apps.base.fast_rows import update_row


class WrongMove(Exception):
    """The table does not allow this move, or the row is no longer where the caller believed."""


class SeatState(models.TextChoices):
    AVAILABLE = "available", "Tersedia"
    RESERVED = "reserved", "Dipesan"
    SOLD = "sold", "Terjual"
    QUARANTINED = "quarantined", "Ditahan dulu"
    WITHDRAWN = "withdrawn", "Ditarik"


class LineState(models.TextChoices):
    WAITING = "waiting", "Menunggu"
    ALLOCATED = "allocated", "Siap dikirim"
    BY_HAND = "by_hand", "Diproses manual"
    SENT = "sent", "Terkirim"
    RETURNED = "returned", "Uang diminta kembali"  # a promise was broken, and the buyer did not want to wait
    UNDELIVERABLE = "undeliverable", "Tidak bisa dikirim"


class OrderState(models.TextChoices):
    AWAITING_PAYMENT = "awaiting_payment", "Menunggu pembayaran"
    PAID = "paid", "Dibayar"
    DELIVERED = "delivered", "Terkirim"
    EXPIRED = "expired", "Kedaluwarsa"
    CANCELLED = "cancelled", "Dibatalkan"
    NEEDS_REVIEW = "needs_review", "Perlu dicek"
    REFUNDED = "refunded", "Dikembalikan"


class PaymentState(models.TextChoices):
    CREATED = "created", "Dibuat"
    PENDING = "pending", "Menunggu"
    CONFIRMED = "confirmed", "Diterima"
    EXPIRED = "expired", "Kedaluwarsa"
    CANCELLED = "cancelled", "Dibatalkan"
    FAILED = "failed", "Gagal"
    MISMATCH = "mismatch", "Nominal tidak cocok"


Moves = Mapping[str, frozenset[str]]


def _moves(**table: str) -> Moves:
    return {start: frozenset(ends.split()) for start, ends in table.items()}


SEAT = _moves(
    available="reserved quarantined withdrawn",
    reserved="sold available quarantined withdrawn",
    sold="",
    quarantined="available withdrawn",
    withdrawn="available",
)
SHARED_SEAT = {
    **SEAT,
    "sold": SEAT["sold"] | {"available", "withdrawn", "quarantined"},
}  # free again after its end; a plain unit never

LINE = _moves(
    waiting="allocated by_hand",
    by_hand="allocated returned",
    allocated="sent undeliverable",
    undeliverable="allocated sent",
    sent="",
    returned="",
)
ORDER = _moves(
    awaiting_payment="paid expired cancelled needs_review",
    paid="delivered needs_review refunded",
    delivered="refunded",
    expired="paid needs_review",
    cancelled="needs_review",
    needs_review="paid refunded",
    refunded="",
)
PAYMENT = _moves(
    created="pending failed cancelled expired confirmed mismatch",
    pending="confirmed expired cancelled mismatch",
    expired="confirmed mismatch",
    cancelled="confirmed mismatch",
    failed="confirmed mismatch",
    confirmed="",
    mismatch="",
)


def move(row: Any, moves: Moves, to: str, **also: Any) -> None:
    """Move a locked row's `state` and save it with the other fields given.

    Raises WrongMove. The only place where a status changes.
    """
    if to not in moves[row.state]:
        raise WrongMove(f"{type(row).__name__} {row.pk}: {row.state} → {to}")
    update_row(row, state=str(to), **also)
