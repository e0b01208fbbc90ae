"""What a dialogue function gets: who speaks, what was said, where the dialogue stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.bot.dialogue.screens import Reply, Screen
from apps.bot.dialogue.texts import render
from apps.bot.inbound.incoming import Incoming
from apps.bot.models import Chat


@dataclass
class Talk:
    """One update on its way through the router. The chat is locked."""

    chat: Chat
    incoming: Incoming
    args: list[str] = field(default_factory=list)  # of the button, or the words after a command
    state: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.incoming.text

    def say(self, template: str, /, **context: Any) -> str:
        """A message text in the buyer's language."""
        return render(template, self.chat.language, name=self.chat.name or "", **context)

    def number(self, place: int, otherwise: int = 0) -> int:
        """The button's argument as a number; `otherwise` when it is missing or rubbish."""
        try:
            return int(self.args[place])
        except (IndexError, ValueError):
            return otherwise

    def row(self, place: int) -> UUID:
        """The button's argument as a row's key; the nil UUID, which no row has, when it is missing or rubbish."""
        try:
            return UUID(self.word(place))
        except ValueError:
            return UUID(int=0)

    def word(self, place: int) -> str:
        return self.args[place] if place < len(self.args) else ""


def toast(text: str, *, alert: bool = False) -> Reply:
    """Only a short answer over the chat."""
    return Reply(toast=text, alert=alert)


def screen(text: str, *rows: Any, **more: Any) -> Reply:
    """A reply with one screen."""
    return Reply(screen=Screen(text, rows), **more)
