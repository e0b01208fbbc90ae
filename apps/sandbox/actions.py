"""What a demo needs hands for: time that passes, a seller who finishes, more stock, a crash."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from datetime import timedelta

from apps.base.clock import shift_clock, shop_now
from apps.orders.models import OrderLine, Variant
from apps.orders.services import delivery, stock
from apps.orders.services.stock import NewUnit
from apps.orders.states import LineState
from host.up import supervisor

MOST_MINUTES = 400 * 24 * 60
LAST_BREATH = 0.3  # seconds in which web still answers before it is killed too
KILLED = ("worker", "bot", "watch", "sandbox", "web")  # web last: it gives the answer


def pass_time(minutes: int) -> None:
    """The shop's clock goes ahead; never back."""
    shift_clock(timedelta(minutes=max(0, min(minutes, MOST_MINUTES))))


def finish_order(number: str, actor: str) -> int:
    """A seller makes everything of an order that is made by hand; returns how many lines."""
    lines = OrderLine.objects.filter(order__number=number, state=LineState.BY_HAND)
    for line in lines:
        delivery.finish_by_hand(
            line_id=line.pk, text="Sudah masuk ke akunmu. Terima kasih!", file=None, file_name="", actor=actor
        )
    return len(lines)


def leave_units(code: str, units: int, actor: str) -> int:
    """So much stock is free of a product's first variant: more is added, what is too much withdrawn. Returns units
    free.
    """
    variant = Variant.objects.select_related("product").filter(product__code=code).order_by("position").first()
    if variant is None:
        return 0
    free = stock.count_up_to(variant, 10_000)
    if free < units:
        mark = f"{shop_now():%Y%m%d%H%M%S%f}"
        fresh = [NewUnit(f"https://contoh.id/{code}/{mark}-{n}") for n in range(units - free)]
        stock.add_units(variant=variant, units=fresh, actor=actor)
    for unit in variant.units.filter(seats__state="available").order_by("-id")[: max(0, free - units)]:
        stock.withdraw_unit(unit=unit, actor=actor)
    return units


def kill_everything() -> list[str]:
    """kill -9 of every process but the database; the supervisor starts them anew. Returns their names."""
    rows = supervisor(os.environ["AUTOORDER_SOCKET"]).getAllProcessInfo()
    pids = {row["name"]: row["pid"] for row in rows if row["pid"]}
    for name in KILLED[:-1]:
        _kill(pids.get(name, 0))
    threading.Timer(LAST_BREATH, _kill, [pids.get(KILLED[-1], 0)]).start()
    return [name for name in KILLED if pids.get(name)]


def _kill(pid: int) -> None:
    if pid > 1:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
