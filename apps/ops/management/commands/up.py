"""`up` starts without Django (manage.py); this entry gives it its `--help` and a line in the list."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from host.up import main


class Command(BaseCommand):
    help = "Start every process of the shop under a supervisor; what `make run` calls. Example: PORT=8010 manage.py up"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(main())
