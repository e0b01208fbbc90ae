"""Calls to Telegram: python-telegram-bot's Bot on one long-lived loop, its errors turned into values."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from telegram import Bot, InputFile
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, RetryAfter, TelegramError

from apps.bot.api.transport import NOT_SENT, AiohttpRequest

READ_SECONDS = 30.0
FILE_SECONDS = 60.0
CONNECT_SECONDS = 5.0
CONNECTIONS = 128
UNKNOWN_CHAT = "chat not found"
MUTE = 30.0  # seconds without any answer after which an address that can be reached gives way too


class Verdict(StrEnum):
    """What a call's end means for the message."""

    SENT = "sent"
    NOT_SENT = "not sent"  # never left: try again, next base URL
    UNKNOWN = "unknown"  # may have arrived
    PARK = "park"  # 429: wait `retry_after`
    BLOCKED = "blocked"  # 403
    REVOKED = "revoked"  # 401: the token is dead
    DONE = "done"  # the edit was there already, or its time is over
    ANEW = "anew"  # the message to edit is gone: send it as a new one
    PLAINER = "plainer"  # Telegram does not take it like this: it has plainer forms
    REFUSED = "refused"  # dead letter
    MOVED = "moved"  # the group has another id now: `result`


@dataclass(frozen=True)
class Outcome:
    """An outside error is a value: what it means, in whose words, how long to wait (seconds)."""

    verdict: Verdict
    said: str = ""
    retry_after: float = 0.0
    result: Any = None


class ShopBot(Bot):
    """A Bot that calls any method by name; it asks nothing of Telegram before the first call."""

    async def call(self, method: str, params: dict[str, Any], *, read_timeout: float = READ_SECONDS) -> Any:
        """The raw result. Raises telegram.error.TelegramError."""
        return await self._post(method, params, read_timeout=read_timeout)


def make_bot(token: str, base_url: str) -> ShopBot:
    """A Bot for one base URL, with room for many sends in flight."""

    def request() -> AiohttpRequest:
        return AiohttpRequest(
            connections=CONNECTIONS, connect=CONNECT_SECONDS, read=READ_SECONDS, read_files=FILE_SECONDS
        )

    return ShopBot(
        token, base_url=f"{base_url}/bot", base_file_url=f"{base_url}/file/bot", request=request(),
        get_updates_request=request(),
    )  # fmt: skip


class Telegram:
    """The shop bot over one or more base URLs, tried in order; a URL that cannot be reached gives way to the next, and
    so does one that has answered nothing for a while. What may have arrived is never sent again here: only later calls
    go another way."""

    def __init__(self, token: str, base_urls: list[str]) -> None:
        self.token = token
        self._bots = [make_bot(token, url) for url in base_urls]
        self._turn = 0
        self._silent_since: float | None = None

    def silent_for(self) -> float:
        """Seconds since the first call that got no answer, on the monotonic clock; 0 while Telegram answers, be it with
        a no.
        """
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since

    def _heard(self, verdict: Verdict) -> None:
        if verdict not in (Verdict.NOT_SENT, Verdict.UNKNOWN):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = time.monotonic()

    async def call(self, method: str, params: dict[str, Any], *, read_timeout: float = READ_SECONDS) -> Any:
        """The raw result. Raises TelegramError; a URL gives way once, however many calls failed."""
        turn = self._turn
        try:
            result = await self._bots[turn % len(self._bots)].call(method, params, read_timeout=read_timeout)
        except TelegramError as error:
            verdict = judge(error).verdict
            self._heard(verdict)
            mute = verdict is Verdict.UNKNOWN and self.silent_for() >= MUTE
            if self._turn == turn and (mute or verdict is Verdict.NOT_SENT):
                self._turn += 1
            raise
        self._heard(Verdict.SENT)
        return result

    async def try_call(self, method: str, params: dict[str, Any], *, read_timeout: float = READ_SECONDS) -> Outcome:
        """Call once; the outcome says how it ended and never raises for what Telegram or the network did."""
        try:
            return Outcome(Verdict.SENT, result=await self.call(method, params, read_timeout=read_timeout))
        except TelegramError as error:
            return judge(error)

    async def close(self) -> None:
        for bot in self._bots:
            await asyncio.gather(*(request.shutdown() for request in bot._request))


def file_of(content: bytes, name: str) -> InputFile:
    """Bytes as a multipart file."""
    return InputFile(content, filename=name)


# Telegram says the same in words (`message is not modified`) and in codes (`MESSAGE_NOT_MODIFIED`); both are read as
# words
DONE_TEXT = re.compile(
    r"not modified|query (?:is )?too old|query id (?:is )?invalid|message to delete not found|can't be deleted|delete"
    r" forbidden"
)
ANEW_TEXT = re.compile(
    r"message to edit not found|message id (?:is )?invalid|message not found|can't be edited|edit time expired"
    r"|no text in the message|no caption in the message"
)
BLOCKED_TEXT = re.compile(
    r"user is blocked|user is deactivated|user deactivated|bot was blocked|peer id invalid|bot was kicked"
)


def judge(error: TelegramError) -> Outcome:
    """Sort an error by its cause (telegram.md): the library folds opposite outcomes into one class."""
    said = error.message[:200]
    words = said.lower().replace("_", " ")
    cause = error.__cause__
    if isinstance(error, RetryAfter):
        wait = error.retry_after
        seconds = wait.total_seconds() if hasattr(wait, "total_seconds") else float(wait)
        return Outcome(Verdict.PARK, said, retry_after=seconds)
    if isinstance(cause, NOT_SENT):
        return Outcome(Verdict.NOT_SENT, said)
    if isinstance(error, Forbidden):
        return Outcome(Verdict.BLOCKED, said)
    if isinstance(error, InvalidToken):
        return Outcome(Verdict.REVOKED, said)
    if isinstance(error, ChatMigrated):
        return Outcome(Verdict.MOVED, said, result=error.new_chat_id)
    if isinstance(error, BadRequest):
        for pattern, verdict in ((DONE_TEXT, Verdict.DONE), (ANEW_TEXT, Verdict.ANEW), (BLOCKED_TEXT, Verdict.BLOCKED)):
            if pattern.search(words):
                return Outcome(verdict, said)
        return Outcome(Verdict.REFUSED if UNKNOWN_CHAT in words else Verdict.PLAINER, said)
    if isinstance(error, Conflict):
        return Outcome(Verdict.REFUSED, said)
    return Outcome(Verdict.UNKNOWN, said)  # timeouts after sending, 5xx, broken answers


def message_id_of(result: Any) -> int | None:
    """Telegram's id of the message just sent, when the method returns one."""
    value = result.get("message_id") if isinstance(result, dict) else None
    return value if isinstance(value, int) else None


def biggest_photo(result: Any) -> str:
    """file_id of the largest size of a photo just sent; empty when there is none."""
    sizes = result.get("photo") if isinstance(result, dict) else None
    return str(sizes[-1]["file_id"]) if sizes else ""


def as_params(payload: dict[str, Any]) -> dict[str, Any]:
    """Nested values as JSON text, as the Bot API wants them in a form."""
    return {k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for k, v in payload.items()}
