"""`reconcile`: ask the gateways now about every payment without a final answer."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from apps.base.commands import ShopCommand
from apps.orders.gateways.lanes import ASK
from apps.orders.models import Payment
from apps.orders.services.asking import Answer, ask


class Command(ShopCommand):
    help = "Ask the gateways now about every payment without a final answer, two a second. Exit 1 when some did not answer."
    example = "manage.py reconcile"

    def handle(self, *args: Any, **options: Any) -> None:
        rows = list(Payment.objects.filter(closed_at__isnull=True).exclude(transaction="").order_by("-id"))
        counts: Counter[str] = Counter()
        for row in self.progress(rows, "payments"):
            asked = ask(row)
            if asked.answer is Answer.TOO_SOON:
                time.sleep(asked.wait)
                asked = ask(row)
            counts[str(asked.answer)] += 1
            time.sleep(ASK)
        said = ", ".join(f"{count} {answer}" for answer, count in sorted(counts.items())) or "nothing to ask"
        self.stdout.write(f"payments asked about: {len(rows)} ({said})")
        if counts[str(Answer.NO_ANSWER)] or counts[str(Answer.STRANGE)]:
            raise SystemExit(1)
