"""The list of health checks. Each room adds its own; the roof (apps.ops) shows them and tells people.

A check is a function that returns its figures and raises ServiceWarning (something needs a look) or ServiceUnavailable
(it does not work), each with one plain English sentence without secrets. Base and exceptions: django-health-check 4.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, close_old_connections, connection
from health_check.base import HealthCheck, HealthCheckResult
from health_check.exceptions import HealthCheckException, ServiceUnavailable, ServiceWarning
from psycopg.errors import QueryCanceled

__all__ = ["REGISTRY", "Finding", "ServiceUnavailable", "ServiceWarning", "examine", "health_check", "words_for"]

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

log = logging.getLogger(__name__)
logging.getLogger("health_check").setLevel(logging.CRITICAL)  # what was found is told by whoever asked

Figures = Mapping[str, float]
PATIENCE = timedelta(seconds=3)
BOUND = "2500ms"  # for each statement of a look, in the threads of `examine`


@dataclass
class ShopCheck(HealthCheck):
    """One named check. `gates`: while it fails this host must not get traffic. `tells`: what the owner reads when it
    stays bad; empty where something else tells (`watch`, or an incident of its own)."""

    name: str
    look: Callable[[], Figures | None] = field(repr=False)
    gates: bool = False
    tells: StrPromise | str = ""
    figures: dict[str, float] = field(default_factory=dict, repr=False)
    timeout = PATIENCE

    def run(self) -> None:
        """In a thread of its own kind: a database that hangs must not take the asker along."""
        close_old_connections()
        with (
            suppress(DatabaseError, RuntimeError),
            connection.cursor() as cursor,
        ):  # what is away is found by the look itself
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [BOUND])
        self.look_once()

    def look_once(self) -> None:
        self.figures = {}  # those of the last look say nothing about this one
        try:
            self.figures = dict(self.look() or {})
        except DatabaseError as error:
            connection.close()
            if isinstance(error.__cause__, QueryCanceled):
                raise ServiceWarning("this look takes too long: is the database overloaded?") from error
            raise ServiceUnavailable("the database does not answer") from error
        except HealthCheckException:
            raise
        except Exception as error:
            log.exception("a health check stumbled", extra={"action": "health_failed", "check": self.name})
            raise ServiceUnavailable(f"the check itself failed: {type(error).__name__}") from error


@dataclass(frozen=True)
class Finding:
    """What one check found: `level` 0 well, 1 needs a look, 2 does not work."""

    name: str
    level: int
    says: str
    gates: bool
    figures: Mapping[str, float]

    @property
    def word(self) -> str:
        return ("ok", "warning", "failing")[self.level]

    def details(self) -> dict[str, Any]:
        """State, sentence and figures, as JSON tells them."""
        return {"state": self.word, "says": self.says, **self.figures}


REGISTRY: list[ShopCheck] = []
_threads = ThreadPoolExecutor(4, thread_name_prefix="health")  # a slow look takes none of the others with it


def health_check(
    name: str, *, gates: bool = False, tells: StrPromise | str = ""
) -> Callable[..., Callable[[], Figures | None]]:
    """Decorator: the function is a check under `name`, once for all processes."""

    def keep(look: Callable[[], Figures | None]) -> Callable[[], Figures | None]:
        REGISTRY.append(ShopCheck(name, look, gates, tells))
        return look

    return keep


def words_for(name: str) -> str:
    """What the owner reads about a check, in the language in force; empty for one that tells nothing or is no more."""
    return next((str(check.tells) for check in REGISTRY if check.name == name), "")


def examine(*, apart: bool = True) -> list[Finding]:
    """Every check, in the order they were added. `apart`: in threads of their own and at most 4 s each, for a database
    that hangs; else in this thread and connection, which tests need."""
    if not apart:
        return [_inline(check) for check in REGISTRY]

    async def every() -> list[HealthCheckResult]:
        return await asyncio.gather(*(check.get_result(_threads) for check in REGISTRY))

    return [_finding(check, result.error) for check, result in zip(REGISTRY, asyncio.run(every()), strict=True)]


def _inline(check: ShopCheck) -> Finding:
    try:
        check.look_once()
    except HealthCheckException as error:
        return _finding(check, error)
    return _finding(check, None)


def _finding(check: ShopCheck, error: HealthCheckException | None) -> Finding:
    if error is None:
        return Finding(check.name, 0, "", check.gates, check.figures)
    level = 1 if isinstance(error, ServiceWarning) else 2
    return Finding(check.name, level, error.message, check.gates, check.figures)
