"""`runcluster`: the queue workers."""

from __future__ import annotations

import gc
from typing import Any

from django.core.management.base import BaseCommand

from apps.base.queue.cluster import StrictCluster


class Command(BaseCommand):
    help = "Run the queue workers until stopped. Example: manage.py runcluster"

    def handle(self, *args: Any, **options: Any) -> None:
        gc.collect()
        gc.freeze()  # what is loaded by now stays shared between the forked workers
        cluster = StrictCluster()
        cluster.start()
        cluster.watch_over()
