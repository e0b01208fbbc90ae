"""How many workers may wait for somebody outside at once: at most half of them, at least one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import BoundedSemaphore

PATIENCE = 0.5  # seconds to wait for a place

_places: BoundedSemaphore | None = None


class Crowded(Exception):
    """Enough workers wait outside already: try again in a moment."""


def open_places(workers: int) -> None:
    """Called once, before the workers are forked. A worker that dies with a place takes the whole cluster along."""
    global _places
    _places = multiprocessing.get_context("fork").BoundedSemaphore(max(1, workers // 2))


@contextmanager
def outside_call() -> Iterator[None]:
    """Hold a place for one call. Raises Crowded. Outside the workers (commands, tests) there is room for all."""
    if _places is None:
        yield
        return
    if not _places.acquire(timeout=PATIENCE):
        raise Crowded
    try:
        yield
    finally:
        _places.release()
