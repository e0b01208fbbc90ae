"""The dialogue as a Mermaid drawing, read from the code: what leads where, by which word or button."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.bot.router import Handler, Routes, all_routes

FILE = Path(settings.BASE_DIR) / "apps" / "bot" / "map.mmd"
FOLLOWED = (".dialogue", ".services.messages")  # where functions build screens
EVERYWHERE = "home"  # the way home is on every screen: drawn once, not forty times


def draw(routes: Routes | None = None) -> str:
    """Commands and texts lead to dialogue functions; a solid arrow is a button, a dotted one a screen that is shared."""
    routes = routes or all_routes()
    functions = [f for f in _reached(_handlers(routes)) if f in _handlers(routes) or offered(f, routes)]
    lines = ["%% drawn by: manage.py drawdialogue --write", "flowchart LR"]
    for module in dict.fromkeys(map(_module, functions)):
        lines.append(f"  subgraph {module}")
        lines += [f"    {_node(f)}[{f.__name__.strip('_')}]" for f in functions if _module(f) == module]
        lines.append("  end")
    for word, handler in routes.commands.items():
        lines.append(f'  command_{word}(["/{word}"]) --> {_node(handler)}')
    for state, handler in routes.states.items():
        lines.append(f'  state_{state}{{{{"text while: {state}"}}}} --> {_node(handler)}')
    for word in ("lost", "stale", "busy"):
        if (special := getattr(routes, word)) is not None:
            lines.append(f'  {word}{{{{"{word}"}}}} --> {_node(special)}')
    for function in functions:
        verbs = _verbs(function, frozenset(routes.buttons)) - {EVERYWHERE}
        lines += [f"  {_node(function)} -- {verb} --> {_node(routes.buttons[verb])}" for verb in sorted(verbs)]
        shared = sorted({_node(f) for f in _called(function) if f in functions})
        lines += [f"  {_node(function)} -.-> {node}" for node in shared]
    return "\n".join(lines) + "\n"


def _reached(start: list[Handler]) -> list[Any]:
    """These functions and all they call, nearest first."""
    found: dict[Any, None] = {}
    todo: list[Any] = list(start)
    while todo:
        function = todo.pop(0)
        if function not in found:
            found[function] = None
            todo += _called(function)
    return list(found)


def _handlers(routes: Routes) -> list[Handler]:
    """Every dialogue function once, in the order of the table."""
    known = [*routes.commands.values(), *routes.buttons.values(), *routes.states.values()]
    known += [handler for handler in (routes.lost, routes.stale, routes.busy) if handler is not None]
    return list(dict.fromkeys(known))


def offered(handler: Handler, routes: Routes | None = None) -> set[str]:
    """The verbs of the buttons that a dialogue function, and what it calls, may put on a screen."""
    routes = routes or all_routes()
    return set().union(*(_verbs(function, frozenset(routes.buttons)) for function in _reached([handler])))


@functools.cache
def _tree(function: Any) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _verbs(function: Any, known: frozenset[str]) -> set[str]:
    """`verb:…` in any text, and a bare `verb` as a button's data."""
    found = set()
    for node in ast.walk(_tree(function)):
        text = _head(node)
        if ":" in text:
            found.add(text.partition(":")[0])
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Button" and len(node.args) > 1:
            found.add(_head(node.args[1]))
    return found & known


def _head(node: ast.AST) -> str:
    """The literal beginning of a text or an f-string."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _called(function: Any) -> Iterator[Any]:
    """Functions of the dialogue that this one calls, in order."""
    names = function.__globals__
    for call in ast.walk(_tree(function)):
        target = None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            target = names.get(call.func.id)
        elif isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            target = getattr(names.get(getattr(call.func.value, "id", "")), call.func.attr, None)
        if inspect.isfunction(target) and any(part in target.__module__ for part in FOLLOWED):
            yield target


def _module(handler: Handler) -> str:
    return handler.__module__.rpartition(".")[2]


def _node(handler: Handler) -> str:
    return f"{_module(handler)}_{handler.__name__}"
