"""The tasks that may run: what the rooms have registered, and nothing else that a row of the database may name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from django.conf import settings

Task = TypeVar("Task", bound=Callable[..., Any])

_registered: dict[str, Callable[..., Any]] = {}
_loaded = False


class NotATask(Exception):
    """A row names something that no room registered: nothing of it is run."""


def task(function: Task) -> Task:
    """Decorator: may be named by a bell, an errand, or a message's `on_sent` and `on_failed`."""
    _registered[f"{function.__module__}.{function.__qualname__}"] = function
    return function


def load_tasks() -> None:
    """Every room's tasks are registered. The cluster calls it before it forks, so that its processes share them."""
    global _loaded
    if not _loaded:
        for module in settings.TASK_MODULES:
            import_module(module)
        _loaded = True


def task_named(name: str) -> Callable[..., Any]:
    """The registered task of this dotted name. Raises NotATask; nothing is imported because a row says so."""
    load_tasks()
    try:
        return _registered[name]
    except KeyError:
        raise NotATask(name[:80]) from None


def may_run(bell: Any) -> bool:
    """Whether a bell is one of ours: a registered task and one primary key."""
    try:
        task_named(bell["func"])
        (key,) = bell["args"]
    except (NotATask, KeyError, TypeError, ValueError):
        return False
    return isinstance(key, str) and not bell.get("kwargs") and not bell.get("hook")
