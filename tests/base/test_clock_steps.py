"""A clock that is set: noticed beside the monotonic one, told, and nothing is freed or delayed by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.base import clock_steps
from apps.base.clock import shift_clock
from apps.base.clock_steps import ClockWatch
from apps.base.incidents import Incident
from apps.base.work import leases
from apps.base.work.leases import Lease
from apps.orders.gateways import rate_and_breaker
from apps.orders.models import GatewayLane, Order, Seat, Variant
from tests.driver import Buyer, Shop

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def looks(*seen: tuple[float, float]) -> list[float]:
    """What is said to (monotonic seconds, seconds of the database's clock) in turn."""
    now = [0.0]
    watch = ClockWatch(lambda: now[0])
    found = []
    for monotonic, database in seen:
        now[0] = monotonic
        found.append(watch.look(lambda database=database: NOON + timedelta(seconds=database)))
    return found


def test_time_that_passes_is_no_step() -> None:
    assert looks((0, 0), (1, 1), (2, 2.2), (4000, 4000.4)) == [0, 0, 0, 0]


@pytest.mark.parametrize("by", [3600, -1800, 31, -31])
def test_a_step_is_seen_once(by: float) -> None:
    assert looks((0, 0), (1, 1 + by), (2, 2 + by)) == [0, by, 0]


def test_a_small_correction_is_none() -> None:
    assert looks((0, 0), (1, 30), (2, 2)) == [0, 0, 0]


@pytest.mark.parametrize("by", [timedelta(hours=2), timedelta(minutes=-40)])
def test_nothing_is_freed_or_delayed(shop: Shop, sari: Buyer, tono: Buyer, spotify: Variant, by: timedelta) -> None:
    number = sari.orders("Spotify")
    shift_clock(by)
    assert clock_steps.follow(by.total_seconds())
    shop.forward(seconds=1)
    assert Order.objects.get().state == "awaiting_payment"
    assert Seat.objects.filter(state="reserved").count() == 1
    assert any("Jam database melompat" in text for text in tono.heard)
    shop.bank_pays(number)
    shop.forward(seconds=45)
    assert "Ini barangnya" in sari.heard[-1], "the schedule asks as if nothing had been"


def test_a_deadline_still_comes(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    sari.orders("Spotify")
    shift_clock(timedelta(hours=2))
    clock_steps.follow(7200)
    shop.forward(minutes=16)
    assert Order.objects.get().state == "expired"


def test_one_of_several_processes_follows(db: Any) -> None:
    assert clock_steps.follow(3600)
    assert not clock_steps.follow(3600.2)
    assert Incident.objects.filter(key="clock.step").count() == 1


def test_times_from_before_the_step_hold_nobody_off(db: Any) -> None:
    ahead = timezone.now() + timedelta(hours=1)
    GatewayLane.objects.create(name="x", free_at=ahead, open_until=ahead)
    assert not rate_and_breaker.is_open("x")
    assert rate_and_breaker.take_slot("x", 0.5)
    Lease.objects.create(name="bot", holder="a", host="a", epoch=3, until=ahead)
    held = leases.take_lease("bot", holder="b", host="b")
    assert held is not None
    assert held.epoch == 4
