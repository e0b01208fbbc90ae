"""The owner bot: a bot of its own (OWNER_BOT_TOKEN) that alerts come by. Its buttons are heard here, by the leader.

It stands apart from the shop's bot: another token, perhaps another API, no outbox. What staff press under an alert is
answered at once; everything else it is told is greeted or left."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override
from telegram.error import Conflict

from apps.base.credentials import credential
from apps.base.db_threads import in_thread
from apps.bot.api.client import Telegram
from apps.bot.dialogue.screens import Screen
from apps.bot.inbound.poller import number_of
from apps.bot.staff.buttons import is_staff_id, press_incident

log = logging.getLogger(__name__)

LONG_POLL = 25  # seconds
AGAIN = 5.0  # seconds after a failed call
ALLOWED = '["message","callback_query"]'


def own_token() -> str:
    """The owner bot's token; empty when alerts go by the shop's bot."""
    token = credential("OWNER_BOT_TOKEN")
    return "" if token == credential("TELEGRAM_BOT_TOKEN") else token


def own_api() -> list[str]:
    return settings.OWNER_API_URLS or settings.TELEGRAM_API_URLS


class OwnerBot:
    """Hears what staff press. Ends when there is no owner bot."""

    def __init__(self, telegram: Telegram) -> None:
        self.telegram = telegram
        self._offset = 0

    async def run(self) -> None:
        while True:
            try:
                await self.round()
            except Conflict:  # it had a webhook once, or another program listens to it
                await self.telegram.try_call("deleteWebhook", {"drop_pending_updates": False})
                await asyncio.sleep(AGAIN)
            except Exception as error:  # noqa: BLE001 - whatever ails the owner bot, the shop's bot goes on
                log.warning("the owner bot waits", extra={"action": "owner_bot", "error": type(error).__name__})
                await asyncio.sleep(AGAIN)

    async def round(self) -> None:
        params = {"offset": self._offset, "timeout": LONG_POLL, "allowed_updates": ALLOWED}
        for update in await self.telegram.call("getUpdates", params, read_timeout=LONG_POLL + 10.0):
            self._offset = max(self._offset, number_of(update) + 1)
            try:
                await self.hear(update)
            except Exception:  # rubbish, or a database that restarts: the next press counts
                log.warning("the owner bot could not do it", extra={"action": "owner_bot_failed"}, exc_info=True)

    async def hear(self, update: dict[str, Any]) -> None:
        """Rights belong to numeric ids in private chats; everybody else hears nothing."""
        if query := update.get("callback_query"):
            await self._pressed(query)
        elif message := update.get("message"):
            chat = message["chat"]
            if chat.get("type") == "private" and is_staff_id(int(chat["id"])):
                with override(settings.LANGUAGE_CODE):
                    said = _("Bot ini membawa kabar toko. Tidak ada yang perlu ditulis di sini.")
                await self.telegram.try_call("sendMessage", {"chat_id": chat["id"], "text": said})

    async def _pressed(self, query: dict[str, Any]) -> None:
        user, message = int(query["from"]["id"]), query.get("message") or {}
        _kind, verb, pk = ([*str(query.get("data", "")).split(":"), "", ""])[:3]
        said, screen = await in_thread(lambda: press(user, verb, pk))
        await self.telegram.try_call("answerCallbackQuery", {"callback_query_id": query["id"], "text": said})
        if screen is not None and message:
            markup = json.dumps(screen.keyboard().get("reply_markup", {"inline_keyboard": []}))
            where = {"chat_id": message["chat"]["id"], "message_id": message["message_id"]}
            await self.telegram.try_call("editMessageReplyMarkup", {**where, "reply_markup": markup})


def press(user: int, verb: str, pk: str) -> tuple[str, Screen | None]:
    """What staff pressed under an alert of the owner bot."""
    try:
        row = UUID(pk)
    except ValueError:
        row = UUID(int=0)
    return press_incident(verb, row, allowed=is_staff_id(user), actor="owner bot", language=settings.LANGUAGE_CODE)
