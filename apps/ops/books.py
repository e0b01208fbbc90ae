"""The books are proved every hour by the shop itself: a truth that is broken rings, and ends when it holds again.

One invariant a round, so that none takes a worker's whole time from it; the next is noted before this one starts: what is
killed for taking too long does not keep the others from being looked at.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from apps.base.clock import shop_now
from apps.base.incidents import raise_incident, resolve_incident
from apps.base.invariants import FIRST, REGISTRY, page_of
from apps.ops.models import Routine

EVERY = timedelta(hours=1)
FIRST_TIME = timedelta(minutes=10)  # after a shop's first start: it has other things to do
NEXT = timedelta(seconds=1)


def check_books(routine: Routine) -> datetime:
    """One round of the routine: one invariant."""
    truths = [invariant for invariant in REGISTRY if invariant.is_truth]
    if "turn" not in routine.memory:
        routine.remember(turn=0)
        return shop_now() + FIRST_TIME
    turn = int(routine.memory["turn"]) % len(truths)
    routine.remember(turn=turn + 1)
    invariant = truths[turn]
    first = list(islice(invariant.broken(), FIRST))
    key = f"books.{invariant.name}"
    if first:
        raise_incident(key, "books_wrong", name=invariant.name, page=page_of(invariant.name), first=", ".join(first))
    else:
        resolve_incident(key)
    return shop_now() + (EVERY if turn + 1 == len(truths) else NEXT)
