"""Brings updates to the webhook as Telegram does: in order for each chat, again with growing delay until a 2xx."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import aiohttp
from aiohttp.resolver import ThreadedResolver

from fakes.faults import Faults
from fakes.rate_limits import Answer
from fakes.telegram import FakeTelegram

CONNECTIONS = 40
FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0


class Addresses(ThreadedResolver):
    """Brings to the address that setWebhook named, whatever the name says: as Telegram does."""

    def __init__(self, telegram: FakeTelegram) -> None:
        super().__init__()
        self.telegram = telegram

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
        return await super().resolve(self.telegram.webhook.get("ip") or host, port, family)


class Courier:
    """One task for each chat with something to bring."""

    def __init__(self, telegram: FakeTelegram, faults: Faults) -> None:
        self.telegram, self.faults = telegram, faults
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._gate = asyncio.Semaphore(CONNECTIONS)

    async def run(self) -> None:
        connector = aiohttp.TCPConnector(resolver=Addresses(self.telegram), use_dns_cache=False)
        timeout = aiohttp.ClientTimeout(total=60, connect=5)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            while True:
                if self.telegram.webhook["url"]:
                    for chat in list(self.telegram.queues):
                        if chat not in self._busy:
                            self._busy[chat] = asyncio.create_task(self._serve(session, chat))
                async with self.telegram.changed:
                    try:
                        await asyncio.wait_for(self.telegram.changed.wait(), 0.5)
                    except TimeoutError:
                        pass

    async def _serve(self, session: aiohttp.ClientSession, chat: int) -> None:
        wait = FIRST_WAIT
        try:
            while self.telegram.webhook["url"]:
                update = next(iter(self.telegram.queues.get(chat, {}).values()), None)
                if update is None:
                    return
                if not self.faults.webhook_unreachable and await self._bring(session, update):
                    self.telegram.confirm(update["update_id"])
                    wait = FIRST_WAIT
                else:
                    self.telegram.failed_at = time.time()
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, LONGEST_WAIT)
        finally:
            self._busy.pop(chat, None)

    async def _bring(self, session: aiohttp.ClientSession, update: dict[str, Any]) -> bool:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.telegram.webhook.get("secret", "")}
        try:
            async with self._gate, session.post(self.telegram.webhook["url"], json=update, headers=headers) as answer:
                if not 200 <= answer.status < 300:
                    return False
                reply = await answer.json(content_type=None) if answer.content_length else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
        if isinstance(reply, dict) and "method" in reply:
            try:
                self.telegram.call(reply.pop("method"), reply)
            except Answer:
                pass
        return True
