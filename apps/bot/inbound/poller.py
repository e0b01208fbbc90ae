"""Polling: the way in that needs no inbound path. Stores, then hands each chat to a small pool."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, connection
from telegram.error import Conflict, RetryAfter, TelegramError

from apps.bot.api.client import Telegram
from apps.bot.connection.token_conflict import Rival
from apps.bot.inbound import inbox
from apps.bot.inbound.incoming import NotAnUpdate
from apps.bot.outbound.outbox import bot_id

log = logging.getLogger(__name__)

ALLOWED = '["message","callback_query","my_chat_member"]'
LONG_POLL = 25  # seconds Telegram holds the call open
HANDLERS = 4


class Poller:
    """Runs while polling is the mode. An update counts as received only when its row is committed."""

    def __init__(self, telegram: Telegram, *, long_poll: int = LONG_POLL, rival: Rival | None = None) -> None:
        self.telegram = telegram
        self.rival = rival or Rival()
        self.long_poll = long_poll
        self._offset = 0
        self._store = ThreadPoolExecutor(1, thread_name_prefix="poller")
        self._handlers = ThreadPoolExecutor(HANDLERS, thread_name_prefix="chat")

    async def run(self) -> None:
        try:
            self._handle(await asyncio.get_running_loop().run_in_executor(self._store, left_behind))
        except Exception:  # the clock rings them in some seconds
            log.exception("what a poller before left could not be looked up", extra={"action": "poll_left_behind"})
        while True:
            try:
                await self._round()
            except Conflict as conflict:
                # a webhook: the failover finds and deletes it within a minute; a second poller: one of us wins each
                # call
                self.rival.note(conflict)
                log.warning("another getUpdates or a webhook is in the way", extra={"action": "poll_conflict"})
                await asyncio.sleep(3)
            except RetryAfter as wait:
                seconds = wait.retry_after
                await asyncio.sleep(seconds.total_seconds() if hasattr(seconds, "total_seconds") else seconds)
            except (TelegramError, DatabaseError) as error:
                log.warning("polling failed", extra={"action": "poll_failed", "error": str(error)[:200]})
                await asyncio.sleep(1)
            except Exception:
                log.exception("a round of polling broke", extra={"action": "poll_broke"})
                await asyncio.sleep(1)

    async def _round(self) -> None:
        params = {"offset": self._offset, "timeout": self.long_poll, "allowed_updates": ALLOWED}
        updates = await self.telegram.call("getUpdates", params, read_timeout=self.long_poll + 10.0)
        if not updates:
            return
        loop = asyncio.get_running_loop()
        chats = await loop.run_in_executor(self._store, store_all, updates)
        self._offset = max(map(number_of, updates)) + 1  # past everything, also what cannot be read
        self._handle(chats)

    def _handle(self, chats: list[Any]) -> None:
        for chat_id in chats:
            asyncio.get_running_loop().run_in_executor(self._handlers, handle_chat, chat_id)


def number_of(update: Any) -> int:
    """Its update_id; -1 for what is none."""
    found = update.get("update_id") if isinstance(update, dict) else None
    return found if isinstance(found, int) else -1


def left_behind() -> list[Any]:
    """Chats whose updates an earlier poller stored and did not live to handle: they need not wait for the clock."""
    try:
        return inbox.waiting_chats()
    except DatabaseError:
        connection.close()
        raise


def store_all(updates: list[dict[str, Any]]) -> list[Any]:
    """Keep every update for itself; returns the chats that have something to handle, in order, once each. Raises
    DatabaseError when the database is away, and for nothing that stands in an update."""
    chats: dict[Any, None] = {}
    try:
        for body in updates:
            try:
                stored = inbox.receive(bot_id(), body)
            except NotAnUpdate:
                log.warning("left out something that is no update", extra={"action": "not_an_update"})
                continue
            if stored is not None and stored.chat_id is not None:
                chats[stored.chat_id] = None
    except DatabaseError:
        connection.close()
        raise
    return list(chats)


def handle_chat(chat_id: Any) -> None:
    """Handle one chat in a pool thread; what breaks here is rung again by the clock."""
    try:
        inbox.handle_surely(chat_id, tries=6)
    except Exception:
        log.exception("handling broke off", extra={"action": "handle_failed"})
        connection.close()
