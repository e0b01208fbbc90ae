"""What the roof keeps: reports of drills, what the shop does by itself at its times, long work, and backups."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from apps.base.clock import ShopNow
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


class Job(models.Model):
    """Long work that somebody asked for (apps.ops.jobs). Who runs it may do more than the shop, and trusts no row
    without `mac`.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Menunggu"
        RUNNING = "running", "Berjalan"
        DONE = "done", "Selesai"
        FAILED = "failed", "Gagal"
        BROKEN = "broken", "Terputus"

    OPEN = (State.WAITING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("pekerjaan", max_length=40)
    arguments = models.JSONField("isian", default=dict)
    asked_by = models.CharField("diminta oleh", max_length=80)
    asked_at = models.DateTimeField("diminta", db_default=ShopNow())
    state = models.CharField("status", max_length=12, choices=State, default=State.WAITING)
    progress = models.PositiveSmallIntegerField("persen", default=0)
    words = models.TextField("kata terakhir", blank=True, default="")
    started_at = models.DateTimeField("mulai", null=True, blank=True)
    ended_at = models.DateTimeField("selesai", null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)  # database time; over: its process is gone
    mac = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "pekerjaan"
        verbose_name_plural = "pekerjaan"
        indexes = [models.Index(fields=["state", "id"], name="job_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(state__in=["waiting", "running"]), name="job_one_open_per_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} · {self.get_state_display()}"


class Backup(models.Model):
    """One backup, from its beginning on. The bundle's own record is signed (host.backups.records); this row is what the
    dashboard shows and what the clocks look at."""

    class Kind(models.TextChoices):
        HOURLY = "hourly", "Per jam"
        DAILY = "daily", "Harian"
        WEEKLY = "weekly", "Mingguan"
        MANUAL = "manual", "Diminta"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField("nomor", unique=True)
    name = models.CharField("nama", max_length=80, unique=True)
    kind = models.CharField("jenis", max_length=8, choices=Kind)
    whole = models.BooleanField("dengan file")
    started_at = models.DateTimeField("mulai", db_default=ShopNow())
    ended_at = models.DateTimeField("jadi", null=True, blank=True)
    size = models.BigIntegerField("ukuran", null=True, blank=True)  # bytes
    sha256 = models.CharField(max_length=64, blank=True, default="")
    error = models.TextField("masalah", blank=True, default="")
    read_back_at = models.DateTimeField("dibaca ulang", null=True, blank=True)  # here, to its end
    offsite_at = models.DateTimeField("di tempat lain", null=True, blank=True)  # copied, read back and compared
    offsite_error = models.TextField("masalah di tempat lain", blank=True, default="")
    proven_at = models.DateTimeField("terbukti", null=True, blank=True)  # restored, every row compared
    proof = models.JSONField("bukti", default=dict)
    removed_at = models.DateTimeField("dihapus", null=True, blank=True)  # by retention

    class Meta:
        verbose_name = "cadangan"
        verbose_name_plural = "cadangan"
        indexes = [models.Index(fields=["-started_at"], name="backup_newest")]

    def __str__(self) -> str:
        return self.name
