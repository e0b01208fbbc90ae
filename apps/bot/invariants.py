"""What must hold of the inbox and the outbox."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from apps.base.clock import ShopNow
from apps.base.invariants import EVERYTHING, register
from apps.bot.models import InboundUpdate, OutboundMessage


@register("inbox", "every inbox row is final with a reason, or has a next time")
def unreasoned_updates(since: UUID = EVERYTHING) -> Iterable[str]:
    lost = InboundUpdate.objects.filter(pk__gte=since, next_at__isnull=True, outcome="", dead_at__isnull=True)
    yield from map(str, lost.values_list("pk", flat=True))


@register("outbox", "every outbox row is final, or has a next time")
def lost_messages(since: UUID = EVERYTHING) -> Iterable[str]:
    for lost in (Q(state="queued", next_at__isnull=True), Q(state="sending", claimed_until__isnull=True)):
        yield from map(str, OutboundMessage.objects.filter(lost).values_list("pk", flat=True))


@register("late messages", "no inbox or outbox row in hand for over 60 s", truth=False)
def late_messages(since: UUID = EVERYTHING) -> Iterable[str]:
    old = ShopNow() - timedelta(seconds=60)
    for state in ("queued", "sending"):  # each by its own index
        late = OutboundMessage.objects.filter(state=state, queued_at__lt=old, next_at__lt=old)
        yield from map(str, late.values_list("pk", flat=True))
    waiting = InboundUpdate.objects.filter(next_at__isnull=False, stored_at__lt=old)
    yield from map(str, waiting.values_list("pk", flat=True))
