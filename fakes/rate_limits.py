"""How fast the fake Telegram lets a bot send, and how it refuses."""

from __future__ import annotations

import time
from typing import Any


class Answer(Exception):
    """A refusal as Telegram words it."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


class Limits:
    """`rate` messages a second for the bot, one a second to a chat, with the tolerance for bursts Telegram shows."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._bot = (rate, time.monotonic())
        self._chats: dict[int, tuple[float, float]] = {}

    def check(self, chat_id: int) -> None:
        scale = max(1.0, self.rate / 30)
        now = time.monotonic()
        bot = self._level(self._bot, self.rate * 1.1, self.rate * 1.5, now)
        chat = self._level(self._chats.get(chat_id, (6 * scale, now)), 1.2 * scale, 6 * scale, now)
        if bot < 1 or chat < 1:
            raise Answer(429, "Too Many Requests: retry after 1", retry_after=1)
        self._bot, self._chats[chat_id] = (bot - 1, now), (chat - 1, now)

    def _level(self, held: tuple[float, float], rate: float, size: float, now: float) -> float:
        return min(size, held[0] + (now - held[1]) * rate)
