"""Drills in small: a planted fault turns them red. The full counts are `make drill`; every fault is `make campaign`."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest

from apps.ops.drills import aftermath, chaos, failover
from apps.ops.drills.runner import Play

pytestmark = pytest.mark.acceptance

BROKEN_BY = {
    "lost": {"undelivered", "books"},
    "twice": {"seats", "books"},
    "slow": {"served"},
    "untold": {"told"},
    "stale": {"stale"},
}
CAMPAIGN = bool(os.environ.get("CAMPAIGN"))
PLANTS = list(BROKEN_BY) if CAMPAIGN else ["twice"]
LONG = ("_stop_what_hangs", "_stall_database", "_standby_takes_over")  # two minutes of waiting


@pytest.mark.parametrize("planted", PLANTS)
def test_a_planted_fault_is_found(tmp_path: Any, planted: str, monkeypatch: Any) -> None:
    if not CAMPAIGN:
        monkeypatch.setattr(aftermath, "LATE_BOOKS", 1.0)
        for part in LONG:
            monkeypatch.setattr(chaos.Chaos, part, lambda self: None)
    play = Play(tmp_path, random.Random(1), print, scale=0.03, planted=planted)
    chaos.run(play)
    broken = {m.name for m in play.measures if not m.kept}
    assert broken & BROKEN_BY[planted], json.dumps([m.as_dict() for m in play.measures], indent=1)
    timed = set() if CAMPAIGN else {"served", "told"}  # beside a whole suite a second is no measure
    assert broken <= BROKEN_BY[planted] | timed | {"in hand"}, json.dumps(
        [m.as_dict() for m in play.measures], indent=1
    )


BROKEN_ON_THE_WAY_IN = {
    "lost": {"stored", "handled", "answered"},
    "stuck": {"polling", "polled"},
    "unmoved": {"page", "moved", "moved answers"},
    "silent": {"bot tells", "bot delivers"},
}


if CAMPAIGN:  # five minutes each

    @pytest.mark.parametrize("planted", BROKEN_ON_THE_WAY_IN)
    def test_a_fault_planted_on_the_way_in_is_found(tmp_path: Any, planted: str) -> None:
        play = Play(tmp_path, random.Random(1), print, scale=0.05, planted=planted)
        failover.run(play)
        broken = {m.name for m in play.measures if not m.kept}
        assert broken & BROKEN_ON_THE_WAY_IN[planted], json.dumps([m.as_dict() for m in play.measures], indent=1)


def test_every_drill_can_be_made_to_fail() -> None:
    assert set(BROKEN_BY) == set(chaos.DRILL.plants)
    assert set(BROKEN_ON_THE_WAY_IN) == set(failover.DRILL.plants)
