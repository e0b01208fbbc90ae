"""`health`: for cron and for people; needs no web process."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand
from apps.base.health import examine


class Command(ShopCommand):
    help = (
        "Look at everything once. Exit 1 when something does not work; with --strict also when something needs a look."
    )
    example = "manage.py health · in cron: manage.py health --quiet || mail …"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        parser.add_argument("--quiet", action="store_true", help="say only what is not well")
        parser.add_argument("--strict", action="store_true", help="what needs a look counts as wrong too")

    def handle(self, *args: Any, **options: Any) -> None:
        found = examine()
        wrong = [f for f in found if f.level >= (1 if options["strict"] else 2)]
        if options["json"]:
            checks = {f.name: f.details() for f in found}
            self.stdout.write(json.dumps({"ok": not wrong, "checks": checks}))
        else:
            for f in found:
                if f.level or not options["quiet"]:
                    self.stdout.write(f"{f.word:<8} {f.name:<13} {f.says}".rstrip())
        if wrong:
            raise SystemExit(1)
