"""`reconcile`: ask the gateways now about every payment without a final answer."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Q
from django.utils import timezone

from apps.base.commands import ShopCommand
from apps.base.ids import floor_of
from apps.orders.gateways.registry import gateway
from apps.orders.models import Payment
from apps.orders.services.status_check import Answer, ask


class Command(ShopCommand):
    help = (
        "Ask the gateways now about every payment without money, two a second: those still open, and those closed in"
        " the last days. Exit 1 when some did not answer."
    )
    example = "manage.py reconcile --days 30"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, default=7, help="how far back closed payments are asked about again (7)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lately = Q(pk__gte=floor_of(timezone.now() - timedelta(days=options["days"])))  # keys grow with time
        unpaid = Payment.objects.filter(Q(closed_at__isnull=True) | lately, received__isnull=True)
        rows = list(unpaid.exclude(transaction="").order_by("-id"))
        counts: Counter[str] = Counter()
        for row in self.progress(rows, "payments"):
            asked = ask(row)
            if asked.answer is Answer.TOO_SOON:
                time.sleep(asked.wait)
                asked = ask(row)
            counts[str(asked.answer)] += 1
            time.sleep(gateway(row.gateway).ask_gap)
        said = ", ".join(f"{count} {answer}" for answer, count in sorted(counts.items())) or "nothing to ask"
        self.stdout.write(f"payments asked about: {len(rows)} ({said})")
        if counts[str(Answer.NO_ANSWER)] or counts[str(Answer.STRANGE)]:
            raise SystemExit(1)
