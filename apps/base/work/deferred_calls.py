"""Errands: news carried upward by name. The row makes sure that a lost bell loses no news."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models

from apps.base.fast_rows import insert_row
from apps.base.ids import uuid7
from apps.base.work.claimable import Claimable, dead_index, due_index, work
from apps.base.work.enqueue import ring
from apps.base.work.registered_tasks import task, task_named


class Errand(Claimable):
    """Call `task(key)` until it succeeds; the row goes when it has."""

    BELL = "apps.base.work.deferred_calls.run_errand"
    STEP = timedelta(seconds=20)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=120)
    key = models.CharField(max_length=80)

    class Meta:
        app_label = "base"
        verbose_name = "kabar dalam antrean"
        verbose_name_plural = "kabar dalam antrean"
        indexes = [due_index("errand_due"), dead_index("errand_dead")]


def send_errand(task: str, key: Any) -> None:
    """Have `task(key)` run after the current transaction, at least once. The task must be safe to run twice."""
    errand = Errand(task=task, key=str(key))
    insert_row(errand)
    ring(Errand.BELL, errand.pk)


@task
def run_errand(pk: str) -> None:
    """Task: run one errand and delete it."""
    work(Errand, pk, lambda errand: task_named(errand.task)(errand.key))
    Errand.objects.filter(pk=pk, next_at__isnull=True, dead_at__isnull=True).delete()
