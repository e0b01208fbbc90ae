"""The shop looks at its own health: what stays bad is told once, a single bad look never."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from apps.base import health, healthchecks
from apps.base.clock import shop_now
from apps.base.incidents import Incident, resolve_incident, take_incident, tend_incident
from apps.ops.models import Routine
from apps.ops.monitoring import health_watch
from apps.ops.monitoring.certificate import judged as judged_certificate
from apps.ops.monitoring.routines import ensure_routines, run_routine

LOOKS_A_DAY = 24 * 3600 // 30


def verdicts(*levels: int) -> list[str]:
    watched = health_watch.Watched()
    return [watched.see(level) for level in levels]


def test_what_does_not_work_is_told_at_the_third_look() -> None:
    assert verdicts(2, 2, 2, 2) == ["", "", "raise", ""]
    assert verdicts(1, 2, 1, 2) == ["", "", "", "raise"]


def test_what_needs_a_look_is_told_at_the_fifth() -> None:
    assert verdicts(1, 1, 1, 1, 1, 1) == ["", "", "", "", "raise", ""]


def test_a_single_bad_look_is_none() -> None:
    assert verdicts(2, 2, 0, 2, 0, 1, 1, 0, 1) == [""] * 9


def test_it_is_over_after_two_good_looks_and_can_come_again() -> None:
    assert verdicts(2, 2, 2, 0, 2, 0, 0, 2, 2, 2) == ["", "", "raise", "", "", "", "resolve", "", "", "raise"]


def test_what_needs_a_look_and_then_fails_is_told_anew_once() -> None:
    assert verdicts(1, 1, 1, 1, 1, 2, 2, 1, 2, 2, 2, 2, 2) == [*[""] * 4, "raise", *[""] * 5, "worsen", "", ""]
    assert verdicts(2, 2, 2, 1, 2, 2, 2, 2, 0, 0)[3:] == [*[""] * 6, "resolve"], "it was told as failing already"
    assert verdicts(1, 1, 1, 1, 1, 2, 2, 2, 1, 2, 2, 2, 0, 0)[8:] == [*[""] * 5, "resolve"]


@pytest.mark.parametrize("seed", range(5))
def test_thirty_healthy_days_are_quiet(seed: int) -> None:
    """A busy healthy shop, with the real limits: memory that wanders, a nightly backup on the disk, bursts in queue and
    outbox, and one look in two hundred that times out. At most one false alarm is promised."""
    dice, alarms, memory = random.Random(seed), 0, 60.0
    watched = {name: health_watch.Watched() for name in ("memory", "disk", "queue", "outbox", "database")}
    for look in range(30 * LOOKS_A_DAY):
        hour = look % LOOKS_A_DAY * 30 / 3600
        memory = min(83.0, max(40.0, memory + dice.gauss(0, 1.5)))
        spike = 10 if dice.random() < 0.001 else 0  # a page of the dashboard, an import
        disk = 60 + (15 if 2.5 <= hour < 3 else 0) + dice.random()
        levels = {
            "memory": level_of(healthchecks.judged_memory, memory + spike, 1e9),
            "disk": level_of(healthchecks.judged_disk, disk, 1e10),
            "queue": 1 if dice.expovariate(1 / 4.0) > healthchecks.LATE else 0,
            "outbox": 1 if dice.expovariate(1 / 8.0) > 60 else 0,
            "database": 2 if dice.random() < 0.005 else 0,
        }
        alarms += sum(watched[name].see(level) == "raise" for name, level in levels.items())
    assert alarms <= 1


def level_of(judge: Any, percent: float, rest: float) -> int:
    try:
        judge(percent, rest)
    except health.ServiceWarning:
        return 1
    except health.ServiceUnavailable:
        return 2
    return 0


def test_real_trouble_is_told_within_three_minutes() -> None:
    for judge, percent in (
        (healthchecks.judged_memory, 96),
        (healthchecks.judged_disk, 98),
        (healthchecks.judged_disk, 91),
    ):
        watched, looks = health_watch.Watched(), 1
        while watched.see(level_of(judge, percent, 1)) != "raise":
            looks += 1
        assert looks * health_watch.EVERY <= timedelta(minutes=3)


@pytest.fixture
def routine(db: Any) -> Routine:
    ensure_routines()
    return Routine.objects.get(name="health")


def look(routine: Routine) -> None:
    routine.refresh_from_db()
    health_watch.look_around(routine, apart=False)


def test_a_full_disk_becomes_an_incident_and_ends(routine: Routine, monkeypatch: Any) -> None:
    disk = next(check for check in health.REGISTRY if check.name == "disk")
    monkeypatch.setattr(disk, "look", lambda: healthchecks.judged_disk(98, 1))
    look(routine)
    look(routine)
    assert not Incident.objects.filter(key="health.disk").exists()
    look(routine)
    incident = Incident.objects.get(key="health.disk")
    assert (incident.state, incident.data["check"]) == ("open", "disk")
    look(routine)
    monkeypatch.setattr(disk, "look", lambda: healthchecks.judged_disk(50, 1))
    look(routine)
    look(routine)
    incident.refresh_from_db()
    assert (incident.state, incident.times) == ("resolved", 1)


TOLD_ELSEWHERE = {"buyer", "telegram", "gateway", "goods", "promises", "given up", "processes", "migrations"}


def test_each_check_has_its_words_or_is_told_elsewhere() -> None:
    assert {check.name for check in health.REGISTRY if not check.tells} == TOLD_ELSEWHERE


def test_what_has_incidents_of_its_own_is_not_told_twice(routine: Routine, monkeypatch: Any) -> None:
    def broken() -> None:
        raise health.ServiceUnavailable("down")

    for name in TOLD_ELSEWHERE:
        check = next(check for check in health.REGISTRY if check.name == name)
        monkeypatch.setattr(check, "look", broken)
    for _ in range(6):
        look(routine)
    assert not Incident.objects.filter(key__in=[f"health.{name}" for name in TOLD_ELSEWHERE]).exists()


def test_a_routine_that_stumbles_goes_on(routine: Routine, monkeypatch: Any) -> None:
    def stumbles(routine: Routine) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(health_watch, "look_around", stumbles)
    for _ in range(10):
        Routine.objects.update(next_at=shop_now(), claimed_until=None)
        run_routine(str(routine.pk))
    routine.refresh_from_db()
    assert routine.dead_at is None
    assert routine.next_at is not None


def test_late_goods_are_told_at_the_first_look(routine: Routine, monkeypatch: Any) -> None:
    monkeypatch.setattr(health_watch, "late_goods", lambda: iter(["a", "b"]))
    look(routine)
    incident = Incident.objects.get(key="goods.late")
    assert (incident.state, incident.data) == ("open", {"late": 2})
    for late in ([], [], ["c"], *[[]] * (health_watch.ALL_BROUGHT - 1)):
        monkeypatch.setattr(health_watch, "late_goods", lambda late=late: iter(late))
        look(routine)
    incident.refresh_from_db()
    assert incident.state == "open", "a slow Telegram makes single goods late: one alarm"
    look(routine)
    incident.refresh_from_db()
    assert incident.state == "resolved"
    assert Incident.objects.count() == 1


def test_a_routine_of_newer_code_rests_without_an_alarm(routine: Routine) -> None:
    """After an update that went back its row is still there."""
    Routine.objects.filter(pk=routine.pk).update(name="of_a_later_release", next_at=shop_now())
    run_routine(str(routine.pk))
    routine.refresh_from_db()
    assert (routine.next_at, routine.dead_at, routine.last_error) == (None, None, "")
    assert not Incident.objects.exists()


def test_a_routine_that_older_code_put_to_rest_goes_on(routine: Routine) -> None:
    Routine.objects.filter(pk=routine.pk).update(next_at=None, dead_at=shop_now(), attempts=6)
    ensure_routines()
    routine.refresh_from_db()
    assert (routine.next_at is None, routine.dead_at, routine.attempts) == (False, None, 0)


def test_what_was_closed_too_early_is_told_again(routine: Routine, monkeypatch: Any) -> None:
    """*Selesai* on a disk that is still full: silence would look like health."""
    disk = next(check for check in health.REGISTRY if check.name == "disk")
    monkeypatch.setattr(disk, "look", lambda: healthchecks.judged_disk(98, 1))

    def states(looks: int) -> list[str]:
        for _ in range(looks):
            look(routine)
        return list(Incident.objects.filter(key="health.disk").order_by("id").values_list("state", flat=True))

    assert states(4) == ["open"]
    resolve_incident("health.disk", actor="owner")
    assert states(2) == ["resolved"], "it is given time to be true"
    assert states(1) == ["resolved", "open"]


def test_a_certificate_that_nobody_renewed_rings_again_before_it_ends(routine: Routine, monkeypatch: Any) -> None:
    """14 days before its end somebody took it in hand; at 3 days it is still the old one."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "apps.ops.monitoring.alerts.tell_incident",
        lambda incident, occasion: told.append((occasion, incident.data["says"][:29])),
    )
    certificate = next(check for check in health.REGISTRY if check.name == "certificate")

    def looks(days: float, times: int) -> None:
        monkeypatch.setattr(certificate, "look", lambda: judged_certificate(days))
        for _ in range(times):
            look(routine)
        for due in Incident.objects.exclude(next_at=None):
            tend_incident(str(due.pk))

    looks(13, 6)
    first = Incident.objects.get(key="health.certificate")
    assert take_incident(first.key, actor="owner")
    looks(2, 4)
    looks(2, 20)
    assert told == [("opened", "the certificate ends in 13 da"), ("opened", "the certificate ends in 2 day")]
    Incident.objects.filter(pk=first.pk).update(next_at=shop_now())  # a worker that was just telling puts it back
    looks(2, 1)
    assert len(told) == 2, "the lesser one is not over"
    looks(60, 2)
    assert told[2:] == [("resolved", "the certificate ends in 2 day")]
