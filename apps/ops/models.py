"""What the roof keeps: reports of drills."""

from __future__ import annotations

from django.db import models

from apps.base.ids import uuid7
from apps.base.triggers import append_only


class DrillReport(models.Model):
    """One drill as it went, signed. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("latihan", max_length=40)
    passed = models.BooleanField("lulus")
    planted = models.CharField("kesalahan yang ditanam", max_length=40, blank=True, default="")
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
