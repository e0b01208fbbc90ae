"""Once an hour a message really goes, silently, to the owner bot's chat and is deleted: an alert must not be the first
to find out that the owner bot is dead or was never greeted."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.base.clock import shop_now
from apps.base.incidents import raise_incident, resolve_incident
from apps.bot.staff.owner_bot import own_api, own_token
from apps.ops.models import Routine
from host import alert_channels

EVERY = timedelta(hours=1)
AGAIN = timedelta(minutes=2)  # after a failure
ENOUGH = 2  # failures in a row until people are told, by the other ways
KEY = "alerts.way"
REFUSALS = {400, 401, 403, 404}  # HTTP: a token that is dead, a chat that never greeted or blocked it


def try_way(routine: Routine) -> datetime:
    """One round of the routine. Without an owner bot there is nothing to try."""
    token, chats = own_token(), settings.OWNER_CHAT_IDS
    if not token or not chats:
        resolve_incident(KEY)
        return shop_now() + EVERY
    found = [goes_and_comes(base, token, chats[0]) for base in own_api()]
    if True in found:
        resolve_incident(KEY)
        routine.remember(failed=0)
        return shop_now() + EVERY
    failed = int(routine.memory.get("failed", 0)) + (False in found)
    if failed >= ENOUGH:
        raise_incident(KEY, "owner_bot_down")
    routine.remember(failed=failed)
    return shop_now() + AGAIN


def goes_and_comes(base: str, token: str, chat: int) -> bool | None:
    """Whether a message went out by this address; None when nobody was there, which says nothing about the bot and has
    an alarm of its own. One that cannot be taken away again has proved the way all the same."""
    with override(settings.LANGUAGE_CODE):
        said = {"chat_id": str(chat), "text": _("Uji jalur kabar, terhapus sendiri."), "disable_notification": "true"}
    try:
        sent = alert_channels.call_bot(base, token, "sendMessage", said)
    except alert_channels.Answered as refusal:
        return False if refusal.code in REFUSALS else None
    except (OSError, ValueError):
        return None
    try:
        alert_channels.call_bot(
            base, token, "deleteMessage", {"chat_id": str(chat), "message_id": str(sent["message_id"])}
        )
    except (OSError, ValueError, KeyError):
        pass
    return True
