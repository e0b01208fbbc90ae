"""An update whose handling never ends takes its thread along for good. Its process ends instead, the supervisor starts
a clean one, and the attempt counts: after the last one the update is put aside, and everybody else is served."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

MOST = 60.0  # seconds one update may take; what waits for the database is cut off long before
LOOK = 5.0

_started: dict[int, float] = {}  # thread → since when it handles something (monotonic)
_watching = 0  # the process whose thread looks


@contextmanager
def bounded() -> Iterator[None]:
    """The work inside must end within MOST seconds, or this process does."""
    _watch()
    me = threading.get_ident()
    _started[me] = time.monotonic()
    try:
        yield
    finally:
        _started.pop(me, None)


def hangs(now: float) -> bool:
    return any(now - since > MOST for since in list(_started.values()))


def _watch() -> None:
    global _watching
    if _watching != os.getpid():  # threads are not taken over a fork
        _watching = os.getpid()
        threading.Thread(target=_look, name="hang-guard", daemon=True).start()


def _look() -> None:
    while True:
        time.sleep(LOOK)
        if hangs(time.monotonic()):
            log.critical("an update was handled for too long; this process ends", extra={"action": "handler_hangs"})
            os._exit(1)
