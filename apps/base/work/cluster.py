"""django-q2's cluster, hardened: any unexpected death of a child ends the whole, and the supervisor starts a clean one.

What broke without it (measured): kill -9 of an idle worker hangs the cluster for ever, since it held the queue's lock;
of the monitor, every task runs again and again; of main or sentinel, orphans go on executing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import django_q.cluster
from django.conf import settings
from django.db import OperationalError, connection
from django_q.cluster import Cluster, Sentinel

from apps.base.work.concurrency import open_places
from apps.base.work.enqueue import ring_by_clock
from apps.base.work.registered_tasks import task
from host.heartbeats import beat, leave
from host.launch import die_with_parent

LOOK = 0.2  # seconds between two looks at the children
HEARTBEAT = 5.0  # seconds between two heartbeat tasks


class StrictSentinel(Sentinel):
    """Ends itself, and by PDEATHSIG its children, instead of reviving one child."""

    def reincarnate(self, process: Any) -> None:
        recycled = process in self.pool and int(process.timer.value) == -2
        if not recycled:
            os._exit(3)
        super().reincarnate(process)


class StrictCluster(Cluster):
    """A cluster whose every process dies with its parent, and whose main dies with its sentinel."""

    def start(self) -> int:
        os.register_at_fork(after_in_child=lambda: die_with_parent(signal.SIGKILL))
        django_q.cluster.Sentinel = StrictSentinel  # Cluster.start() names the class in its own module
        open_places(settings.WORKERS)
        connection.close()
        pid: int = super().start()
        return pid

    def watch_over(self) -> None:
        """Block until stopped; exit hard when the sentinel dies by itself."""
        threading.Thread(target=_ring_heartbeats, name="heartbeat", daemon=True).start()
        while not self.has_stopped:
            if not self.sentinel.is_alive() and not (self.stop_event is None or self.stop_event.is_set()):
                os._exit(3)
            time.sleep(LOOK)
        leave("worker")


def _ring_heartbeats() -> None:
    while True:
        try:
            ring_by_clock("apps.base.work.cluster.heartbeat", "worker")
        except OperationalError:  # the database restarts; `watch` counts the silence
            connection.close()
        time.sleep(HEARTBEAT)


@task
def heartbeat(name: str) -> None:
    """The task that proves the whole way: queue, pusher, worker."""
    beat(name)
