"""`failover mode`: which way updates come in."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.base.commands import ShopCommand, UsedWrongly
from apps.bot.failover import MODE, mode_now, wanted_mode

PATIENCE = 40.0  # seconds for a leader to hear of it and switch


class Command(ShopCommand):
    help = (
        "Switch the way Telegram's updates come in, while the shop runs; nothing is lost on the way. Without a mode: say "
        "how it is. `auto` lets the shop choose: webhook while PUBLIC_URL leads here, else polling."
    )
    example = "manage.py failover mode polling · and back: manage.py failover mode auto"

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        mode = what.add_parser("mode", help="webhook, polling or auto")
        mode.add_argument("mode", nargs="?", choices=["auto", "webhook", "polling"])

    def handle(self, *args: Any, **options: Any) -> None:
        mode = options["mode"]
        if mode is None:
            self.stdout.write(f"updates come in by {mode_now() or 'nothing yet'}; wanted is {wanted_mode()}")
            return
        if mode == "webhook" and not settings.PUBLIC_URL:
            raise UsedWrongly("A webhook needs an address: set PUBLIC_URL=https://… first. Nothing was changed.")
        MODE.set(mode, actor="manage.py")
        if mode == "auto":
            self.stdout.write(f"the shop chooses; updates come in by {mode_now() or 'nothing yet'} now")
            return
        self._wait(mode)

    def _wait(self, mode: str) -> None:
        """Until the leader says that it is so. Raises CommandError when none does."""
        started = time.monotonic()
        while mode_now() != mode:
            if time.monotonic() - started > PATIENCE:
                raise CommandError(
                    f"The wish is stored, but after {PATIENCE:.0f} s nobody has switched: is the shop running? manage.py health"
                )
            time.sleep(0.5)
        self.stdout.write(f"updates come in by {mode} now ({time.monotonic() - started:.0f} s)")
