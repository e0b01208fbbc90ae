"""Another bot in place of a banned one: same buyers, same orders. Chats are known by Telegram's ids of people, not by
bots.
"""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.base import audit
from apps.base.credentials import rotate
from apps.base.incidents import raise_incident
from apps.base.stored_settings import note, noted
from apps.base.work.deferred_calls import send_errand
from apps.bot.models import Chat, OutboundMessage
from apps.bot.outbound.outbox import bot_id

BOT_NOW = "telegram_bot_now"  # the stored setting in which the leader says which bot it is
State = OutboundMessage.State

audit.describe(  # all of the way in: this module is loaded wherever the audit log is shown, the leader's are not
    {
        "telegram.bot": "Toko memakai bot @{username}",
        "telegram.mode": "Pesan Telegram masuk lewat {mode}",
        "telegram.address": "Telegram diminta mengirim ke alamat {address}",
    }
)


def change_bot(token: str, username: str, *, actor: str) -> None:
    """Put another bot in force. Buyers meet it when they first write to it; then their open orders are told
    (CHAT_MOVED).

    What would change messages of the old bot is dropped: no other bot can edit them, and their numbers mean others now.
    Costs one pass over chats and invoices, once.
    """
    old = bot_id()
    with transaction.atomic():
        Chat.objects.filter(bot=None).update(bot=old)
        rotate("TELEGRAM_BOT_TOKEN", token, actor=actor)
        rotate("TELEGRAM_WEBHOOK_SECRET", secrets.token_urlsafe(32), actor=actor)
        OutboundMessage.objects.filter(kind=OutboundMessage.Kind.INVOICE, message_id__isnull=False).update(
            message_id=None
        )
        of_the_old = Q(method__startswith="edit") | Q(method__in=["deleteMessage", "answerCallbackQuery"])
        OutboundMessage.objects.filter(of_the_old, state=State.QUEUED).update(state=State.REPLACED, next_at=None)
        audit.append("telegram.bot", "telegram", actor=actor, username=username)
        raise_incident("telegram.bot", "bot_changed", needs_hand=False, username=username)


def has_met(chat: Chat) -> bool:
    """Whether the bot in force may write to a chat."""
    return chat.bot in (None, bot_id())


def welcome(chat: Chat) -> dict[str, int]:
    """A chat meets the bot in force: what must be told rings. Returns the columns to store; nothing when they know each
    other.
    """
    if has_met(chat):
        return {}
    for task in settings.CHAT_MOVED:
        send_errand(task, chat.pk)
    return {"bot": bot_id()}


def note_bot() -> None:
    """The leader says which bot it is."""
    note(BOT_NOW, bot_id())


def bot_now() -> int:
    return int(noted(BOT_NOW) or 0)
