"""`watch` starts without Django (manage.py); this entry gives it its `--help` and a line in the list."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from host.watchdog.main import main


class Command(BaseCommand):
    help = "Watch the heartbeats and end what hangs, until stopped. Example: manage.py watch"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(main())
