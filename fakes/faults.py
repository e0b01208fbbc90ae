"""What can be made to go wrong, by name. Switches of the sandbox page and of the tests."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Faults:
    """All off. Delays in milliseconds."""

    telegram_delay: int = 0
    telegram_down: bool = False  # connections are cut before anything happens
    telegram_cut: float = 0.0  # share of calls that are carried out and then cut: the caller cannot know
    telegram_500: bool = False
    telegram_codes: bool = False  # refusals are told as CODES_WITH_UNDERSCORES, as some of the real ones are
    telegram_refuses: str = ""  # every message whose text holds this is refused, as one that only Telegram dislikes
    telegram_429: int = 0  # next calls refused
    webhook_unreachable: bool = False  # Telegram alone does not reach the shop, as behind a firewall
    gateway_delay: int = 0
    gateway_down: bool = False
    gateway_refuses_key: bool = False
    webhook_lost: bool = False
    webhook_copies: int = 1
    webhook_delay: int = 0
    status_amount: int = 0  # added to the amount that a status call tells
    status_flips_sandbox: bool = False
    clock_ahead: int = 0  # seconds that the fakes' clock is ahead, together with the shop's own

    def change(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if name in self.as_dict():
                setattr(self, name, type(getattr(self, name))(value))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    async def wait(self, milliseconds: int) -> None:
        if milliseconds:
            await asyncio.sleep(milliseconds / 1000)

    def now(self) -> float:
        """Seconds since 1970 as the fakes see it."""
        return time.time() + self.clock_ahead

    def cuts(self) -> bool:
        return self.telegram_cut > 0 and random.random() < self.telegram_cut  # noqa: S311  # nosec B311
