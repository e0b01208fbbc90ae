"""Telegram's updates, read part by part: what the shop has no use for may look as it likes and spoils nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.bot.inbound.incoming import NAME_CHARS, TEXT_CHARS, Incoming, NotAnUpdate, Unreadable, clean

ID_LIMIT = 2**63  # of a column
MEDIA = (  # what people send beside words (Bot API: Message)
    "photo",
    "document",
    "sticker",
    "voice",
    "video",
    "audio",
    "animation",
    "video_note",
    "contact",
    "location",
    "venue",
    "poll",
    "dice",
    "story",
    "game",
    "paid_media",
    "checklist",
)
CHAT_KINDS = ("private", "group", "supergroup", "channel")
Part = Mapping[str, Any]


def update_id_of(body: Any) -> int:
    """The update's number. Raises NotAnUpdate."""
    update_id = body.get("update_id") if isinstance(body, dict) else None
    if isinstance(update_id, bool) or not isinstance(update_id, int) or not 0 <= update_id < ID_LIMIT:
        raise NotAnUpdate("no update_id")
    return update_id


def parse(body: Any) -> Incoming:
    """Read one update; unknown kinds come back as `other`. Raises NotAnUpdate, or Unreadable when a part that we need
    is damaged.
    """
    update_id = update_id_of(body)
    if "callback_query" in body:
        return _button(update_id, _part(body, "callback_query"))
    if "message" in body:
        return _message(update_id, _part(body, "message"))
    if "my_chat_member" in body:
        member = _part(body, "my_chat_member")
        status = _part(member, "new_chat_member").get("status")
        return Incoming(update_id, "membership", kicked=status in ("kicked", "left"), **_people(member, member))
    return Incoming(update_id, "other")


def _part(whole: Part, name: str) -> Part:
    found = whole.get(name)
    if not isinstance(found, dict):
        raise Unreadable(f"{name} is no object")
    return found


def _number(part: Part, name: str) -> int:
    found = part.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or not -ID_LIMIT < found < ID_LIMIT:
        raise Unreadable(f"{name} is no number")
    return found


def _words(part: Part, name: str, limit: int) -> str:
    found = part.get(name)
    return clean(found, limit) if isinstance(found, str) else ""


def _people(place: Part, speaker: Part) -> dict[str, Any]:
    """Who speaks (`from`), and where; the name is the person's in private, the group's elsewhere."""
    chat = _part(place, "chat")
    user = speaker.get("from")
    user = user if isinstance(user, dict) else {}
    kind = chat.get("type") if chat.get("type") in CHAT_KINDS else "private"
    named = (user or chat) if kind == "private" else chat
    full = f"{_words(named, 'first_name', NAME_CHARS)} {_words(named, 'last_name', NAME_CHARS)}"
    return {
        "chat_id": _number(chat, "id"),
        "chat_kind": kind,
        "user_id": _number(user, "id") if user else 0,
        "name": clean(full if kind == "private" else _words(chat, "title", NAME_CHARS), NAME_CHARS),
        "username": _words(named, "username", NAME_CHARS),
        "language": _words(user, "language_code", 10),
    }


def _message(update_id: int, message: Part) -> Incoming:
    """What somebody said; `service` what nobody said: a timer, a pin, a new background, people who come and go."""
    media = next((name for name in MEDIA if message.get(name)), "")
    text = _words(message, "text", TEXT_CHARS) or _words(message, "caption", TEXT_CHARS)
    said = bool(media) or isinstance(message.get("text"), str)
    moved_to = message.get("migrate_to_chat_id")
    return Incoming(
        update_id, "message" if said else "service", text=text, media=media, message_id=_number(message, "message_id"),
        album=_words(message, "media_group_id", 40), moved_to=moved_to if isinstance(moved_to, int) else 0,
        **_people(message, message),
    )  # fmt: skip


def _button(update_id: int, query: Part) -> Incoming:
    query_id = _words(query, "id", 64)
    message = query.get("message")
    if not isinstance(message, dict):  # an inline message of elsewhere: nothing of ours
        return Incoming(update_id, "other", query_id=query_id)
    return Incoming(
        update_id,
        "button",
        data=_words(query, "data", 64),
        query_id=query_id,
        message_id=_number(message, "message_id"),
        has_photo=bool(message.get("photo")),
        **_people(message, query),
    )
