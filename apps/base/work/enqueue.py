"""Ringing: a bell is `(function, primary key)` in django-q2's table, committed with the row it is about."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django_q.tasks import async_task

BELL_CHANNEL = "autoorder_bell"
OUTBOX_CHANNEL = "autoorder_outbox"


def ring(task: str, pk: Any) -> None:
    """Queue `task(pk)` exactly when the current transaction commits. A lost bell is rung again by the clock."""
    if not settings.DROP_BELLS:
        ring_by_clock(task, pk)


def ring_by_clock(task: str, pk: Any) -> None:
    """The clock's own bell, which the drill that drops every other bell leaves in place."""
    async_task(task, str(pk))


def wake(channel: str) -> None:
    """NOTIFY once, after the commit: inside it would hold one global lock through the flush. May be lost."""
    if settings.DROP_BELLS:
        return
    call = _WAKERS[channel]
    if not any(waiting[1] is call for waiting in connection.run_on_commit):
        transaction.on_commit(call)


def _notify(channel: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {channel}")


def _notify_bell() -> None:
    _notify(BELL_CHANNEL)


def _notify_outbox() -> None:
    _notify(OUTBOX_CHANNEL)


_WAKERS = {BELL_CHANNEL: _notify_bell, OUTBOX_CHANNEL: _notify_outbox}
