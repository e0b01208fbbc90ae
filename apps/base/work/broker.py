"""django-q2's broker on our PostgreSQL: one statement to take a bell, LISTEN instead of sleeping."""

from __future__ import annotations

import logging
import time
from typing import Any

import psycopg
from django.db import OperationalError, connection
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.core_signing import BadSignature
from django_q.signing import SignedPackage

from apps.base.incidents import raise_incident
from apps.base.work.enqueue import BELL_CHANNEL, wake
from apps.base.work.registered_tasks import may_run

log = logging.getLogger(__name__)

WAIT = 1.0  # seconds asleep without a NOTIFY before the table is looked at all the same
RETRY = 0.3  # seconds between two tries to reach the database

# MATERIALIZED: inside an IN, a plan by nested loops would run the inner query again for every row, past its LIMIT
TAKE = """
WITH chosen AS MATERIALIZED (
  SELECT id FROM django_q_ormq WHERE key = %s AND lock <= now() ORDER BY lock, id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE django_q_ormq SET lock = now() + make_interval(secs => %s) WHERE id = ANY(ARRAY(SELECT id FROM chosen))
RETURNING id, payload
"""


class BellBroker(ORM):
    """The ORM broker with SKIP LOCKED and NOTIFY after commit."""

    _listening: Any = None  # the connection that has LISTENed
    _more = True  # the last look brought something: look again before waiting

    def enqueue(self, task: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_q_ormq (key, payload, lock) VALUES (%s, %s, clock_timestamp()) RETURNING id",
                [self.list_key or Conf.CLUSTER_NAME, task],
            )
            pk = cursor.fetchone()[0]
        wake(BELL_CHANNEL)
        return pk

    def dequeue(self) -> list[tuple[int, str]] | None:
        """Bells to deliver now, or None after a short wait. A database that restarts is waited for.

        An error passed on would stop the pusher for ten seconds and then end it.
        """
        try:
            return self._next()
        except (OperationalError, psycopg.OperationalError):
            connection.close()
            time.sleep(RETRY)
            return None

    def _next(self) -> list[tuple[int, str]] | None:
        connection.ensure_connection()
        if self._listening is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {BELL_CHANNEL}")
            self._listening = connection.connection
            self._more = True
        if not self._more:
            self._wait_for_bell()
        taken = self._take()
        self._more = bool(taken)
        return taken or None

    def _take(self) -> list[tuple[int, str]]:
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [self.list_key, Conf.BULK, Conf.RETRY])
            taken = cursor.fetchall()
        return [bell for bell in taken if self._is_ours(*bell)]

    def _is_ours(self, pk: int, payload: str) -> bool:
        """A bell that names no task of ours is thrown away; people hear of one that we did not sign, of which nothing
        is opened.
        """
        try:
            if may_run(SignedPackage.loads(payload)):
                return True
        except (TypeError, BadSignature):
            raise_incident("queue.strange", "queue_strange")
        log.error("a strange bell was thrown away", extra={"action": "strange_bell", "row": pk})
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_q_ormq WHERE id = %s", [pk])
        return False

    def _wait_for_bell(self) -> None:
        """Sleep until a NOTIFY, at most WAIT seconds."""
        for _ in connection.connection.notifies(timeout=WAIT, stop_after=1):
            pass
