"""Broker and wake-up calls, on real commits."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django_q.models import OrmQ

from apps.base.work.broker import BellBroker
from apps.base.work.enqueue import BELL_CHANNEL, ring

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ear() -> Any:
    """A second connection that listens."""
    import psycopg

    from apps.bot.connection.leader import listening_params

    wire = psycopg.connect(**listening_params())
    wire.execute(f"LISTEN {BELL_CHANNEL}")
    yield lambda: len(list(wire.notifies(timeout=0.3)))
    wire.close()


def test_many_bells_of_one_transaction_wake_once_and_after_the_commit(ear: Any) -> None:
    with transaction.atomic():
        for number in range(5):
            ring("apps.base.work.cluster.heartbeat", number)
        assert ear() == 0
    assert ear() == 1
    assert OrmQ.objects.count() == 5


def test_a_rollback_wakes_nobody(ear: Any) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        ring("apps.base.work.cluster.heartbeat", 1)
        raise RuntimeError
    assert ear() == 0
    assert not OrmQ.objects.exists()


def test_the_oldest_bell_comes_first_and_is_lent_once() -> None:
    for number in range(3):
        ring("apps.base.work.cluster.heartbeat", number)
    broker = BellBroker("autoorder")
    first = broker._take()
    assert first[0][0] == OrmQ.objects.order_by("id").first().pk  # type: ignore[union-attr]
    assert broker._take()[0][0] != first[0][0]
    broker.acknowledge(first[0][0])
    assert OrmQ.objects.count() == 2


def test_a_lost_connection_is_waited_for() -> None:
    broker = BellBroker("autoorder")
    broker.dequeue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    import psycopg

    from apps.bot.connection.leader import listening_params

    with psycopg.connect(**listening_params()) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    assert broker.dequeue() is None
    ring("apps.base.work.cluster.heartbeat", 1)
    assert broker.dequeue()


def test_waiting_ends_when_a_bell_rings_elsewhere() -> None:
    import threading
    import time

    broker = BellBroker("autoorder")
    broker.dequeue()

    def later() -> None:
        time.sleep(0.2)
        ring("apps.base.work.cluster.heartbeat", 1)
        connection.close()

    thread = threading.Thread(target=later)
    thread.start()
    found = None
    for _ in range(3):
        found = found or broker.dequeue()
    thread.join()
    assert found
