"""News for staff: incidents to the owner, quiet notices to the sellers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from apps.base.incidents import Incident
from apps.bot import outbox
from apps.bot.chats import chat_of
from apps.bot.models import OutboundMessage
from apps.bot.texts import render


def tell_incident(pk: str) -> None:
    """Task: one alert to every owner chat. Safe to run twice: a chat that has it is left out."""
    incident = Incident.objects.get(pk=pk)
    _tell(settings.OWNER_CHAT_IDS, incident.text, about=f"incident:{incident.pk}", **incident.data)


def tell_staff(template: str, *, about: str, **context: Any) -> None:
    """A notice to every seller chat, or to the owner where there are no sellers; `about` makes it happen once."""
    _tell(settings.SELLER_CHAT_IDS or settings.OWNER_CHAT_IDS, template, about=about, **context)


def _tell(telegram_ids: list[int], template: str, /, *, about: str, **context: Any) -> None:
    with transaction.atomic():
        for telegram_id in telegram_ids:
            mark = f"{about}:{telegram_id}"
            if not OutboundMessage.objects.filter(about=mark).exists():
                chat = chat_of(telegram_id)
                outbox.send_text(chat, render(f"alerts/{template}", chat.language, **context), about=mark)
