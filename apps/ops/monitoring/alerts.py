"""How an incident reaches people: by the owner bot where there is one, else by the shop's; by mail and webhook when
that fails.

`watch` tells of deaths by the same ways without any of this (host.alert_channels). Runs in threads of `runbot`, no
transaction open."""

from __future__ import annotations

import html
import json
import logging
import re
import time
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.base.incidents import Incident, note_unheard
from apps.base.work.registered_tasks import task
from apps.bot.dialogue.screens import Screen
from apps.bot.dialogue.texts import render
from apps.bot.models import OutboundMessage
from apps.bot.outbound import outbox
from apps.bot.outbound.message_limits import TEXT, cut_html
from apps.bot.staff import notices
from apps.bot.staff.owner_bot import own_api, own_token
from host import alert_channels

UNHEARD = "apps.ops.monitoring.alerts.unheard"

log = logging.getLogger(__name__)

WITHIN = 12.0  # seconds all chats together may take by the owner bot before mail is tried
REST = 60.0  # seconds in which an owner bot that brought nothing is not tried again: incidents often come together
OTHERS = 24.0  # seconds mail and webhook may take together: all of it is less than a task has (settings.TASK_TIMEOUT)

_rests_until = 0.0  # monotonic


def tell_incident(incident: Incident, occasion: str) -> None:
    """settings.INCIDENT_TASK. May tell twice after a crash. The shop's bot, by its outbox, is the last way; whom it
    cannot reach is tried again by both (`unheard`).

    Without an owner bot nobody can say at once whether the shop's bot brought it: mail or webhook carry it as well.
    """
    notices.tell_sellers(incident, occasion)
    token = own_token()
    if not token:
        notices.tell_incident(incident, occasion, on_failed=UNHEARD)
        alert_channels.tell(plain(incident, occasion), besides=("telegram",), within=OTHERS)
        return
    heard = _by_owner_bot(token, incident, occasion)
    # who never started the owner bot, blocked it, or was not reached this time, hears by the shop's
    notices.tell_incident(incident, occasion, besides=heard, on_failed=UNHEARD)
    if not heard and not alert_channels.tell(plain(incident, occasion), besides=("telegram",), within=OTHERS):
        log.error("the owner bot and all other ways failed", extra={"action": "alert_by_shop_bot", "key": incident.key})


@task
def unheard(about: str) -> None:
    """Rung by the sender: the shop's bot could not bring an alert (it was never greeted, or is blocked)."""
    _, pk, _ = about.split(":", 2)
    note_unheard(UUID(pk), about)


def tell_again(incident: Incident, about: str) -> bool:
    """settings.INCIDENT_AGAIN: one person once more, by the owner bot where there is one, else by the shop's. True:
    they heard it.
    """
    _, _, occasion, chat = about.split(":", 3)
    mine, token = OutboundMessage.objects.filter(about=about), own_token()
    if mine.filter(state=OutboundMessage.State.SENT).exists():
        return True
    screen = notices.incident_screen(incident, occasion.rstrip("0123456789"), settings.LANGUAGE_CODE)
    if token and _bring(token, int(chat), screen, time.monotonic() + WITHIN):
        return True
    for message in mine.filter(state=OutboundMessage.State.FAILED):
        outbox.send_again(message)
    return False


def tell_report(people: list[int], template: str, *, about: str, **context: Any) -> None:
    """A report that needs no hand: by the owner bot where there is one, else by the shop's; `about` makes it happen
    once.
    """
    token, screen = own_token(), Screen(render(f"alerts/{template}", settings.LANGUAGE_CODE, **context))
    until = time.monotonic() + WITHIN
    rest = [chat for chat in people if not (token and _bring(token, chat, screen, until))]
    notices.tell_once(rest, about, lambda language: Screen(render(f"alerts/{template}", language, **context)))


def _by_owner_bot(token: str, incident: Incident, occasion: str) -> list[int]:
    """The chats that heard it that way."""
    global _rests_until
    until = time.monotonic() + WITHIN
    if time.monotonic() < _rests_until:
        return []
    screen = notices.incident_screen(incident, occasion, settings.LANGUAGE_CODE)
    heard = [chat for chat in notices.who_hears(incident) if _bring(token, chat, screen, until)]
    _rests_until = 0.0 if heard else time.monotonic() + REST
    return heard


def _bring(token: str, chat: int, screen: Screen, until: float) -> bool:
    """Whether the owner bot brought it to a chat, by one of its addresses, before `until` (monotonic seconds)."""
    params = {"chat_id": str(chat), "text": cut_html(screen.text, TEXT), "parse_mode": "HTML"}
    if keyboard := screen.keyboard():
        params["reply_markup"] = json.dumps(keyboard["reply_markup"])
    ways = [(base, partial(alert_channels.call_bot, base, token, "sendMessage", params)) for base in own_api()]
    return bool(alert_channels.first_that_works(ways, within=until - time.monotonic()))


def plain(incident: Incident, occasion: str) -> str:
    """The alert without its markup, for mail and webhook."""
    text = notices.incident_screen(incident, occasion, settings.LANGUAGE_CODE).text
    return html.unescape(re.sub(r"<[^>]+>", "", text)).strip()
