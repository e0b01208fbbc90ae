"""Errors of the library, sorted by their cause."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from apps.bot.client import Verdict, judge
from apps.bot.failover import HEALTHY, PATIENCE, Choice

REQUEST = httpx.Request("POST", "http://x")


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (caused(TimedOut(), httpx.ConnectTimeout("")), Verdict.NOT_SENT),
        (caused(TimedOut(), httpx.PoolTimeout("")), Verdict.NOT_SENT),
        (caused(NetworkError("x"), httpx.ConnectError("")), Verdict.NOT_SENT),
        (caused(TimedOut(), httpx.ReadTimeout("")), Verdict.UNKNOWN),
        (caused(NetworkError("x"), httpx.WriteError("")), Verdict.UNKNOWN),
        (caused(NetworkError("x"), httpx.ReadError("")), Verdict.UNKNOWN),
        (caused(NetworkError("x"), httpx.RemoteProtocolError("")), Verdict.UNKNOWN),
        (NetworkError("Bad Gateway"), Verdict.UNKNOWN),
        (Forbidden("bot was blocked by the user"), Verdict.BLOCKED),
        (InvalidToken("Unauthorized"), Verdict.REVOKED),
        (BadRequest("Message is not modified"), Verdict.DONE),
        (BadRequest("Query is too old and response timeout expired"), Verdict.DONE),
        (BadRequest("Message to edit not found"), Verdict.ANEW),
        (BadRequest("Can't parse entities: x"), Verdict.PLAINER),
        (BadRequest("Message is too long"), Verdict.PLAINER),
        (BadRequest("Chat not found"), Verdict.REFUSED),
        (Conflict("x"), Verdict.REFUSED),
    ],
)
def test_each_error_means_one_thing(error: TelegramError, verdict: Verdict) -> None:
    assert judge(error).verdict is verdict


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("wait", [7, timedelta(seconds=7)])
def test_a_pause_keeps_its_length(wait: int | timedelta) -> None:
    outcome = judge(RetryAfter(wait))
    assert (outcome.verdict, outcome.retry_after) == (Verdict.PARK, 7.0)


def test_auto_starts_with_what_works() -> None:
    assert Choice("auto", possible=True).decide(True, 0) == "webhook"
    assert Choice("auto", possible=True).decide(False, 0) == "polling"
    assert Choice("auto", possible=False).decide(False, 0) == "polling"


def test_a_failing_webhook_gives_way_and_comes_back() -> None:
    choice = Choice("auto", possible=True)
    assert choice.decide(True, 0) == "webhook"
    assert choice.decide(False, 10) == "webhook"
    assert choice.decide(False, 10 + PATIENCE - 1) == "webhook"
    assert choice.decide(False, 10 + PATIENCE) == "polling"
    assert choice.decide(True, 100) == "polling"
    assert choice.decide(True, 100 + HEALTHY - 1) == "polling"
    assert choice.decide(True, 100 + HEALTHY) == "webhook"


def test_a_flickering_webhook_does_not_flap() -> None:
    choice = Choice("auto", possible=True)
    choice.decide(True, 0)
    modes = {choice.decide(bool(second // 30 % 2), float(second)) for second in range(0, 3600, 10)}
    assert modes == {"webhook"}, "never failing for a whole minute"


@pytest.mark.parametrize("mode", ["webhook", "polling"])
def test_a_fixed_mode_stays(mode: str) -> None:
    choice = Choice(mode, possible=True)
    assert {choice.decide(bool(n % 2), n * 100.0) for n in range(20)} == {mode}
