"""`checkinvariants`: proves the books."""

from __future__ import annotations

import itertools
import json
from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand
from apps.base.invariants import EVERYTHING, FIRST, REGISTRY, page_of


class Command(ShopCommand):
    help = "Check every invariant. Exit 1 when a truth is broken; with --fresh also when something is late."
    example = "manage.py checkinvariants --json"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        parser.add_argument("--fresh", action="store_true", help="what is late counts as wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        results: list[dict[str, Any]] = []
        for invariant in self.progress(REGISTRY, "invariants"):
            broken = iter(invariant.broken(EVERYTHING))
            first = list(itertools.islice(broken, FIRST))
            results.append(
                {
                    "name": invariant.name,
                    "says": invariant.says,
                    "kind": "truth" if invariant.is_truth else "freshness",
                    "violations": len(first) + sum(1 for _ in broken),
                    "first": first,
                }
            )
        wrong = [r for r in results if r["violations"] and (r["kind"] == "truth" or options["fresh"])]
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not wrong, "invariants": results}))
        else:
            for r in results:
                light = "ok" if not r["violations"] else f"{r['violations']} violations, first: {', '.join(r['first'])}"
                self.stdout.write(f"{r['name']:<16} {r['says']}: {light}")
            for r in results:
                if r["violations"]:
                    self.stdout.write(f"What to do about {r['name']!r}: {page_of(r['name'])}")
        if wrong:
            raise SystemExit(1)
