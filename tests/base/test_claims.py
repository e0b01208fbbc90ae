"""The Claimable row, through the smallest one there is: an errand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from apps.base.clock import shift_clock, shop_now
from apps.base.incidents import Incident
from apps.base.work import claimable
from apps.base.work.clock_thread import tick
from apps.base.work.deferred_calls import Errand, run_errand, send_errand
from apps.base.work.registered_tasks import task

done: list[str] = []


@task
def note(key: str) -> None:
    done.append(key)


@task
def stumble(key: str) -> None:
    raise RuntimeError("no luck")


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


NOTE, STUMBLE = f"{__name__}.note", f"{__name__}.stumble"


def only() -> Errand:
    return Errand.objects.get(task__startswith=__name__)


def test_an_errand_runs_once_and_goes(db: Any) -> None:
    send_errand(NOTE, "a")
    run_errand(str(only().pk))
    assert done == ["a"]
    assert not Errand.objects.exists()


def test_two_bells_do_the_work_once(db: Any) -> None:
    send_errand(NOTE, "a")
    pk = str(only().pk)
    run_errand(pk)
    run_errand(pk)
    assert done == ["a"]


def test_a_rollback_leaves_no_bell(db: Any) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        send_errand(NOTE, "a")
        raise RuntimeError
    assert not OrmQ.objects.exists()
    assert not Errand.objects.exists()


def test_the_attempt_is_counted_before_the_work(db: Any) -> None:
    send_errand(NOTE, "a")
    row = claimable.claim(Errand, only().pk)
    assert row is not None
    assert only().attempts == 1, "so that a row that kills its worker is counted too"
    assert claimable.claim(Errand, row.pk) is None, "while it is claimed nobody else takes it"


def test_failures_wait_longer_each_time_and_end_as_a_dead_letter(db: Any) -> None:
    send_errand(STUMBLE, "a")
    waits = []
    for _ in range(len(Errand.DELAYS) + 1):
        run_errand(str(only().pk))
        if only().next_at is not None:
            waits.append((only().next_at - shop_now()).total_seconds())
            shift_clock(timedelta(seconds=waits[-1]))
    assert waits == list(Errand.DELAYS)
    assert only().dead_at is not None
    assert only().next_at is None
    assert only().last_error == "RuntimeError: no luck"
    assert Incident.objects.get().key == "dead_letter.base.errand"


def test_a_row_that_kills_its_worker_each_time_is_buried(db: Any) -> None:
    send_errand(NOTE, "a")
    Errand.objects.update(attempts=len(Errand.DELAYS) + 1)
    run_errand(str(only().pk))
    assert done == []
    assert only().last_error == "the worker died each time"


def test_a_poison_row_blocks_nobody(db: Any) -> None:
    send_errand(STUMBLE, "bad")
    send_errand(NOTE, "good")
    for pk in Errand.objects.values_list("pk", flat=True):
        run_errand(str(pk))
    assert done == ["good"]


def test_a_dead_letter_comes_back_to_life(db: Any) -> None:
    send_errand(NOTE, "a")
    claimable.bury(only(), "broken")
    claimable.revive(only())
    run_errand(str(only().pk))
    assert done == ["a"]


def test_a_time_moved_during_the_work_is_left(db: Any) -> None:
    send_errand(NOTE, "a")
    row = claimable.claim(Errand, only().pk)
    assert row is not None
    sooner = shop_now() + timedelta(seconds=3)
    Errand.objects.update(next_at=sooner)
    claimable.release(row, None)
    assert only().next_at == sooner
    assert only().claimed_until is None


def test_the_clock_rings_what_is_due_once_a_step(db: Any) -> None:
    send_errand(NOTE, "a")
    OrmQ.objects.all().delete()
    assert tick() == 1
    assert OrmQ.objects.count() == 1
    assert tick() == 0, "not again before a step is over"
    shift_clock(Errand.STEP + timedelta(seconds=1))
    assert tick() == 1


def test_with_bells_dropped_only_the_clock_rings(db: Any, settings: Any) -> None:
    settings.DROP_BELLS = True
    send_errand(NOTE, "a")
    assert not OrmQ.objects.exists()
    tick()
    assert OrmQ.objects.count() == 1


def test_a_real_shop_never_shifts_its_clock(db: Any, settings: Any) -> None:
    from apps.base.clock import ClockIsReal

    settings.CLOCK_MAY_SHIFT = False
    with pytest.raises(ClockIsReal):
        shift_clock(timedelta(hours=1))


@pytest.mark.django_db(transaction=True)
class TestFenced:
    """A worker whose claim ran out changes nothing of the work that somebody else has begun since."""

    @pytest.fixture
    def stale(self) -> Errand:
        send_errand(NOTE, "a")
        first = claimable.claim(Errand, only().pk)
        assert first is not None
        Errand.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert claimable.claim(Errand, first.pk) is not None
        return first

    @pytest.mark.parametrize(
        "end",
        [
            lambda row: claimable.release(row, None),
            lambda row: claimable.postpone(row, "x"),
            lambda row: claimable.bury(row, "x"),
        ],
    )
    def test_it_cannot_end_it(self, stale: Errand, end: Callable[[Errand], None]) -> None:
        end(stale)
        row = only()
        assert row.claimed_until is not None
        assert (row.attempts, row.dead_at, row.last_error) == (2, None, "")
        assert claimable.claim(Errand, row.pk) is None, "the second one still has it"

    def test_a_claim_from_the_future_holds_nobody_off(self) -> None:
        """Made before the database's clock was set back."""
        send_errand(NOTE, "a")
        Errand.objects.update(claimed_until=timezone.now() + timedelta(hours=1))
        assert claimable.claim(Errand, only().pk) is not None
