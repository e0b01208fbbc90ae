"""Errors of the library, sorted by their cause."""

from __future__ import annotations

import asyncio
import itertools
import time
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
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

from apps.bot.api.client import Outcome, Verdict, judge
from apps.bot.connection.webhook_or_polling import HEALTHY, LONGEST, PATIENCE, Choice

KEY: Any = ConnectionKey("x", 443, True, True, None, None, None)


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (caused(TimedOut(), aiohttp.ConnectionTimeoutError()), Verdict.NOT_SENT),
        (caused(NetworkError("x"), aiohttp.ClientConnectorError(KEY, OSError())), Verdict.NOT_SENT),
        (caused(TimedOut(), aiohttp.SocketTimeoutError()), Verdict.UNKNOWN),
        (caused(NetworkError("x"), aiohttp.ServerDisconnectedError()), Verdict.UNKNOWN),
        (caused(NetworkError("x"), aiohttp.ClientOSError()), Verdict.UNKNOWN),
        (caused(NetworkError("x"), aiohttp.ClientPayloadError()), Verdict.UNKNOWN),
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


def test_a_webhook_that_only_telegram_cannot_reach_is_tried_less_and_less() -> None:
    """We reach ourselves all the while: only a try shows whether it is over."""
    choice, now, waits = Choice("auto", possible=True), 0.0, []
    choice.decide(True, now)
    for _ in range(10):
        while choice.decide(False, now, forbidden=True) == "webhook":
            now += 5
        fell = now
        while choice.decide(True, now) == "polling":
            now += 10
        waits.append(now - fell)
    assert waits[0] >= 2 * HEALTHY
    assert all(later >= earlier for earlier, later in itertools.pairwise(waits))
    assert waits[-1] <= LONGEST + 10
    for _ in range(100):  # it stays well
        now += 10
        assert choice.decide(True, now) == "webhook"
    assert choice.needs == HEALTHY, "the next one begins anew"


@pytest.mark.parametrize("mode", ["webhook", "polling"])
def test_a_fixed_mode_stays(mode: str) -> None:
    choice = Choice(mode, possible=True)
    assert {choice.decide(bool(n % 2), n * 100.0) for n in range(20)} == {mode}


def test_another_wish_is_followed_and_back_to_auto_nothing_jumps() -> None:
    choice = Choice("auto", possible=True)
    assert choice.decide(True, 0) == "webhook"
    choice.want("polling")
    assert choice.decide(True, 10) == "polling"
    choice.want("auto")
    assert choice.decide(True, 20) == "polling", "health is waited for"
    assert choice.decide(True, 20 + HEALTHY) == "webhook"


async def outcomes() -> list[Verdict]:
    """What really comes of a refused, a silent and a cut connection, on this machine's own sockets."""

    from apps.bot.api.client import Telegram

    async def silent(reader: Any, writer: Any) -> None:
        await asyncio.sleep(5)

    async def cutting(reader: Any, writer: Any) -> None:
        await reader.read(10)
        writer.close()

    servers = [await asyncio.start_server(handler, "127.0.0.1", 0) for handler in (silent, cutting)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    found = []
    for url in ("http://127.0.0.1:9", *(f"http://127.0.0.1:{port}" for port in ports)):
        telegram = Telegram("1:x", [url])
        found.append((await telegram.try_call("getMe", {}, read_timeout=0.3)).verdict)
        await telegram.close()
    for server in servers:
        server.close()
    return found


def test_real_sockets_mean_the_same() -> None:
    assert asyncio.run(outcomes()) == [Verdict.NOT_SENT, Verdict.UNKNOWN, Verdict.UNKNOWN]


def test_many_failures_at_once_turn_to_the_next_url_once() -> None:
    """With two URLs an even number of failures would otherwise come back to the dead one."""
    from apps.bot.api.client import Telegram

    async def both() -> int:
        telegram = Telegram("1:x", ["http://127.0.0.1:9", "http://127.0.0.1:8"])
        await asyncio.gather(*(telegram.try_call("getMe", {}) for _ in range(4)))
        await telegram.close()
        return telegram._turn

    assert asyncio.run(both()) == 1


class Scripted:
    """Telegram that answers what it is told to."""

    def __init__(self, **verdicts: Verdict) -> None:
        self.verdicts, self.calls = verdicts, []

    def silent_for(self) -> float:
        return 1.0  # neither long enough to tell of nor over

    async def try_call(self, method: str, params: Any, **more: Any) -> Outcome:
        self.calls.append(method)
        return Outcome(self.verdicts.get(method, Verdict.SENT), result={"url": "x"})

    async def call(self, method: str, params: Any, **more: Any) -> Any:
        await asyncio.sleep(60)


def test_a_refused_webhook_leaves_polling_open(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    from apps.bot.connection import failover

    settings.PUBLIC_URL, settings.TELEGRAM_MODE = "https://toko.example", "auto"

    async def healthy(client: Any) -> bool:
        return True

    monkeypatch.setattr(failover, "probe_webhook", healthy)
    monkeypatch.setattr(failover, "credential", lambda name: "secret")
    monkeypatch.setattr(failover, "keep_incident", lambda *args, **more: None)
    monkeypatch.setattr(failover, "wanted_mode", lambda: "auto")
    monkeypatch.setattr(failover, "note_mode", lambda mode: None)
    monkeypatch.setattr(failover, "wanted_webhook", lambda: failover.Webhook("", "secret"))
    monkeypatch.setattr(failover, "resolve_incident", lambda key: None)

    async def steps() -> failover.Failover:
        made = failover.Failover(Scripted(setWebhook=Verdict.REFUSED))  # type: ignore[arg-type]
        await made.step(None)  # type: ignore[arg-type]
        await made.step(None)  # type: ignore[arg-type]
        assert made._applied == "polling"
        assert made._polling is not None
        made._polling.cancel()
        await asyncio.sleep(0)
        await made.step(None)  # type: ignore[arg-type]
        assert not made._polling.done(), "polling that ended starts again"
        made._stop_polling()
        return made

    asyncio.run(steps())


def test_an_address_that_answers_nothing_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy whose upstream is blocked takes every call and answers none: the next address is tried after a while."""
    from apps.bot.api import client

    asked: list[int] = []

    class Stub:
        def __init__(self, number: int) -> None:
            self.number = number

        async def call(self, method: str, params: Any, **more: Any) -> Any:
            asked.append(self.number)
            if self.number == 0:
                raise caused(TimedOut(), aiohttp.SocketTimeoutError())
            return True

    telegram = client.Telegram("1:x", ["http://127.0.0.1:1", "http://127.0.0.1:2"])
    telegram._bots = [Stub(0), Stub(1)]  # type: ignore[list-item]

    async def calls() -> None:
        assert (await telegram.try_call("getMe", {})).verdict is Verdict.UNKNOWN
        assert (await telegram.try_call("getMe", {})).verdict is Verdict.UNKNOWN
        telegram._silent_since = time.monotonic() - client.MUTE
        assert (await telegram.try_call("getMe", {})).verdict is Verdict.UNKNOWN
        assert (await telegram.try_call("getMe", {})).verdict is Verdict.SENT
        assert (await telegram.try_call("getMe", {})).verdict is Verdict.SENT

    asyncio.run(calls())
    assert asked == [0, 0, 0, 1, 1]
