"""Telegram's menu of commands: told from the router's map, per language, until it is taken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.conf import settings

from apps.bot.api.client import Outcome, Telegram, Verdict
from apps.bot.connection import command_menu
from apps.bot.dialogue.router import all_routes
from tests.fakes import Fakes


def test_every_command_stands_in_a_menu_and_every_menu_is_understood() -> None:
    told = {code: [entry["command"] for entry in command_menu.menu_of(code)] for code, _ in settings.LANGUAGES}
    assert {word for menu in told.values() for word in menu} == set(all_routes().commands)
    assert told["id"] == ["start", "cari", "keranjang", "pesanan", "bahasa", "bantuan", "batal"]
    assert told["en"] == ["start", "cari", "keranjang", "orders", "language", "help", "cancel"]


def test_descriptions_are_in_their_language() -> None:
    by_language = {code: {e["command"]: e["description"] for e in command_menu.menu_of(code)} for code in ("id", "en")}
    assert (by_language["id"]["start"], by_language["en"]["start"]) == ("Buka toko", "Open the shop")
    assert (by_language["id"]["batal"], by_language["en"]["cancel"]) == (
        "Tinggalkan yang sedang diisi",
        "Leave what is being filled in",
    )


def test_telegram_takes_them(db: Any, fakes: Fakes) -> None:
    async def tell() -> bool:
        telegram = Telegram(settings.CREDENTIALS["TELEGRAM_BOT_TOKEN"], settings.TELEGRAM_API_URLS)
        try:
            return await command_menu.tell_menus(telegram)
        finally:
            await telegram.close()

    assert asyncio.run(tell())
    kept = fakes.world.telegram.commands
    assert set(kept) == {"", "id", "en"}
    assert kept[""] == kept["id"] == command_menu.menu_of("id")


def test_what_is_not_taken_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        asked = 0

        async def try_call(self, method: str, params: dict[str, str]) -> Outcome:
            self.asked += 1
            return Outcome(Verdict.NOT_SENT if self.asked < 3 else Verdict.SENT)

    monkeypatch.setattr(command_menu, "AGAIN", 0.0)
    telegram: Any = Deaf()
    asyncio.run(command_menu.keep_telling_menus(telegram))
    assert telegram.asked == 5, "twice in vain, then all three"
