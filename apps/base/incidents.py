"""Incidents: the floor only raises them; a room above tells the people (settings.INCIDENT_TASK)."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F

from apps.base.clock import ShopNow
from apps.base.errands import send_errand
from apps.base.ids import uuid7

log = logging.getLogger(__name__)


class Incident(models.Model):
    """Something that needs a hand. One open row per key; repeats are counted, not told again."""

    class State(models.TextChoices):
        OPEN = "open", "Terbuka"
        ACKNOWLEDGED = "acknowledged", "Sedang ditangani"
        RESOLVED = "resolved", "Selesai"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField("kode", max_length=120)
    text = models.CharField("jenis", max_length=60)  # name of the message template
    data = models.JSONField("keterangan", default=dict)  # amounts and keys for the template, no personal data
    state = models.CharField("status", max_length=12, choices=State, default=State.OPEN)
    times = models.PositiveIntegerField("kali", default=1)
    opened_at = models.DateTimeField("mulai", db_default=ShopNow())
    last_at = models.DateTimeField("terakhir", db_default=ShopNow())
    resolved_at = models.DateTimeField("selesai", null=True, blank=True)

    class Meta:
        app_label = "base"
        verbose_name = "gangguan"
        verbose_name_plural = "gangguan"
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=~models.Q(state="resolved"), name="incident_one_open_per_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} · {self.key}"


def raise_incident(key: str, text: str, **data: Any) -> None:
    """Open the incident `key` and have the owner told once; while it is open, only count."""
    log.error("incident", extra={"action": "incident", "key": key})
    unresolved = Incident.objects.exclude(state=Incident.State.RESOLVED).filter(key=key)
    if unresolved.update(times=F("times") + 1, last_at=ShopNow()):
        return
    try:
        with transaction.atomic():
            incident = Incident.objects.create(key=key, text=text, data=data)
            send_errand(settings.INCIDENT_TASK, incident.pk)
    except IntegrityError:  # somebody opened it between our look and our insert
        unresolved.update(times=F("times") + 1, last_at=ShopNow())


def resolve_incident(key: str) -> None:
    """Close it; no row, nothing to close."""
    Incident.objects.exclude(state=Incident.State.RESOLVED).filter(key=key).update(
        state=Incident.State.RESOLVED, resolved_at=ShopNow()
    )
