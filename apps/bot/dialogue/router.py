"""The router: literal maps from commands, buttons and states to small functions, merged from every room."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string

from apps.bot.dialogue.context import Talk
from apps.bot.dialogue.screens import Reply

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

Handler = Callable[[Talk], Reply]


class DuplicateRoute(Exception):
    """Two rooms claim the same word."""


@dataclass(frozen=True)
class Command:
    """`/word`. `about` stands beside it in Telegram's menu, in the menus of all languages or of one."""

    handler: Handler
    about: StrPromise | str
    language: str = ""


@dataclass(frozen=True)
class Routes:
    """What one room answers to. `lost` is asked when nothing else fits; one room only."""

    commands: Mapping[str, Command] = field(default_factory=dict)
    buttons: Mapping[str, Handler] = field(default_factory=dict)
    states: Mapping[str, Handler] = field(default_factory=dict)
    lost: Handler | None = None
    stale: Handler | None = None  # a button that no room knows any more
    busy: Handler | None = None  # over the budget of actions


def merge(parts: list[Routes]) -> Routes:
    """One map of all rooms. Raises DuplicateRoute."""
    merged: dict[str, dict[str, Any]] = {"commands": {}, "buttons": {}, "states": {}}
    singles: dict[str, Handler | None] = {"lost": None, "stale": None, "busy": None}
    for part in parts:
        for kind, known in merged.items():
            for word, handler in getattr(part, kind).items():
                if word in known:
                    raise DuplicateRoute(f"{kind}: {word!r}")
                known[word] = handler
        for kind, taken in singles.items():
            offered = getattr(part, kind)
            if offered is not None and taken is not None:
                raise DuplicateRoute(kind)
            singles[kind] = offered or taken
    return Routes(merged["commands"], merged["buttons"], merged["states"], **singles)


@functools.cache
def all_routes() -> Routes:
    return merge([import_string(name) for name in settings.BOT_ROUTES])


def route(talk: Talk) -> Reply:
    """Choose the handler and call it; the reply says by which route it came."""
    routes = all_routes()
    handler, name = _choose(routes, talk)
    return replace(handler(talk), route=name) if handler else Reply(route="silence")


def _choose(routes: Routes, talk: Talk) -> tuple[Handler | None, str]:
    incoming = talk.incoming
    if incoming.kind == "button":
        verb, *talk.args = incoming.data.split(":")
        handler = routes.buttons.get(verb)
        return (handler, f"button:{verb}") if handler else (routes.stale, "stale")
    if incoming.text.startswith("/"):
        words = incoming.text.split()
        command = words[0][1:].partition("@")[0].lower()
        talk.args = words[1:]
        known = routes.commands.get(command)
        return (known.handler, f"command:{command[:40]}") if known else (routes.lost, "lost")
    handler = routes.states.get(talk.state)
    return (handler, f"state:{talk.state}") if handler else (routes.lost, "lost")
