"""News for staff: incidents to the owner, quiet notices to the sellers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from apps.base.incidents import Incident
from apps.bot import outbox
from apps.bot.models import OutboundMessage
from apps.bot.texts import render


def tell_incident(pk: str) -> None:
    """Task: one alert to every owner chat. Safe to run twice: a chat that has it is left out."""
    incident = Incident.objects.get(pk=pk)
    text = render(f"alerts/{incident.text}", "id", **incident.data)
    with transaction.atomic():
        for telegram_id in settings.OWNER_CHAT_IDS:
            tell(telegram_id, text, about=f"incident:{incident.pk}:{telegram_id}")


def tell_staff(template: str, *, about: str, **context: Any) -> None:
    """A notice to every seller chat, or to the owner where there are no sellers; `about` makes it happen once."""
    text = render(f"alerts/{template}", "id", **context)
    with transaction.atomic():
        for telegram_id in settings.SELLER_CHAT_IDS or settings.OWNER_CHAT_IDS:
            tell(telegram_id, text, about=f"{about}:{telegram_id}")


def tell(telegram_id: int, text: str, *, about: str) -> None:
    if not OutboundMessage.objects.filter(about=about).exists():
        outbox.send_text(outbox.chat_of(telegram_id), text, about=about)
