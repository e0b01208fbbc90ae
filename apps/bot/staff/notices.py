"""News for staff: incidents to the owner, quiet notices to the sellers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.base.clock import shop_now
from apps.base.incidents import Incident
from apps.bot.chats import chat_of
from apps.bot.dialogue.screens import Button, Screen, send_screen
from apps.bot.dialogue.texts import render
from apps.bot.inbound.supergroups import now_at
from apps.bot.models import OutboundMessage

NOTICE = OutboundMessage.Kind.NOTICE

# what the operators hear as well: the machine and its ways out, not the money
OF_THE_MACHINE = {
    "bot_changed",
    "clock_stepped",
    "credential_adopted",
    "dead_letter",
    "gateway_down",
    "gateway_refuses",
    "group_moved",
    "health",
    "message_refused",
    "owner_bot_down",
    "profile_changed",
    "queue_strange",
    "synthetic_failed",
    "token_revoked",
    "token_shared",
    "telegram_deaf",
    "telegram_unreachable",
    "update_unreadable",
    "webhook_down",
    "webhook_hijacked",
}
# what stops the selling: sellers hear it as well, by the shop's bot and without buttons
OF_THE_SALE = {"gateway_down", "gateway_refuses", "goods_late", "money_review", "telegram_deaf", "webhook_down"}


def who_hears(incident: Incident) -> list[int]:
    """The owner; operators as well when it is about the machine."""
    people = list(settings.OWNER_CHAT_IDS)
    if incident.text in OF_THE_MACHINE:
        people += settings.ADMIN_CHAT_IDS
    return now_at(people)


def tell_incident(incident: Incident, occasion: str, *, besides: Collection[int] = (), on_failed: str = "") -> None:
    """The alert (`opened`), a `reminder`, or that it is `resolved`, to everybody whom it concerns, `besides` left out.
    `on_failed`: the task that hears when the shop's bot cannot bring it.

    Safe to run twice: a chat that has it is left out.
    """
    about = f"{incident_mark(incident)}{occasion}{incident.told}"
    people = [chat for chat in who_hears(incident) if chat not in besides]
    tell_once(people, about, lambda language: incident_screen(incident, occasion, language), on_failed=on_failed)


def tell_sellers(incident: Incident, occasion: str) -> None:
    """That it began and that it is over, in plain words; reminders are for those who can mend it. Safe to run twice."""
    if incident.text not in OF_THE_SALE or occasion == "reminder":
        return
    people = [chat for chat in now_at(settings.SELLER_CHAT_IDS) if chat not in who_hears(incident)]
    about = f"{incident_mark(incident)}sale:{occasion}"
    tell_once(people, about, lambda language: Screen(incident_screen(incident, occasion, language).text))


def incident_mark(incident: Incident) -> str:
    """How the key of a message about it begins; then come the occasion with its turn, and the chat."""
    return f"incident:{incident.pk.hex}:"


def incident_screen(incident: Incident, occasion: str, language: str) -> Screen:
    """One incident as staff see it, with what can be done about it."""
    said = mark_safe(render(f"alerts/{incident.text}", language, **incident.data))  # noqa: S308  # nosec B703 B308: rendered and escaped by us
    if occasion == "opened":
        text: str = said
    else:
        text = render(f"alerts/_{occasion}", language, said=said, incident=incident)
    with override(language):
        take = Button(_("Kutangani"), f"incident:take:{incident.pk.hex}")
        mute = Button(_("Bisukan 8 jam"), f"incident:mute:{incident.pk.hex}")
        over = Button(_("Selesai"), f"incident:over:{incident.pk.hex}")
    silent = [] if incident.is_muted(shop_now()) else [mute]
    offered = {Incident.State.OPEN: [[take, *silent], [over]], Incident.State.ACKNOWLEDGED: [[*silent, over]]}
    return Screen(text, offered.get(Incident.State(incident.state), []))


def tell_staff(template: str, *, about: str, **context: Any) -> None:
    """A notice to every seller chat, or to the owner where there are no sellers; `about` makes it happen once."""
    people = settings.SELLER_CHAT_IDS or settings.OWNER_CHAT_IDS
    tell_once(now_at(people), about, lambda language: Screen(render(f"alerts/{template}", language, **context)))


def tell_once(telegram_ids: list[int], about: str, screen: Callable[[str], Screen], *, on_failed: str = "") -> None:
    """A notice to every chat, in its language; a chat that has one for `about` is left out."""
    with transaction.atomic():
        for telegram_id in telegram_ids:
            mark = f"{about}:{telegram_id}"
            if not OutboundMessage.objects.filter(about=mark).exists():
                chat = chat_of(telegram_id)
                send_screen(chat, screen(chat.language), kind=NOTICE, about=mark, on_failed=on_failed)
