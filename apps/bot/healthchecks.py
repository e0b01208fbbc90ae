"""Health of Telegram: what waits, what was given up, and which way updates come in."""

from __future__ import annotations

from django.db import connection
from django.utils.translation import gettext_lazy as _

from apps.base.health import Figures, ServiceWarning, health_check
from apps.base.incidents import open_incidents
from apps.bot.models import OutboundMessage

LATE = 60.0  # seconds

AGE = """
SELECT count(*), COALESCE(extract(epoch FROM shop_now() - min({since})), 0) FROM {table} WHERE {waiting}
"""


def _age(table: str, since: str, waiting: str) -> tuple[int, float]:
    """How many rows wait, and the oldest's seconds; the conditions are those of partial indexes."""
    with connection.cursor() as cursor:
        cursor.execute(AGE.format(table=table, since=since, waiting=waiting))
        count, oldest = cursor.fetchone()
        return count, float(oldest)


@health_check("inbox", tells=_("Pesan pembeli menumpuk dan belum dijawab."))
def inbox() -> Figures:
    waiting, oldest = _age("bot_inboundupdate", "stored_at", "next_at IS NOT NULL")
    if oldest > LATE:
        raise ServiceWarning(f"{waiting} updates wait, the oldest for {oldest:.0f} s")
    return {"waiting": waiting, "oldest_seconds": oldest}


@health_check("outbox", tells=_("Pesan ke pembeli menumpuk dan belum terkirim."))
def outbox() -> Figures:
    """Due messages only: one that waits for its retry is not late."""
    waiting, oldest = _age("bot_outboundmessage", "next_at", "state = 'queued' AND next_at <= shop_now()")
    if oldest > LATE:
        raise ServiceWarning(f"{waiting} messages wait, the oldest for {oldest:.0f} s: is Telegram answering?")
    return {"waiting": waiting, "oldest_seconds": oldest}


@health_check("given up")
def given_up() -> Figures:
    """Messages that nobody could bring and nobody put away."""
    count = OutboundMessage.objects.filter(dead_at__isnull=False)[:100].count()
    if count:
        raise ServiceWarning(f"{count} messages could not be brought: see Pesan bermasalah in the dashboard")
    return {"messages": count}


@health_check("telegram")
def telegram() -> None:
    """What the bot process said about token, webhook and the way in."""
    troubles = open_incidents().filter(key__startswith="telegram.")
    if keys := sorted(troubles.values_list("key", flat=True)):
        raise ServiceWarning(f"open: {', '.join(keys)}")
