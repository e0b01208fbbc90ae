"""The audit log: append only, each row under its own HMAC. No lock: a chainer may link rows later."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models

from apps.base.clock import shop_now
from apps.base.fast_rows import insert_row
from apps.base.ids import uuid7
from apps.base.triggers import append_only


class AuditRow(models.Model):
    """What changed, by whom. Keys, amounts, states and hashes only: never personal data or goods."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField("waktu")
    actor = models.CharField("oleh", max_length=80)
    kind = models.CharField("kejadian", max_length=80)
    subject = models.CharField("tentang", max_length=80)
    data = models.JSONField("keterangan", default=dict)
    mac = models.BinaryField(max_length=32)

    class Meta:
        app_label = "base"
        verbose_name = "catatan audit"
        verbose_name_plural = "catatan audit"
        indexes = [models.Index(fields=["subject", "id"], name="audit_subject")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{sentence(self)} · {self.subject}"

    def expected_mac(self) -> bytes:
        """The HMAC-SHA256 under AUDIT_KEY of everything the row says."""
        said = [str(self.pk), self.at.astimezone(UTC).isoformat(), self.actor, self.kind, self.subject, self.data]
        text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hmac.digest(base64.b64decode(settings.AUDIT_KEY), text.encode(), hashlib.sha256)


def append(kind: str, subject: str, *, actor: str = "shop", at: datetime | None = None, **data: Any) -> None:
    """Write one row in the caller's transaction. `kind` is dotted (`order.paid`), `subject` like `order:AO-7F3K2`."""
    row = AuditRow(at=at or shop_now(), actor=actor, kind=kind, subject=subject, data=data)
    row.mac = row.expected_mac()
    insert_row(row)


SENTENCES: dict[str, str] = {  # kind → what happened, in Indonesian; `{name}` is filled from the row's data
    "credential.adopted": "Kunci {name} dari pengaturan server dipakai",
    "credential.rotated": "Kunci {name} diganti",
    "setting.changed": "Pengaturan {label} diganti menjadi {value}",
}


def describe(sentences: dict[str, str]) -> None:
    """A room says how the kinds it writes read on the dashboard."""
    SENTENCES.update(sentences)


def sentence(row: AuditRow) -> str:
    """What the row says, for people; amounts with their dots."""
    template = SENTENCES.get(row.kind, row.kind)
    return template.format_map(_Told({name: _told(value) for name, value in row.data.items()}))


class _Told(dict[str, Any]):
    """What a row of an older version did not yet say is left out."""

    def __missing__(self, name: str) -> str:
        return "…"


def _told(value: Any) -> Any:
    if isinstance(value, bool):
        return "ya" if value else "tidak"
    return f"{value:,}".replace(",", ".") if isinstance(value, int) else value


@functools.lru_cache(maxsize=256)  # a list names the same few people in every row
def _username(pk: str) -> str:
    user = get_user_model().objects.filter(pk=pk).first()
    return user.get_username() if user else ""


def actor_name(actor: str) -> str:
    """`chat:…` is a buyer, `user:7` a person of the dashboard by name."""
    kind, _, pk = actor.partition(":")
    if kind == "chat":
        return "pembeli"
    if kind == "user":
        return _username(pk) or actor
    return {"shop": "toko", "manage.py": "perintah"}.get(actor, actor)
