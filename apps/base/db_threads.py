"""Database work from the event loop: in a thread, whose connection is given up when it broke."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

T = TypeVar("T")


async def in_thread(job: Callable[[], T]) -> T:
    """`job()` in a thread. An OperationalError is passed on; the next call in that thread connects anew."""
    return await asyncio.to_thread(_run, job)


def _run(job: Callable[[], T]) -> T:
    try:
        return job()
    except OperationalError:
        connection.close()
        raise
