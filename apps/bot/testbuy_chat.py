"""The synthetic buyer (*pembeli uji*): an id that no person has, by which the shop buys from itself to see that it
works.

What goes to it is answered by the sender in Telegram's place; nobody's list or report shows it.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.bot.models import Chat, telegram_hash

TELEGRAM_ID = 2**52 - 1  # an id has at most 52 significant bits (core.telegram.org/bots/api#user)
FIRST_UPDATE = 2**62  # its update ids lie far above all of Telegram's


def is_synthetic(chat: Chat) -> bool:
    return chat.telegram_id == str(TELEGRAM_ID)


def without_synthetic(rows: QuerySet[Any], chat: str = "chat") -> QuerySet[Any]:
    """Rows of real people; `chat` is the way from a row to its chat, empty when the rows are chats."""
    path = f"{chat}__telegram_hash" if chat else "telegram_hash"
    return rows.exclude(**{path: telegram_hash(TELEGRAM_ID)})
