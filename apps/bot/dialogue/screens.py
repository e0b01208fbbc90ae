"""Screens: pure data that a dialogue returns. How they reach the buyer is decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.bot.inbound.incoming import Incoming
from apps.bot.models import Chat, OutboundMessage
from apps.bot.outbound import outbox
from apps.bot.outbound.message_limits import BUTTON, BUTTONS, CAPTION, TEXT, cut, cut_html, seen

CALLBACK_BYTES = 64


@dataclass(frozen=True)
class Button:
    """A label and what comes back when it is pressed (1 to 64 bytes)."""

    text: str
    data: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if not self.url and not 1 <= len(self.data.encode()) <= CALLBACK_BYTES:
            raise ValueError(f"callback data of {self.text!r} must be 1 to 64 bytes: {self.data!r}")

    def as_json(self) -> dict[str, str]:
        """As Telegram takes it: a label too long is cut, an empty one is a dash."""
        label = cut(self.text, BUTTON).strip() or "–"
        return {"text": label, **({"url": self.url} if self.url else {"callback_data": self.data})}


@dataclass(frozen=True)
class Screen:
    """One message: HTML text, rows of buttons, perhaps a picture above."""

    text: str
    rows: Sequence[Sequence[Button]] = ()
    picture: UUID | None = None
    same_picture: bool = False  # the picture already shown stays: only its caption changes

    def keyboard(self) -> dict[str, Any]:
        """At most as many buttons as one message may have; the last rows, which lead on and back, stay."""
        rows = [[button.as_json() for button in row] for row in self.rows if row]
        while sum(map(len, rows)) > BUTTONS:
            del rows[-3]
        return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


@dataclass(frozen=True)
class Reply:
    """What a dialogue function wants to happen."""

    screen: Screen | None = None
    toast: str = ""  # shown for a moment over the chat when a button was pressed
    alert: bool = False  # the toast as a box to close
    anew: bool = False  # send the screen as a new message even after a button
    state: str | None = None  # next state of the dialogue; "" ends it, None leaves it
    data: dict[str, Any] = field(default_factory=dict)  # what the state remembers
    route: str = ""  # filled by the router: what was taken


def send_screen(chat: Chat, screen: Screen, **about: Any) -> OutboundMessage:
    """Queue a screen as a new message."""
    about.setdefault("kind", OutboundMessage.Kind.REPLY)
    html = {"parse_mode": "HTML", **screen.keyboard()}
    if screen.picture and seen(screen.text) <= CAPTION:
        return outbox.send(
            chat, "sendPhoto", {"photo": {"picture": str(screen.picture)}, "caption": screen.text, **html}, **about
        )
    return outbox.send(chat, "sendMessage", {"text": cut_html(screen.text, TEXT), **html}, **about)


def show(chat: Chat, incoming: Incoming, reply: Reply) -> None:
    """Bring the reply's screen to the buyer: edited in place after a button, else as a new message."""
    screen = reply.screen
    if screen is None:
        return
    pressed = incoming.kind == "button" and not reply.anew
    if not pressed:
        send_screen(chat, screen)
        return
    target = {"message_id": incoming.message_id}
    html = {"parse_mode": "HTML", **screen.keyboard()}
    if incoming.has_photo and screen.same_picture and seen(screen.text) <= CAPTION:
        outbox.send(chat, "editMessageCaption", {**target, "caption": screen.text, **html}, target=incoming.message_id)
    elif not incoming.has_photo and not screen.picture:
        text = cut_html(screen.text, TEXT)
        outbox.send(chat, "editMessageText", {**target, "text": text, **html}, target=incoming.message_id)
    else:  # Telegram cannot turn a text into a photo or back: a new message, and once it stands the old one goes
        send_screen(chat, screen, replaces=incoming.message_id)
