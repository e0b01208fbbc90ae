"""`runbot`: the Telegram process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.bot.leader import BotProcess


class Command(BaseCommand):
    help = "Run the Telegram process (sender, poller, failover, clock) until stopped. Example: manage.py runbot"

    def handle(self, *args: Any, **options: Any) -> None:
        BotProcess().run()
