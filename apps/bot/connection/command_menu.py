"""The menu of commands that Telegram shows beside the text field, told at each start from the router's own map.

Bot API, setMyCommands: at most 100 commands; a word of 1-32 lower-case letters, digits and underscores, a description
of 1-256 characters; the menu without a language is for everybody whose language has none of its own."""

from __future__ import annotations

import asyncio
import json
import logging

from django.conf import settings
from django.utils.translation import override

from apps.bot.api.client import Telegram, Verdict
from apps.bot.dialogue.router import all_routes

log = logging.getLogger(__name__)

AGAIN = 60.0  # seconds after a menu that Telegram did not take; twice as long each time
LONGEST = 3600.0


def menu_of(language: str) -> list[dict[str, str]]:
    """What the menu of one language holds, in the order of the map."""
    with override(language):
        return [
            {"command": word, "description": str(command.about)}
            for word, command in all_routes().commands.items()
            if command.language in ("", language)
        ]


async def tell_menus(telegram: Telegram) -> bool:
    """Tell Telegram the shop's own language first, for everybody, then each language. False when one was not taken."""
    menus = {"": menu_of(settings.LANGUAGE_CODE), **{code: menu_of(code) for code, _ in settings.LANGUAGES}}
    for code, menu in menus.items():
        told = await telegram.try_call("setMyCommands", {"commands": json.dumps(menu), "language_code": code})
        if told.verdict is not Verdict.SENT:
            log.warning("the menu was not taken", extra={"action": "menu_not_taken", "verdict": told.verdict})
            return False
    return True


async def keep_telling_menus(telegram: Telegram) -> None:
    """Until they are taken: a menu is worth no alert, but a new bot must get one."""
    pause = AGAIN
    while not await tell_menus(telegram):
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST)
