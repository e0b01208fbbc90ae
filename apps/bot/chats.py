"""Chats: found by the hash of their Telegram id, and made in one place, always with their session."""

from __future__ import annotations

from django.db import IntegrityError, connection, transaction

from apps.base.fast_rows import columns_of, from_row
from apps.bot.models import Chat, ChatSession, telegram_hash


def chat_of(telegram_id: int, *, kind: str = "", name: str | None = None, username: str | None = None) -> Chat:
    """The chat with this Telegram id, made when unknown (staff may be written to before they ever wrote)."""
    mark = telegram_hash(telegram_id)
    known = _known(mark)
    if known is not None:
        return known
    kind = kind or (Chat.Kind.PRIVATE if telegram_id > 0 else Chat.Kind.SUPERGROUP)
    try:
        with transaction.atomic():
            chat = Chat.objects.create(
                telegram_hash=mark, telegram_id=str(telegram_id), kind=kind, name=name, username=username
            )
            ChatSession.objects.create(chat=chat)
            return chat
    except IntegrityError:  # somebody made it between our look and our insert
        return Chat.objects.get(telegram_hash=mark)


def _known(mark: bytes) -> Chat | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns_of(Chat, 'c')} FROM bot_chat c WHERE telegram_hash = %s", [mark])
        found = cursor.fetchone()
    return from_row(Chat, found) if found else None
