"""`observe` starts without Django (manage.py); this entry gives it its `--help` and a line in the list."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand
from host.observe import main


class Command(ShopCommand):
    help = "On a second machine: tell owner and operators when the shop's host stops answering, and when it is back."
    example = "manage.py observe https://toko.example"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", metavar="URL", help="the shop's address, as in PUBLIC_URL")

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(main([options["url"]]))
