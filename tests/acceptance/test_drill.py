"""Drills in small, with planted faults: every measure is seen red, and by nothing else. The full counts are `make
drill`.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest

from apps.ops.drills import backup, chaos, failover, final_checks, planted_faults
from apps.ops.drills.runner import Play

pytestmark = pytest.mark.acceptance

CAMPAIGN = bool(os.environ.get("CAMPAIGN"))
LONG = (
    "_stop_what_hangs",
    "_stall_database",
    "_lock_each_other",
    "_forget_a_transaction",
    "_standby_takes_over",
)  # minutes
MUTE = ("mute",)  # who plays the long parts buys, and would be without an invoice too
AFTERWARDS = ("spared", "stale", "lost", "twice", "left", "dropped", "generous", "chatty", "untold", "closed", "unheld")
MEANWHILE = (
    ("slow", "stuck", "standing", "numb", "torn", "idle"),
    ("heirless", "locked", "apart"),
)
OF_BACKUPS = (("blind", "noisy", "open", "alone", "forged"), ("away", "released", "stays"), ("mute",))
ON_THE_WAY_IN = (
    ("lost", "unasked", "idle", "locked", "stuck", "unmoved", "blind"),
    ("doubled", "jumbled", "refused", "hasty", "flapping", "numb", "lasting"),
    ("silent", "gone"),
)


def broken(play: Play) -> set[str]:
    print(json.dumps([m.as_dict() for m in play.measures], indent=1))  # noqa: T201 - shown when the test fails
    return {m.name for m in play.measures if not m.kept}


def expected(plants: planted_faults.Plants, chosen: tuple[str, ...]) -> set[str]:
    return set().union(*(plants[name] for name in chosen))


def test_what_was_left_behind_is_found(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(final_checks, "LATE_BOOKS", 1.0)
    monkeypatch.setattr(final_checks, "LATE_GOODS", 1.0)
    for part in LONG:
        monkeypatch.setattr(chaos.Chaos, part, lambda self: None)
    play = Play(tmp_path, random.Random(1), print, scale=0.03, plants=frozenset(AFTERWARDS))
    chaos.run(play)
    timed = set() if CAMPAIGN else {"served"}  # beside a whole suite a second is no measure
    assert broken(play) - timed == expected(planted_faults.CHAOS, AFTERWARDS)


if CAMPAIGN:  # minutes each

    @pytest.mark.parametrize("chosen", OF_BACKUPS)
    def test_a_fault_of_backups_is_found(tmp_path: Any, chosen: tuple[str, ...]) -> None:
        play = Play(tmp_path, random.Random(1), print, scale=0.2, plants=frozenset(chosen))
        backup.run(play)
        assert broken(play) == expected(backup.PLANTS, chosen)

    @pytest.mark.parametrize("chosen", MEANWHILE)
    def test_what_fails_meanwhile_is_found(tmp_path: Any, chosen: tuple[str, ...]) -> None:
        play = Play(tmp_path, random.Random(1), print, scale=0.03, plants=frozenset(chosen))
        chaos.run(play)
        assert broken(play) == expected(planted_faults.CHAOS, chosen)

    def test_a_lost_invoice_is_found(tmp_path: Any, monkeypatch: Any) -> None:
        for part in LONG:
            monkeypatch.setattr(chaos.Chaos, part, lambda self: None)
        play = Play(tmp_path, random.Random(1), print, scale=0.03, plants=frozenset(MUTE))
        chaos.run(play)
        assert broken(play) == expected(planted_faults.CHAOS, MUTE)

    @pytest.mark.parametrize("chosen", ON_THE_WAY_IN)
    def test_a_fault_on_the_way_in_is_found(tmp_path: Any, chosen: tuple[str, ...]) -> None:
        play = Play(tmp_path, random.Random(1), print, scale=0.05, plants=frozenset(chosen))
        failover.run(play)
        assert broken(play) == expected(planted_faults.FAILOVER, chosen)


def test_every_fault_is_played() -> None:
    assert {*AFTERWARDS, *MUTE, *(name for chosen in MEANWHILE for name in chosen)} == set(planted_faults.CHAOS)
    assert {name for chosen in OF_BACKUPS for name in chosen} == set(backup.PLANTS)
    assert {name for chosen in ON_THE_WAY_IN for name in chosen} == set(planted_faults.FAILOVER)
