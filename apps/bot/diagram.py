"""The router's map as a Mermaid drawing, from the map itself."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from apps.bot.router import Handler, Routes, all_routes

FILE = Path(settings.BASE_DIR) / "apps" / "bot" / "map.mmd"


def draw(routes: Routes | None = None) -> str:
    """Who answers to what: commands, buttons and states to the left, dialogue functions to the right."""
    routes = routes or all_routes()
    lines = ["%% drawn by: manage.py drawdialogue --write", "flowchart LR"]
    kinds = (("command", "/{}", routes.commands), ("button", "[{}]", routes.buttons), ("state", "({})", routes.states))
    for kind, label, table in kinds:
        for word, handler in table.items():
            lines.append(f'  {kind}_{word}["{label.format(word)}"] --> {_name(handler)}')
    for word in ("lost", "stale", "busy"):
        handler = getattr(routes, word)
        if handler is not None:
            lines.append(f"  {word}{{{{{word}}}}} --> {_name(handler)}")
    return "\n".join(lines) + "\n"


def _name(handler: Handler) -> str:
    return f"{handler.__module__.rpartition('.')[2]}.{handler.__qualname__}"
