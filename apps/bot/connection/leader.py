"""The Telegram process: one leader sends and receives; every one of them runs the clock."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection

from apps.base.credentials import adopt_environment, copy_tokens, credential
from apps.base.db_threads import in_thread
from apps.base.incidents import run_alerts
from apps.base.work import leases
from apps.base.work.clock_thread import run_clock
from apps.base.work.enqueue import OUTBOX_CHANNEL
from apps.bot.api.client import Telegram
from apps.bot.connection.command_menu import keep_telling_menus
from apps.bot.connection.failover import Failover
from apps.bot.connection.replace_bot import note_bot
from apps.bot.outbound.claims import LeaseLost
from apps.bot.outbound.sender import Sender, shop_telegram
from apps.bot.staff.owner_bot import OwnerBot, own_api, own_token
from host.files import boot_id
from host.heartbeats import beat, leave

log = logging.getLogger(__name__)

RENEW = 3.0
MARGIN = 2.0  # seconds before the lease's end after which nothing is sent any more
BEAT = 5.0
WORKED = 15.0  # seconds since sender and lease last got through, within which the leader counts as alive
COPY = 20.0  # seconds between two looks whether a token was rotated


class BotProcess:
    """Everything `runbot` does."""

    def __init__(self) -> None:
        self.host = socket.gethostname()
        self.holder = f"{self.host}:{os.getpid()}"
        self.stopping = threading.Event()
        self.held: leases.Held | None = None
        self._good_until = 0.0
        self._beaten = 0.0
        self._renewed_at = time.monotonic()
        self._lock_file: Any = None

    def run(self) -> None:
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, lambda *_: self.stopping.set())
        threading.Thread(target=run_clock, args=(self.stopping,), name="clock", daemon=True).start()
        threading.Thread(target=run_alerts, args=(self.stopping,), name="alerts", daemon=True).start()
        asyncio.run(self._main())

    async def _main(self) -> None:
        copying = asyncio.create_task(
            keep_copying_tokens()
        )  # on a standby host as well: its watch must be able to tell
        while not self.stopping.is_set() and not await in_thread(self._try_lead):
            self._beat()
            await asyncio.sleep(1)
        if self.held is None:
            leave("bot")
            copying.cancel()
            return
        await in_thread(adopt_environment)  # what changed in the settings since the last start
        telegram = await in_thread(lambda: shop_telegram(settings.TELEGRAM_API_URLS))
        await in_thread(note_bot)
        sender = Sender(telegram, epoch=self.held.epoch, rate=settings.TELEGRAM_RATE, may_send=self._may_send)
        jobs: list[Coroutine[Any, Any, None]] = [
            sender.run(), Failover(telegram).run(), listen(sender), self._pulse(sender),
        ]  # fmt: skip
        owner_token = await in_thread(own_token)
        jobs.append(self._renew((telegram.token, owner_token)))
        if owner_token:
            jobs.append(OwnerBot(Telegram(owner_token, own_api())).run())
        tasks = [asyncio.create_task(job) for job in jobs]
        menus = asyncio.create_task(keep_telling_menus(telegram))
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        failure = next((task.exception() for task in finished if task.exception()), None)
        sender.stop()
        with suppress(Exception):
            await asyncio.wait_for(tasks[0], 2)
        for task in (*tasks[1:], menus):
            task.cancel()
        if failure is not None:
            log.error(
                "the leader ends", extra={"action": "leader_ends", "error": f"{type(failure).__name__}: {failure}"}
            )
            os._exit(1)  # threads may hang in the database: the supervisor starts a clean process
        leave("bot")
        await in_thread(lambda: leases.give_back(self.held) if self.held else None)
        os._exit(0)

    def _may_send(self) -> bool:
        return time.monotonic() < self._good_until

    def _try_lead(self) -> bool:
        """Take the lease; a file lock proves that no other process of this host leads."""
        try:
            asked = time.monotonic()
            self.held = leases.take_lease("bot", holder=self.holder, host=self._place(), alone_on_host=self._alone())
            self._good_until = asked + leases.SECONDS - MARGIN
            self._renewed_at = asked
        except DatabaseError:
            connection.close()
        return self.held is not None

    def _place(self) -> str:
        """This machine since it was switched on, and the folder: a server copied from another has its name too."""
        return f"{boot_id()}:{settings.SHOP_FOLDER}"[-120:]

    def _alone(self) -> bool:
        if self._lock_file is None:
            path = settings.SHOP_FOLDER / "run" / "bot.lock"
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = path.open("a")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.close()
                return False
            self._lock_file = handle
        return True

    async def _renew(self, tokens: tuple[str, str]) -> None:
        """Keep the lease; ends when told to stop, when a bot's token was rotated, or by LeaseLost."""
        if (held := self.held) is None:
            raise LeaseLost
        while not self.stopping.is_set():
            asked = time.monotonic()
            try:
                if not await in_thread(lambda: leases.renew_lease(held)):
                    raise LeaseLost
                self._good_until = asked + leases.SECONDS - MARGIN
                self._renewed_at = time.monotonic()
                if await in_thread(lambda: (credential("TELEGRAM_BOT_TOKEN"), own_token())) != tokens:
                    return
            except OperationalError:
                log.warning("the leader waits for the database", extra={"action": "leader_waits"})
            if time.monotonic() > self._good_until + MARGIN:
                raise LeaseLost
            for _ in range(int(RENEW / 0.1)):
                if self.stopping.is_set():
                    return
                await asyncio.sleep(0.1)

    async def _pulse(self, sender: Sender) -> None:
        """The sign of life is work that was done: a loop that hangs goes silent, and so does a leader whose sender or
        lease waits for a database that never answers."""
        while True:
            if time.monotonic() - min(sender.worked_at, self._renewed_at) < WORKED:
                self._beat()
            await asyncio.sleep(BEAT)

    def _beat(self) -> None:
        if time.monotonic() - self._beaten >= BEAT - 0.1:
            self._beaten = time.monotonic()
            beat("bot")


async def keep_copying_tokens() -> None:
    """For `watch`, which must be able to tell people when the database is gone."""
    while True:
        try:
            await in_thread(copy_tokens)
        except Exception:  # noqa: BLE001 - whatever it was, the copy that is there stays good
            log.warning("the tokens could not be copied for watch", extra={"action": "tokens_not_copied"})
        await asyncio.sleep(COPY)


async def listen(sender: Sender) -> None:
    """Wake the sender at each NOTIFY; without a connection its own poll goes on."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**listening_params()) as wire:
                await wire.execute(f"LISTEN {OUTBOX_CHANNEL}")
                sender.bell.set()
                async for _ in wire.notifies():
                    sender.bell.set()
        except psycopg.Error:
            await asyncio.sleep(0.5)


def listening_params() -> dict[str, Any]:
    """Connection parameters of the shop's database for a connection that only listens."""
    database = settings.DATABASES["default"]
    known = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }  # nosec B105: names of settings
    found = {name: database[key] for name, key in known.items() if database.get(key)}
    return {**found, "autocommit": True}
