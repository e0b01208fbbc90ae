"""The hourly proof of the books: a truth that breaks rings with the page that helps, and ends when it holds again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.base.clock import shop_now
from apps.base.incidents import Incident
from apps.base.invariants import REGISTRY
from apps.ops.models import Routine
from apps.ops.monitoring import invariant_watch
from apps.ops.monitoring.routines import ensure_routines
from apps.orders.models import Order, Variant
from tests.driver import Buyer, Shop

TRUTHS = [invariant for invariant in REGISTRY if invariant.is_truth]


@pytest.fixture
def routine(db: Any) -> Routine:
    ensure_routines()
    made = Routine.objects.get(name="books")
    assert invariant_watch.check_books(made) - shop_now() == invariant_watch.FIRST_TIME, (
        "a new shop has other things to do"
    )
    return made


def hour(routine: Routine) -> timedelta:
    """All rounds of one hour; how long until the next."""
    for _ in TRUTHS:
        routine.refresh_from_db()
        again = invariant_watch.check_books(routine) - shop_now()
    return again


def test_a_good_hour_is_silent(shop: Shop, sari: Buyer, spotify: Variant, routine: Routine) -> None:
    shop.pays(sari.orders("Spotify"))
    assert hour(routine) == invariant_watch.EVERY
    assert not Incident.objects.exists()


def test_a_broken_truth_rings_and_ends(
    shop: Shop, sari: Buyer, tono: Buyer, spotify: Variant, routine: Routine
) -> None:
    tono.says("/start")
    shop.pays(sari.orders("Spotify"))
    order = Order.objects.get()
    order.lines.update(price=1)
    Order.objects.update(total=1)
    hour(routine)
    shop.settle()
    wrong = list(Incident.objects.filter(text="books_wrong"))
    assert wrong, "no truth noticed it"
    assert any(row.data["page"] in text for row in wrong for text in tono.heard)
    order.lines.update(price=18_000)
    Order.objects.update(total=18_000)
    hour(routine)
    assert not Incident.objects.exclude(state="resolved").exists()


def test_one_that_kills_its_worker_does_not_keep_the_others(routine: Routine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def never_ends(since: Any) -> Any:
        raise Killed

    seen: list[str] = []
    for number, invariant in enumerate(TRUTHS):
        broken = never_ends if number == 1 else lambda since, name=invariant.name: seen.append(name) or iter(())
        monkeypatch.setitem(invariant.__dict__, "broken", broken)
    for _ in TRUTHS:
        routine.refresh_from_db()
        try:
            invariant_watch.check_books(routine)
        except Killed:
            continue
    assert seen == [invariant.name for number, invariant in enumerate(TRUTHS) if number != 1]


def test_a_proof_that_takes_too_long_is_stopped_told_and_keeps_nobody(
    routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(since: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")
        return iter(())

    monkeypatch.setattr(invariant_watch, "BOUND", "50ms")
    monkeypatch.setitem(TRUTHS[0].__dict__, "broken", slow)
    routine.refresh_from_db()
    invariant_watch.check_books(routine)
    assert Incident.objects.get().key == f"books.{TRUTHS[0].name}.slow"
    routine.refresh_from_db()
    assert routine.memory["turn"] == 1, "the next one has its turn"
    monkeypatch.undo()


def test_only_new_rows_are_proved_every_hour(shop: Any, routine: Routine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setitem(TRUTHS[0].__dict__, "broken", lambda since: asked.append(since) or iter(()))
    routine.refresh_from_db()
    invariant_watch.check_books(routine)
    ((age,),) = [[timezone.now() - datetime.fromtimestamp((key.int >> 80) / 1000, UTC)] for key in asked]
    assert timedelta(days=1) < age < timedelta(days=3)
