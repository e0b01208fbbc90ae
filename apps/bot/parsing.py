"""Telegram's updates read by python-telegram-bot's types. Apart from updates.py, so that queue workers need not load it."""

from __future__ import annotations

from typing import Any

from telegram import CallbackQuery, Message, Update

from apps.bot.updates import NAME_CHARS, TEXT_CHARS, Incoming, NotAnUpdate, clean


def parse(body: Any) -> Incoming:
    """Read one update. Raises NotAnUpdate; unknown kinds come back as `other`."""
    update_id = body.get("update_id") if isinstance(body, dict) else None
    if not isinstance(update_id, int) or not 0 <= update_id < 2**63:
        raise NotAnUpdate("no update_id")
    try:
        return _read(Update.de_json(body, None))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise NotAnUpdate(str(error)) from error


def _read(update: Update) -> Incoming:
    if update.callback_query is not None:
        return _button(update.update_id, update.callback_query)
    if update.message is not None:
        return _message(update.update_id, update.message)
    if update.my_chat_member is not None:
        member = update.my_chat_member
        kicked = member.new_chat_member.status in ("kicked", "left")
        return Incoming(update.update_id, "membership", kicked=kicked, **_people(member.chat, member.from_user))
    return Incoming(update.update_id, "other")


def _people(chat: Any, user: Any) -> dict[str, Any]:
    return {
        "chat_id": chat.id,
        "chat_kind": chat.type,
        "user_id": user.id if user else 0,
        "name": clean((user.full_name if user else chat.title) or "", NAME_CHARS),
        "username": clean((user.username if user else chat.username) or "", NAME_CHARS),
        "language": (user.language_code or "") if user else "",
    }


def _message(update_id: int, message: Message) -> Incoming:
    media = next((k for k in ("photo", "document", "sticker", "voice", "video", "audio") if getattr(message, k)), "")
    text = clean(message.text or message.caption or "", TEXT_CHARS)
    people = _people(message.chat, message.from_user)
    return Incoming(update_id, "message", text=text, media=media, message_id=message.message_id, **people)


def _button(update_id: int, query: CallbackQuery) -> Incoming:
    message = query.message
    if message is None:  # an inline message of elsewhere: nothing of ours
        return Incoming(update_id, "other", query_id=query.id)
    return Incoming(
        update_id, "button", data=clean(query.data or "", 64), query_id=query.id, message_id=message.message_id,
        has_photo=bool(getattr(message, "photo", None)), **_people(message.chat, query.from_user),
    )  # fmt: skip
