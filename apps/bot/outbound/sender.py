"""The sender: many sends in flight, one rate budget, goods first."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import OperationalError, connection

from apps.base.credentials import credential
from apps.bot.api.client import Outcome, Telegram, Verdict
from apps.bot.models import OutboundMessage
from apps.bot.outbound import claims
from apps.bot.outbound.payload import pack
from apps.bot.outbound.rate_limit import BROADCAST_LEAVES, Pace
from apps.bot.testbuy_chat import is_synthetic

log = logging.getLogger(__name__)

IN_FLIGHT = 64
POLL = 0.5  # seconds between looks when no NOTIFY came
GATHER = 0.01  # seconds in which ends are gathered for one visit while many sends are in flight
CROWD = 8  # sends in flight that are many
SWEEP = 2.0  # seconds between sweeps of expired replies

Ready = tuple[OutboundMessage, str, dict[str, Any]]


class Sender:
    """One leader's sender. `run()` ends by LeaseLost or when `stop()` was called."""

    def __init__(
        self, telegram: Telegram, *, epoch: int, rate: float, may_send: Callable[[], bool] = lambda: True
    ) -> None:
        self.telegram = telegram
        self.epoch = epoch
        self.pace = Pace(rate)
        self.bell = asyncio.Event()
        self._may_send = may_send  # the lease's remaining time, on the monotonic clock
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._done: list[claims.Sent] = []
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._swept = 0.0
        self.worked_at = time.monotonic()  # when a turn last ended

    def stop(self) -> None:
        self._stopping = True
        self.bell.set()

    async def run(self) -> None:
        await self._at_desk(lambda: claims.take_over(self.epoch))
        while not self._stopping:
            busy = await self._turn()
            self.worked_at = time.monotonic()
            if len(self._flying) > CROWD:  # a visit costs the same for one end as for twenty
                await asyncio.sleep(GATHER)
            await self._wait(0.0 if busy else self._pause())
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        await self._turn(claim=False)
        self._desk.shutdown()

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self.bell.wait(), seconds)
        except TimeoutError:
            pass
        self.bell.clear()

    def _pause(self) -> float:
        level = self.pace.bot.level()
        return min(POLL, max(0.005, (1.0 - level) / self.pace.bot.rate)) if level < 1.0 else POLL

    async def _turn(self, *, claim: bool = True) -> bool:
        """One visit to the desk; True when it brought something."""
        done, self._done = self._done, []
        level = self.pace.bot.level()
        room = min(IN_FLIGHT - len(self._flying), int(level)) if claim and self._may_send() else 0
        if not done and room <= 0:
            return False
        silent = list({*self._flying, *self.pace.silent_chats()})
        urgency = 3 if level > BROADCAST_LEAVES else 2
        try:
            ready = await self._at_desk(lambda: self._visit(done, room, silent, urgency))
        except OperationalError:
            self._done = done + self._done
            await asyncio.sleep(0.5)
            return False
        for message, method, params in ready:
            self._launch(message, method, params)
        return bool(ready or self._done)

    def _visit(self, done: list[claims.Sent], room: int, silent: list[str], urgency: int) -> list[Ready]:
        claimed = claims.turn(done, epoch=self.epoch, room=room, silent=silent, urgency=urgency)
        now = time.monotonic()
        if now - self._swept > SWEEP:
            self._swept = now
            claims.sweep_expired()
            claims.recover_lost(self.epoch)
            self.pace.forget(silent)
        return [ready for message in claimed if (ready := self._pack(message)) is not None]

    def _pack(self, message: OutboundMessage) -> Ready | None:
        """None for a row that cannot be packed: recorded at the next visit, it stops nobody else."""
        try:
            return (message, *pack(message))
        except OperationalError:
            raise
        except Exception as error:
            log.exception("a message cannot be packed", extra={"action": "pack_failed", "row": str(message.pk)})
            self._done.append(claims.Sent(message, Outcome(Verdict.REFUSED, f"{type(error).__name__}: {error}")))
            return None

    async def _at_desk(self, job: Callable[[], Any]) -> Any:
        def seated() -> Any:
            try:
                return job()
            except OperationalError:
                connection.close()
                raise

        return await asyncio.get_running_loop().run_in_executor(self._desk, seated)

    def _launch(self, message: OutboundMessage, method: str, params: dict[str, Any]) -> None:
        chat = str(message.chat_id)
        self.pace.bot.take()
        self.pace.chat(chat, group=message.chat.kind != "private").take()
        self._flying[chat] = asyncio.create_task(self._send(chat, message, method, params))

    async def _send(self, chat: str, message: OutboundMessage, method: str, params: dict[str, Any]) -> None:
        if self._may_send():
            outcome = await self._call(message, method, params)
        else:
            outcome = Outcome(Verdict.NOT_SENT, "the lease ran out before the call")
        if outcome.verdict is Verdict.PARK:
            whole_bot = self.pace.parked(chat, outcome.retry_after)
            log.warning(
                "Telegram asks for a pause",
                extra={"action": "parked", "whole_bot": whole_bot, "seconds": outcome.retry_after},
            )
        self._done.append(claims.Sent(message, outcome))
        self._flying.pop(chat, None)
        self.bell.set()

    async def _call(self, message: OutboundMessage, method: str, params: dict[str, Any]) -> Outcome:
        try:
            return await bring(self.telegram, message, method, params)
        except Exception as error:  # a bug of ours must not lose the row in hand
            log.exception("a call broke", extra={"action": "call_broke", "method": method})
            return Outcome(Verdict.UNKNOWN, f"{type(error).__name__}: {error}")


async def bring(telegram: Telegram, message: OutboundMessage, method: str, params: dict[str, Any]) -> Outcome:
    """One call; for the synthetic buyer we are Telegram."""
    if is_synthetic(message.chat):
        return Outcome(Verdict.SENT, result={"message_id": 1})
    return await telegram.try_call(method, params)


def shop_telegram(base_urls: list[str]) -> Telegram:
    """The shop bot with the token in force."""
    return Telegram(credential("TELEGRAM_BOT_TOKEN"), base_urls)
