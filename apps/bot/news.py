"""News for staff: incidents to the owner, quiet notices to the sellers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.base.incidents import Incident
from apps.bot import outbox
from apps.bot.chats import chat_of
from apps.bot.models import OutboundMessage
from apps.bot.screens import Button, Screen, send_screen
from apps.bot.texts import render

NOTICE = OutboundMessage.Kind.NOTICE


# what the operators hear as well: the machine and its ways out, not the money
OF_THE_MACHINE = {
    "credential_adopted", "dead_letter", "gateway_down", "gateway_refuses", "message_refused", "token_revoked",
    "webhook_down", "webhook_hijacked",
}  # fmt: skip


def tell_incident(incident: Incident, occasion: str) -> None:
    """The alert (`opened`), a `reminder`, or that it is `resolved`, to everybody whom it concerns.

    Safe to run twice: a chat that has it is left out.
    """
    people = list(settings.OWNER_CHAT_IDS)
    if incident.text in OF_THE_MACHINE:
        people += [chat for chat in settings.ADMIN_CHAT_IDS if chat not in people]
    with transaction.atomic():
        for telegram_id in people:
            mark = f"incident:{incident.pk.hex}:{occasion}{incident.told}:{telegram_id}"[:80]
            if not OutboundMessage.objects.filter(about=mark).exists():
                chat = chat_of(telegram_id)
                send_screen(chat, incident_screen(incident, occasion, chat.language), kind=NOTICE, about=mark)


def incident_screen(incident: Incident, occasion: str, language: str) -> Screen:
    """One incident as staff see it, with what can be done about it."""
    said = mark_safe(render(f"alerts/{incident.text}", language, **incident.data))  # noqa: S308  # nosec B703 B308: rendered and escaped by us
    if occasion == "opened":
        text: str = said
    else:
        text = render(f"alerts/_{occasion}", language, said=said, incident=incident)
    with override(language):
        rows = [
            [
                Button(_("Kutangani"), f"incident:take:{incident.pk.hex}"),
                Button(_("Selesai"), f"incident:over:{incident.pk.hex}"),
            ]
        ]
    return Screen(
        text, rows if incident.state == Incident.State.OPEN else rows[:0] if incident.resolved_at else [rows[0][1:]]
    )


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
