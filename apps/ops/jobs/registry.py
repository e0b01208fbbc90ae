"""The fixed list of long work. A row names one of these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Tell = Callable[[int, str], None]  # percent, and what is done now


class JobFailed(Exception):
    """The job did not do what it is for. One plain sentence, which people read."""


@dataclass(frozen=True)
class JobKind:
    """`run(arguments, tell)` returns its last words. `takes`: each argument and the values it may have; none other."""

    name: str
    label: str  # for the dashboard, in Indonesian
    run: str  # dotted, so that heavy libraries are loaded in the jobs' process only
    takes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def refuse(self, arguments: Mapping[str, Any]) -> str:
        """What is wrong with the arguments, as a sentence; empty when nothing is."""
        for name, value in arguments.items():
            if name not in self.takes:
                return f"{self.name} has no argument {name!r}."
            if value not in self.takes[name]:
                return f"{name} of {self.name} must be one of {', '.join(map(str, self.takes[name]))}."
        return ""


KINDS: dict[str, JobKind] = {}


def register(kind: JobKind) -> None:
    KINDS[kind.name] = kind
