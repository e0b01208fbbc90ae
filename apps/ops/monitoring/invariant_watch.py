"""The books are proved every hour by the shop itself: a truth that is broken rings, and ends when it holds again.

One invariant a round, and only among rows of the last days: the whole history is proved by `checkinvariants`. None
takes longer than the bound; the next is noted before this one starts, so that what is cut off does not keep the others
from being looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import QueryCanceled

from apps.base.clock import shop_now
from apps.base.ids import floor_of
from apps.base.incidents import keep_incident, raise_incident, resolve_incident
from apps.base.invariants import FIRST, REGISTRY, Invariant, page_of
from apps.ops.models import Routine

EVERY = timedelta(hours=1)
FIRST_TIME = timedelta(minutes=10)  # after a shop's first start: it has other things to do
NEXT = timedelta(seconds=1)
WINDOW = timedelta(days=2)  # rows older than this before the last proof are final, and were proved while they moved
BOUND = "8s"  # for each statement of a proof


def prove(invariant: Invariant) -> list[str]:
    """What breaks it among the rows of the last days. Raises OperationalError by QueryCanceled when that takes too
    long.
    """
    since = floor_of(timezone.now() - WINDOW)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [BOUND])
        return list(islice(invariant.broken(since), FIRST))


def check_books(routine: Routine) -> datetime:
    """One round of the routine: one invariant."""
    truths = [invariant for invariant in REGISTRY if invariant.is_truth]
    if "turn" not in routine.memory:
        routine.remember(turn=0)
        return shop_now() + FIRST_TIME
    turn = int(routine.memory["turn"]) % len(truths)
    routine.remember(turn=turn + 1)
    invariant = truths[turn]
    key = f"books.{invariant.name}"
    try:
        first = prove(invariant)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        keep_incident(f"{key}.slow", "books_slow", name=invariant.name)
    else:
        resolve_incident(f"{key}.slow")
        _tell(invariant, key, first)
    return shop_now() + (EVERY if turn + 1 == len(truths) else NEXT)


def _tell(invariant: Invariant, key: str, first: list[str]) -> None:
    if first:
        raise_incident(key, "books_wrong", name=invariant.name, page=page_of(invariant.name), first=", ".join(first))
    else:
        resolve_incident(key)
