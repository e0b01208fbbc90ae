"""Groups that become supergroups: Telegram gives them another id, and the old one is deaf from then on."""

from __future__ import annotations

import time

from django.db import transaction

from apps.base import audit
from apps.base.incidents import raise_incident
from apps.base.stored_settings import note, noted
from apps.bot.chats import chat_of
from apps.bot.models import Chat, OutboundMessage, telegram_hash

MOVED = "groups_moved"  # the stored setting that maps old ids to new ones, since settings go on naming the old
FRESH = 5.0  # seconds
_read: list[tuple[float, dict[str, int]]] = []

audit.describe({"group.moved": "Grup menjadi grup besar, nomornya berganti"})


def follow_group(chat: Chat, new_id: int) -> None:
    """A group has another id now: what waits for it goes there, and settings that name the old id mean the new one."""
    old_id = int(chat.telegram_id)
    if old_id == new_id:
        return
    with transaction.atomic():
        known = Chat.objects.filter(telegram_hash=telegram_hash(new_id)).first()
        if known is None:
            chat.telegram_id, chat.telegram_hash = str(new_id), telegram_hash(new_id)
            chat.kind, chat.blocked_at = Chat.Kind.SUPERGROUP, None
            chat.save(update_fields=["telegram_id", "telegram_hash", "kind", "blocked_at"])
        else:  # Telegram has told of the new one first
            waiting = [OutboundMessage.State.QUEUED, OutboundMessage.State.SENDING]
            OutboundMessage.objects.filter(chat=chat, state__in=waiting).update(chat=known)
        note(MOVED, {**(noted(MOVED) or {}), str(old_id): new_id})
        audit.append("group.moved", f"chat:{chat.pk}")
        raise_incident("telegram.group", "group_moved", needs_hand=False, old=old_id, new=new_id)
    _read.clear()


def now_at(telegram_ids: list[int]) -> list[int]:
    """The ids of settings as they are now, each once."""
    if not _read or time.monotonic() - _read[0][0] > FRESH:
        _read[:] = [(time.monotonic(), noted(MOVED) or {})]
    moved = _read[0][1]
    return list(dict.fromkeys(moved.get(str(telegram_id), telegram_id) for telegram_id in telegram_ids))


def chat_of_settings(telegram_id: int) -> Chat:
    """The chat that a setting names, wherever it has moved."""
    return chat_of(now_at([telegram_id])[0])
