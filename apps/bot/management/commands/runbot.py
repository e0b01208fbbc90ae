"""`runbot`: the Telegram process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.base.work.preload import loaded
from apps.bot.connection.leader import BotProcess


class Command(BaseCommand):
    help = "Run the Telegram process (sender, poller, failover, clock) until stopped. Example: manage.py runbot"

    requires_system_checks: list[str] = []  # `prepare` checks; loading every page would cost memory here

    def handle(self, *args: Any, **options: Any) -> None:
        loaded()
        BotProcess().run()
