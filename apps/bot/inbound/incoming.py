"""What the shop needs of an update; parsed once at the door (parsing.py), the rest is ignored."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

NAME_CHARS = 64
TEXT_CHARS = 4096


class NotAnUpdate(Exception):
    """The body is not an update of the Bot API."""


class Unreadable(Exception):
    """An update whose kind we know and of which a part that we need is damaged."""


@dataclass(frozen=True)
class Incoming:
    """One update. `kind`: `message`, `button`, `membership`, `service` (what nobody said) or `other` (edits, channels:
    left alone)."""

    update_id: int
    kind: str
    chat_id: int = 0
    chat_kind: str = "private"
    user_id: int = 0
    name: str = ""
    username: str = ""
    language: str = ""
    text: str = ""
    media: str = ""  # kind of attachment, when there is one
    album: str = ""  # several pictures sent at once come as messages of one album
    moved_to: int = 0  # the group is a supergroup now, with this id
    data: str = ""  # of the button
    query_id: str = ""  # of the callback query
    message_id: int = 0  # of the message that carries the button
    has_photo: bool = False  # whether that message is a photo
    kicked: bool = False  # membership: the buyer blocked the bot


def clean(text: str, limit: int) -> str:
    """Outside text without control, bidi and other invisible format characters (emoji joiners stay)."""
    kept = (c for c in text if c in "\n\u200d\ufe0f" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return "".join(kept).strip()[:limit]
