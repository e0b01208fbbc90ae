"""How fast the shop may speak: one bucket for the bot, one for each chat. Seconds are monotonic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

CHAT_RATE = 1.0  # messages per second to one chat
CHAT_BURST = 4.0
GROUP_RATE = 20 / 60  # messages per second to one group
BROADCAST_LEAVES = 3  # tokens that broadcasts must leave for goods


class Bucket:
    """Tokens that come back at `rate` a second, up to `size`."""

    def __init__(self, rate: float, size: float, *, full: bool, now: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.size, self._now = rate, size, now
        self._tokens = size if full else 0.0
        self._at = now()
        self._parked_until = 0.0

    def level(self) -> float:
        """Tokens there now; 0 while parked."""
        now = self._now()
        self._tokens = min(self.size, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = max(now, self._at)
        return 0.0 if now < self._parked_until else self._tokens

    def take(self) -> None:
        self.level()
        self._tokens -= 1.0

    def park(self, seconds: float) -> None:
        """Telegram said 429: nothing for so long, and then start empty."""
        self._parked_until = max(self._parked_until, self._now() + seconds)
        self._tokens = 0.0
        self._at = max(self._at, self._parked_until)


class Pace:
    """The bot's bucket and those of the chats spoken to lately."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._scale = max(1.0, rate / 30)  # a test server that allows more for the bot allows more for a chat
        self.bot = Bucket(rate, rate, full=False, now=now)  # empty after a takeover
        self._chats: dict[str, Bucket] = {}
        self._limited: dict[str, float] = {}

    def chat(self, chat_id: str, *, group: bool = False) -> Bucket:
        if chat_id not in self._chats:
            rate = GROUP_RATE if group else CHAT_RATE * self._scale
            self._chats[chat_id] = Bucket(rate, CHAT_BURST * (1 if group else self._scale), full=True, now=self._now)
        return self._chats[chat_id]

    def silent_chats(self) -> list[str]:
        """Chats that may get nothing now."""
        return [chat_id for chat_id, bucket in self._chats.items() if bucket.level() < 1.0]

    def parked(self, chat_id: str, seconds: float) -> bool:
        """A 429 for this chat. The second chat within five seconds means the whole bot: True when it was parked."""
        now = self._now()
        self._limited = {c: at for c, at in self._limited.items() if now - at < 5.0}
        self._limited[chat_id] = now
        self.chat(chat_id).park(seconds)
        if len(self._limited) > 1:
            self.bot.park(seconds)
            return True
        return False

    def forget(self, busy: Iterable[str]) -> None:
        """Drop buckets that are full and idle, so that memory follows the living chats only."""
        keep = set(busy)
        self._chats = {c: b for c, b in self._chats.items() if c in keep or b.level() < b.size}
