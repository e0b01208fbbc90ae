"""`drawdialogue`: the router's map as a drawing."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand
from apps.bot.diagram import FILE, draw


class Command(ShopCommand):
    help = "Draw what the bot answers to (Mermaid) from the router's map. With --write into apps/bot/map.mmd."
    example = "manage.py drawdialogue --write"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write the file instead of printing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            FILE.write_text(draw())
        else:
            self.stdout.write(draw(), ending="")
