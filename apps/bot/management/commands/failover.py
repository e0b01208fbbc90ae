"""`failover mode|ip|bot`: which way updates come in, to which address, by which bot."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable
from getpass import getpass
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.base.commands import ShopCommand, UsedWrongly
from apps.base.credentials import credential, rotate
from apps.bot.api.client import Telegram, Verdict
from apps.bot.connection.failover import MODE, mode_now, move_webhook, wanted_mode, webhook_now
from apps.bot.connection.replace_bot import bot_now, change_bot
from apps.bot.outbound.outbox import bot_id

TOKEN = re.compile(r"\d{5,}:[A-Za-z0-9_-]{5,}")
PATIENCE = 40.0  # seconds for a leader to hear of it and switch


class Command(ShopCommand):
    help = (
        "Switch the way Telegram's updates come in, while the shop runs; nothing is lost on the way. `mode`: webhook,"
        " polling, or as the shop chooses (webhook while PUBLIC_URL leads here, else polling); without one it says how"
        " it is. `ip`: after a move to another server or proxy, have Telegram send to this address at once instead of"
        " the one it keeps for half an hour; `dns` leaves it to the name again. `bot`: another bot in place of a banned"
        " one, with the same buyers and orders; its token is asked for, or read from standard input."
    )
    example = (
        "manage.py failover mode polling · manage.py failover ip 203.0.113.7 · and back: manage.py failover ip dns"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        mode = what.add_parser("mode", help="webhook, polling or auto")
        mode.add_argument("mode", nargs="?", choices=["auto", "webhook", "polling"])
        ip = what.add_parser("ip", help="the address Telegram sends to, or dns")
        ip.add_argument("address", metavar="ADDRESS")
        what.add_parser("bot", help="another bot; asks for its token")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "ip":
            self._move(options["address"])
        elif options["what"] == "bot":
            self._change_bot()
        else:
            self._switch(options["mode"])

    def _move(self, address: str) -> None:
        """New address, new secret; the leader sets the webhook again."""
        if address != "dns":
            refuse_bad_address(address)
        if not settings.PUBLIC_URL:
            raise UsedWrongly("There is no webhook to move: PUBLIC_URL is not set, updates come by polling.")
        wanted = move_webhook("" if address == "dns" else address, actor="manage.py")
        if mode_now() != "webhook":
            self.stdout.write(f"kept for later: updates come in by {mode_now() or 'nothing yet'} now")
            return
        seconds = self._wait(lambda: webhook_now() == wanted.mark())
        where = "to where the name leads" if address == "dns" else f"to {address}"
        self.stdout.write(f"Telegram sends {where} now ({seconds:.0f} s)")

    def _change_bot(self) -> None:
        """Ask Telegram who the token belongs to, put it in force, wait until the leader is that bot."""
        token = getpass("Token of the new bot, from @BotFather: ") if sys.stdin.isatty() else sys.stdin.readline()
        token = token.strip()
        if not TOKEN.fullmatch(token):
            raise UsedWrongly(
                "That is no bot token: it looks like 123456789:AAE…, from @BotFather. Nothing was changed."
            )
        number = int(token.partition(":")[0])
        if token == credential("TELEGRAM_BOT_TOKEN"):
            raise UsedWrongly("That is the bot the shop uses already. Nothing was changed.")
        username = asyncio.run(name_of_bot(token, number))
        if number == bot_id():  # revoked at @BotFather: everybody has met this bot, and its messages stay its own
            rotate("TELEGRAM_BOT_TOKEN", token, actor="manage.py")
            self.stdout.write(f"@{username} goes on with its new token; buyers notice nothing")
            return
        change_bot(token, username, actor="manage.py")
        seconds = self._wait(lambda: bot_now() == number)
        self.stdout.write(f"the shop is @{username} now ({seconds:.0f} s); buyers meet it at https://t.me/{username}")

    def _switch(self, mode: str | None) -> None:
        if mode is None:
            self.stdout.write(f"updates come in by {mode_now() or 'nothing yet'}; wanted is {wanted_mode()}")
            return
        if mode == "webhook" and not settings.PUBLIC_URL:
            raise UsedWrongly("A webhook needs an address: set PUBLIC_URL=https://… first. Nothing was changed.")
        MODE.set(mode, actor="manage.py")
        if mode == "auto":
            self.stdout.write(f"the shop chooses; updates come in by {mode_now() or 'nothing yet'} now")
            return
        seconds = self._wait(lambda: mode_now() == mode)
        self.stdout.write(f"updates come in by {mode} now ({seconds:.0f} s)")

    def _wait(self, done: Callable[[], bool]) -> float:
        """Seconds until the leader says that it is so. Raises CommandError when none does."""
        started = time.monotonic()
        while not done():
            if time.monotonic() - started > PATIENCE:
                raise CommandError(
                    f"The wish is stored, but after {PATIENCE:.0f} s nobody has switched: is the shop running?"
                    " manage.py health"
                )
            time.sleep(0.5)
        return time.monotonic() - started


async def name_of_bot(token: str, number: int) -> str:
    """The bot's username, as Telegram tells it. Raises UsedWrongly or CommandError; nothing was changed then."""
    telegram = Telegram(token, settings.TELEGRAM_API_URLS)
    try:
        outcome = await telegram.try_call("getMe", {})
    finally:
        await telegram.close()
    if outcome.verdict is Verdict.REVOKED:
        raise UsedWrongly("Telegram does not know this token: copy it again from @BotFather. Nothing was changed.")
    if outcome.verdict is not Verdict.SENT or outcome.result.get("id") != number:
        raise CommandError(
            f"Telegram did not say who this bot is ({outcome.said or 'another id'}). Nothing was changed."
        )
    return str(outcome.result.get("username", number))


def refuse_bad_address(text: str) -> None:
    """Telegram can only send to an address that the internet knows."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise UsedWrongly(f"{text} is no IP address: write it like 203.0.113.7, or dns.") from error
    if not settings.SANDBOX and not address.is_global:
        raise UsedWrongly(f"{text} cannot be reached from the internet: give the server's or proxy's public address.")
