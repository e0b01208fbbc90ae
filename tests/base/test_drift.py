"""The machine's clock against the world's, by the Date of answers."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

from apps.base import healthchecks
from apps.base.health import ServiceUnavailable
from host import clock_drift


@pytest.fixture(autouse=True)
def fresh(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path / "run"))
    monkeypatch.setattr(clock_drift, "_noted", -1e9)


def test_nobody_told_yet() -> None:
    assert clock_drift.seconds_off() is None
    assert healthchecks.machine_time() is None


def test_a_clock_that_is_right() -> None:
    clock_drift.note_date(formatdate(time.time(), usegmt=True))
    assert healthchecks.machine_time() == pytest.approx({"seconds_off": 0.5}, abs=2)


@pytest.mark.parametrize(("ahead", "way"), [(45, "ahead"), (-300, "behind")])
def test_a_clock_that_is_off(ahead: int, way: str) -> None:
    clock_drift.note_date(formatdate(time.time() - ahead, usegmt=True))
    with pytest.raises(ServiceUnavailable, match=f"s {way}: is systemd-timesyncd running"):
        healthchecks.machine_time()


@pytest.mark.parametrize("header", [None, "", "yesterday", "Tue, 99 Foo 2026 25:61:00 GMT"])
def test_rubbish_says_nothing(header: str | None) -> None:
    clock_drift.note_date(header)
    assert clock_drift.seconds_off() is None


def test_one_note_a_minute() -> None:
    clock_drift.note_date(formatdate(time.time(), usegmt=True))
    clock_drift.note_date(formatdate(time.time() - 500, usegmt=True))
    assert abs(clock_drift.seconds_off() or 0) < 3


def test_an_old_note_is_not_believed(monkeypatch: Any) -> None:
    clock_drift.note_date(formatdate(time.time() - 500, usegmt=True))
    monkeypatch.setattr(clock_drift, "FRESH", 0.0)
    assert clock_drift.seconds_off() is None
