"""Which buttons a dialogue function may put on a screen, read from its code and from what it calls."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from apps.bot.dialogue.router import Handler, all_routes

FOLLOWED = (".dialogue", ".services.messages")  # where functions build screens


def offered(handler: Handler) -> set[str]:
    """The verbs of its buttons."""
    known = frozenset(all_routes().buttons)
    found: dict[Any, None] = {}
    todo: list[Any] = [handler]
    while todo:
        function = todo.pop(0)
        if function not in found:
            found[function] = None
            todo += _called(function)
    return set().union(*(_verbs(function) for function in found)) & known


@functools.cache
def _tree(function: Any) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _verbs(function: Any) -> set[str]:
    """`verb:…` in any text, and a bare `verb` as a button's data."""
    found = set()
    for node in ast.walk(_tree(function)):
        text = _head(node)
        if ":" in text:
            found.add(text.partition(":")[0])
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Button" and len(node.args) > 1:
            found.add(_head(node.args[1]))
    return found


def _head(node: ast.AST) -> str:
    """The literal beginning of a text or an f-string."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _called(function: Any) -> Iterator[Any]:
    """Functions of the dialogue that this one calls."""
    names = function.__globals__
    for call in ast.walk(_tree(function)):
        target = None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            target = names.get(call.func.id)
        elif isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            target = getattr(names.get(getattr(call.func.value, "id", "")), call.func.attr, None)
        if inspect.isfunction(target) and any(part in target.__module__ for part in FOLLOWED):
            yield target
