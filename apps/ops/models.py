"""What the roof keeps: reports of drills, and what the shop does by itself at its times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models

from apps.base.ids import uuid7
from apps.base.triggers import append_only
from apps.base.work.claimable import Claimable, dead_index, due_index


class DrillReport(models.Model):
    """One drill as it went, signed. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("latihan", max_length=40)
    passed = models.BooleanField("lulus")
    scale = models.FloatField("bagian dari jumlah penuh", default=1, db_default=1)
    planted = models.CharField("kesalahan yang ditanam", max_length=250, blank=True, default="")
    started_at = models.DateTimeField("mulai")
    ended_at = models.DateTimeField("selesai")
    text = models.TextField("isi")  # the JSON that was signed, to the letter
    signature = models.CharField("tanda tangan", max_length=64)

    class Meta:
        verbose_name = "laporan latihan"
        verbose_name_plural = "laporan latihan"
        indexes = [models.Index(fields=["name", "-ended_at"], name="drill_newest")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.name} · {'lulus' if self.passed else 'tidak lulus'}"


class Routine(Claimable):
    """Something the shop does by itself at its times (apps.ops.monitoring.routines). `memory`: what the next round must
    know.
    """

    BELL: ClassVar[str] = "apps.ops.monitoring.routines.run_routine"
    STEP: ClassVar[timedelta] = timedelta(seconds=20)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("nama", max_length=40, unique=True)
    memory = models.JSONField("ingatan", default=dict)

    class Meta:
        verbose_name = "rutinitas"
        verbose_name_plural = "rutinitas"
        indexes = [due_index("routine_due"), dead_index("routine_dead")]

    def __str__(self) -> str:
        return self.name

    def remember(self, **memory: Any) -> None:
        """What the next round must know, and nothing else; the claim's own columns stay as they are."""
        type(self).objects.filter(pk=self.pk).update(memory=memory)
