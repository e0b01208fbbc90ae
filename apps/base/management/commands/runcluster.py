"""`runcluster`: the queue workers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.base.work.cluster import StrictCluster
from apps.base.work.preload import loaded, warm_up
from apps.base.work.registered_tasks import load_tasks


class Command(BaseCommand):
    help = "Run the queue workers until stopped. Example: manage.py runcluster"

    requires_system_checks: list[str] = []  # `prepare` checks; loading every page would cost memory here

    def handle(self, *args: Any, **options: Any) -> None:
        load_tasks()  # before the fork, so that the workers share it
        for module in settings.WORKER_PRELOAD:
            import_module(module)
        warm_up()
        loaded()
        cluster = StrictCluster()
        cluster.start()
        cluster.watch_over()
