"""Stock: adding, reserving, selling, freeing. A seat is bound to an order line in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from apps.base import audit
from apps.base.clock import ShopNow
from apps.base.errands import send_errand
from apps.orders.models import Kind, OrderLine, Seat, StockAlert, StockUnit, Variant
from apps.orders.models.stock import content_hash
from apps.orders.states import SEAT, SHARED_SEAT, SeatState, move

BATCH = 2000
TELL_BACK = "apps.orders.tasks.tell_back_in_stock"

# MATERIALIZED: inside an IN, a plan by nested loops would run the inner query again for every row, past its LIMIT
RESERVE = """
WITH chosen AS MATERIALIZED (
  SELECT id FROM orders_seat WHERE variant_id = %s AND state = 'available' ORDER BY sequence LIMIT %s FOR UPDATE {skip}
)
UPDATE orders_seat SET state = 'reserved', line_id = %s WHERE id = ANY(ARRAY(SELECT id FROM chosen))
RETURNING id
"""


class SoldOut(Exception):
    """Not enough seats for this line."""

    def __init__(self, line: OrderLine) -> None:
        super().__init__(line.name)
        self.line = line


class _Short(Exception):
    """Some seats, but not all: give them back."""


@dataclass(frozen=True)
class NewUnit:
    """One unit to add: its content, and a line for each seat when it is shared."""

    content: str
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Added:
    """What came of an import."""

    added: int
    skipped: int


def reserve(line: OrderLine) -> None:
    """Bind the line's seats. Raises SoldOut, and then holds none.

    The caller locks stock in order: products by code, then variants. A short line tries once more without
    SKIP LOCKED before it counts as sold out: others may still give back what they hold.
    """
    for skip in ("SKIP LOCKED", ""):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(RESERVE.format(skip=skip), [line.variant_id, line.quantity, line.pk])
                if cursor.rowcount != line.quantity:
                    raise _Short
                return
        except _Short:
            continue
    raise SoldOut(line)


def sell(lines: Iterable[OrderLine], now: datetime) -> None:
    """Reserved seats of paid lines become sold."""
    Seat.objects.filter(line__in=list(lines), state=SeatState.RESERVED).update(state=SeatState.SOLD, sold_at=now)


def free(lines: Iterable[OrderLine]) -> int:
    """Seats of an order that will not be paid are available again; returns how many."""
    return _give_back(Seat.objects.filter(line__in=list(lines), state=SeatState.RESERVED))


def free_ended(line: OrderLine) -> int:
    """Seats of a shared unit whose time is over are for sale again."""
    return _give_back(Seat.objects.filter(line=line, state=SeatState.SOLD, is_shared=True))


def _give_back(seats: QuerySet[Seat]) -> int:
    """Available again, unless the seller has taken the unit off sale meanwhile."""
    pks = list(seats.select_for_update().order_by("sequence").values_list("pk", flat=True))
    mine = Seat.objects.filter(pk__in=pks)
    mine.filter(unit__off_sale_at__isnull=False).update(state=SeatState.WITHDRAWN, line=None, sold_at=None)
    free = mine.exclude(state=SeatState.WITHDRAWN).update(state=SeatState.AVAILABLE, line=None, sold_at=None)
    if free:
        _tell_who_waits(StockAlert.objects.filter(variant__seats__in=pks))
    return free


def _tell_who_waits(wishes: QuerySet[StockAlert]) -> None:
    """*Kabari saya*: have those told who wait for what is available again."""
    for variant_id in wishes.values_list("variant_id", flat=True).distinct():
        send_errand(TELL_BACK, variant_id)


def add_units(*, variant: Variant, units: Iterable[NewUnit], actor: str) -> Added:
    """Add stock in the order given; a content the product has already (in any state but withdrawn) is skipped."""
    added = skipped = 0
    batch: dict[bytes, NewUnit] = {}
    with transaction.atomic():
        for unit in units:
            mark = content_hash(unit.content)
            if mark in batch:
                skipped += 1
                continue
            batch[mark] = unit
            if len(batch) == BATCH:
                new = _add_batch(variant, batch)
                added, skipped, batch = added + new, skipped + len(batch) - new, {}
        new = _add_batch(variant, batch)
        added, skipped = added + new, skipped + len(batch) - new
        _tell_who_waits(StockAlert.objects.filter(variant=variant))
        audit.append("stock.added", f"variant:{variant.pk}", actor=actor, added=added, skipped=skipped)
    return Added(added, skipped)


def _add_batch(variant: Variant, batch: dict[bytes, NewUnit]) -> int:
    if not batch:
        return 0
    fresh = [
        StockUnit(product_id=variant.product_id, variant=variant, content=new.content, content_hash=mark)
        for mark, new in batch.items()
    ]
    StockUnit.objects.bulk_create(fresh, ignore_conflicts=True)
    kept = set(StockUnit.objects.filter(pk__in=[unit.pk for unit in fresh]).values_list("pk", flat=True))
    shared = variant.product.kind in (Kind.SHARED, Kind.CONTENT)
    seats = []
    for unit, new in zip(fresh, batch.values(), strict=True):
        if unit.pk in kept:
            labels = list(new.labels) or [""]
            seats += [
                Seat(unit=unit, variant=variant, number=n, label=label or None, is_shared=shared)
                for n, label in enumerate(labels, 1)
            ]
    Seat.objects.bulk_create(seats, batch_size=BATCH)
    return len(kept)


def set_content(*, variant: Variant, content: str, actor: str) -> StockUnit:
    """The reusable content of a variant, with as many seats as its limit asks for (none without a limit)."""
    with transaction.atomic():
        unit = content_unit(variant)
        if unit is None:
            unit = StockUnit.objects.create(
                product_id=variant.product_id, variant=variant, content=content, content_hash=content_hash(content)
            )
        elif unit.content != content:
            unit.content, unit.content_hash = content, content_hash(content)
            unit.save(update_fields=["content", "content_hash"])
        have = unit.seats.count()
        Seat.objects.bulk_create(
            Seat(unit=unit, variant=variant, number=number, is_shared=True)
            for number in range(have + 1, (variant.content_limit or 0) + 1)
        )
        audit.append("content.set", f"variant:{variant.pk}", actor=actor)
    return unit


def content_unit(variant: Variant) -> StockUnit | None:
    """The reusable content of a variant, if it has one."""
    return StockUnit.objects.filter(variant=variant, withdrawn_at__isnull=True).order_by("id").first()


def withdraw_unit(*, unit: StockUnit, actor: str) -> int:
    """Take a unit off sale: its free seats are withdrawn, sold ones stay sold. Returns how many were taken back."""
    with transaction.atomic():
        seats = list(unit.seats.select_for_update().filter(state=SeatState.AVAILABLE).order_by("id"))
        for seat in seats:
            move(seat, SHARED_SEAT if seat.is_shared else SEAT, SeatState.WITHDRAWN)
        StockUnit.objects.filter(pk=unit.pk).update(off_sale_at=ShopNow())
        if not unit.seats.exclude(state=SeatState.WITHDRAWN).exists():
            StockUnit.objects.filter(pk=unit.pk).update(withdrawn_at=ShopNow())
        audit.append("stock.withdrawn", f"unit:{unit.pk}", actor=actor, seats=len(seats))
    return len(seats)


def needs_seats(variant: Variant) -> bool:
    """Whether what is sold of it is counted in seats."""
    kind = variant.product.kind
    return kind in (Kind.STOCK, Kind.SHARED) or (kind == Kind.CONTENT and variant.content_limit is not None)


def count_up_to(variant: Variant, limit: int) -> int:
    """How many seats are available, counted no further than `limit`: the cost does not grow with the stock."""
    return Seat.objects.filter(variant=variant, state=SeatState.AVAILABLE).values("pk")[:limit].count()


def product_has(product_id: Any, least: int) -> bool:
    """Whether the product's stock, held seats included, is at least so large; counted no further."""
    live = [SeatState.AVAILABLE, SeatState.RESERVED]
    return Seat.objects.filter(variant__product_id=product_id, state__in=live).values("pk")[:least].count() >= least


def held_by(buyer_id: Any, product_id: Any) -> int:
    """Seats of this product that the buyer's unpaid orders hold."""
    mine = Q(line__order__buyer_id=buyer_id, line__order__state="awaiting_payment")
    return Seat.objects.filter(mine, state=SeatState.RESERVED, variant__product_id=product_id).count()
