"""Stock: adding, reserving, selling, freeing. A seat is bound to an order line in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.base import audit
from apps.base.clock import ShopNow
from apps.base.work.deferred_calls import send_errand
from apps.base.work.named_locks import hold_lock
from apps.orders.models import OrderLine, Seat, StockAlert, StockUnit, Variant
from apps.orders.models.stock import content_hash
from apps.orders.states import SEAT, SHARED_SEAT, SeatState, move
from host.crypto import CannotOpen

BATCH = 2000
TELL_BACK = "apps.orders.tasks.tell_back_in_stock"

# MATERIALIZED: inside an IN, a plan by nested loops would run the inner query again for every row, past its LIMIT
RESERVE = """
WITH chosen AS MATERIALIZED (
  SELECT id FROM orders_seat s WHERE variant_id = %s AND state = 'available'
    AND (SELECT off_sale_at FROM orders_stockunit u WHERE u.id = s.unit_id) IS NULL
  ORDER BY sequence LIMIT %s FOR UPDATE {skip}
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


def set_aside(seats: Iterable[Any]) -> int:
    """Keep seats that nobody has seen from being sold: their contents do not open. Returns how many."""
    unseen = Seat.objects.filter(pk__in=list(seats), state__in=[SeatState.AVAILABLE, SeatState.RESERVED])
    return unseen.update(state=SeatState.QUARANTINED, line=None)


def _give_back(seats: QuerySet[Seat]) -> int:
    """Available again, unless the seller has taken the unit off sale meanwhile. Returns how many are for sale."""
    units = _lock_units(seats.values_list("unit_id", flat=True))
    pks = list(seats.select_for_update().order_by("sequence").values_list("pk", flat=True))
    mine, off = Seat.objects.filter(pk__in=pks), [unit.pk for unit in units if unit.off_sale_at is not None]
    mine.filter(unit__in=off).update(state=SeatState.WITHDRAWN, line=None, sold_at=None)
    free = mine.exclude(unit__in=off).update(state=SeatState.AVAILABLE, line=None, sold_at=None)
    _note_withdrawn(off)
    if free:
        _tell_who_waits(StockAlert.objects.filter(variant__seats__in=pks))
    return free


def _lock_units(pks: Iterable[Any]) -> list[StockUnit]:
    """Units before their seats: who takes one off sale, and who gives a seat back, must see each other."""
    return list(StockUnit.objects.select_for_update(no_key=True).filter(pk__in=set(pks)).order_by("id"))


def _note_withdrawn(units: Iterable[Any]) -> None:
    """Units of which no seat was ever given away count as never there: the same content may be added anew."""
    left = Seat.objects.filter(unit=OuterRef("pk")).exclude(state=SeatState.WITHDRAWN)
    StockUnit.objects.filter(~Exists(left), pk__in=list(units), withdrawn_at__isnull=True).update(
        withdrawn_at=ShopNow()
    )


def _tell_who_waits(wishes: QuerySet[StockAlert]) -> None:
    """*Kabari saya*: have those told who wait for what is available again."""
    for variant_id in wishes.values_list("variant_id", flat=True).distinct():
        send_errand(TELL_BACK, variant_id)


def add_units(*, variant: Variant, units: Iterable[NewUnit], actor: str) -> Added:
    """Add stock in the order given; a content the product has already (in any state but withdrawn) is skipped.

    Two imports of the same list, in whatever order, go one after the other. Raises StillBusy when the other takes too
    long."""
    added = skipped = 0
    batch: dict[bytes, NewUnit] = {}
    with transaction.atomic():
        hold_lock(f"stock of product {variant.product_id}")
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
    back = _put_back_known(variant, batch)
    StockUnit.objects.bulk_create(fresh, ignore_conflicts=True)
    kept = set(StockUnit.objects.filter(pk__in=[unit.pk for unit in fresh]).values_list("pk", flat=True))
    shared = variant.product.sold_as.shared or variant.product.sold_as.for_all
    seats = []
    for unit, new in zip(fresh, batch.values(), strict=True):
        if unit.pk in kept:
            labels = list(new.labels) or [""]
            seats += [
                Seat(unit=unit, variant=variant, number=n, label=label or None, is_shared=shared)
                for n, label in enumerate(labels, 1)
            ]
    Seat.objects.bulk_create(seats, batch_size=BATCH)
    return len(kept) + back


def _put_back_known(variant: Variant, batch: Iterable[bytes]) -> int:
    """What the seller took off sale while somebody held it, and now adds again, is on sale again. Returns how many
    units.
    """
    off = StockUnit.objects.filter(
        product_id=variant.product_id,
        content_hash__in=list(batch),
        off_sale_at__isnull=False,
        withdrawn_at__isnull=True,
    )
    return sum(bool(_put_back(unit)) for unit in _lock_units(off.values_list("pk", flat=True)))


def _put_back(unit: StockUnit) -> int:
    """On sale again; returns how many seats can be sold now or later. The unit is locked."""
    seats = unit.seats.filter(state__in=[SeatState.WITHDRAWN, SeatState.QUARANTINED])
    StockUnit.objects.filter(pk=unit.pk).update(off_sale_at=None, withdrawn_at=None)
    back = 0
    for seat in seats.select_for_update().order_by("sequence"):
        move(seat, SHARED_SEAT if seat.is_shared else SEAT, SeatState.AVAILABLE)
        back += 1
    return back + unit.seats.filter(state=SeatState.RESERVED).count()


class NotBack(Exception):
    """Why a unit cannot be sold again; one plain sentence in Indonesian for the dashboard."""


def return_unit(*, unit: StockUnit, actor: str) -> int:
    """*Jual lagi*: what was taken off sale, or set aside, is for sale again. Returns how many seats. Raises NotBack."""
    try:
        with transaction.atomic():
            (locked,) = _lock_units([unit.pk])
            try:
                locked.content  # noqa: B018  (opened, not shown)
            except CannotOpen as error:
                raise NotBack(f"Isi {locked} tetap tidak bisa dibuka, jadi tidak dijual.") from error
            back = _put_back(locked)
            if back:
                _tell_who_waits(StockAlert.objects.filter(variant=locked.variant_id))
                audit.append("stock.returned", f"unit:{unit.pk}", actor=actor, seats=back)
            return back
    except IntegrityError as error:
        raise NotBack(f"Isi {unit} sudah ditambahkan lagi sebagai isi baru, jadi tidak dijual dua kali.") from error


def set_content(*, variant: Variant, content: str, actor: str) -> StockUnit:
    """The reusable content of a variant, with as many seats as its limit asks for (none without a limit)."""
    with transaction.atomic():
        hold_lock(f"stock of product {variant.product_id}")
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
    """Take a unit off sale: its free seats are withdrawn, those that a buyer holds when they come free, sold ones stay
    sold. Returns how many were taken back."""
    with transaction.atomic():
        _lock_units([unit.pk])
        free = [SeatState.AVAILABLE, SeatState.QUARANTINED]
        seats = list(unit.seats.select_for_update().filter(state__in=free).order_by("sequence"))
        for seat in seats:
            move(seat, SHARED_SEAT if seat.is_shared else SEAT, SeatState.WITHDRAWN)
        StockUnit.objects.filter(pk=unit.pk).update(off_sale_at=ShopNow())
        _note_withdrawn([unit.pk])
        audit.append("stock.withdrawn", f"unit:{unit.pk}", actor=actor, seats=len(seats))
    return len(seats)


def needs_seats(variant: Variant) -> bool:
    """Whether what is sold of it is counted in seats."""
    return variant.product.sold_as.needs_seats(variant.content_limit)


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
