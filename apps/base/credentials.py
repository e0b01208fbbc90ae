"""Rotatable secrets: encrypted in the database, with the fingerprint of the environment value they came from."""

from __future__ import annotations

import time

from django.conf import settings
from django.db import models, transaction

from apps.base import audit
from apps.base.fields import EncryptedTextField
from apps.base.ids import uuid7
from apps.base.incidents import raise_incident
from apps.base.sealing import lookup_hash
from host import sealed_tokens
from host.redaction import learn

FRESH = 5.0  # seconds a process believes what it read


class Credential(models.Model):
    """One secret in force."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=60, unique=True)
    value = EncryptedTextField(column_name="credential.value")
    fingerprint = models.BinaryField(max_length=33)  # of the environment value last adopted
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "base"


def fingerprint(value: str) -> bytes:
    return lookup_hash("credential", value)


def adopt_environment() -> list[str]:
    """Take over every environment value that changed since it was last adopted; returns the names.

    An unchanged environment value never undoes a rotation. Audited, and told to the owner when it replaced another.
    """
    adopted = []
    for name, value in settings.CREDENTIALS.items():
        if not value:
            continue
        with transaction.atomic():
            row = Credential.objects.select_for_update().filter(name=name).first()
            if row is not None and bytes(row.fingerprint) == fingerprint(value):
                continue
            changed = row is not None
            row = row or Credential(name=name)
            row.value, row.fingerprint = value, fingerprint(value)
            row.save()
            audit.append("credential.adopted", f"credential:{name}", changed=changed)
            if changed:
                raise_incident(f"credential.{name}", "credential_adopted", needs_hand=False, name=name)
        adopted.append(name)
    _cache.clear()
    return adopted


def copy_tokens() -> bool:
    """Keep the bots' tokens in force where `watch` finds them without a database. True when something was new.

    Raises DatabaseError, OSError.
    """
    tokens = {name: token for name in sealed_tokens.NAMES if (token := credential(name))}
    return sealed_tokens.write(tokens, keys=settings.FIELD_KEYS)


_cache: dict[str, tuple[float, str]] = {}


def rotate(name: str, value: str, *, actor: str) -> None:
    """Put a new secret in force. The environment's value stays adopted as it was: it does not come back by itself."""
    with transaction.atomic():
        row = Credential.objects.select_for_update().filter(name=name).first()
        row = row or Credential(name=name, fingerprint=fingerprint(settings.CREDENTIALS.get(name, "")))
        row.value = value
        row.save()
        audit.append("credential.rotated", f"credential:{name}", actor=actor, name=name)
    _cache.pop(name, None)


def credential(name: str, *, fresh: float = FRESH) -> str:
    """The secret in force, at most `fresh` seconds old; empty when there is none."""
    read, value = _cache.get(name, (-1e9, ""))
    if time.monotonic() - read > fresh:
        row = Credential.objects.filter(name=name).first()
        value = row.value if row else ""
        learn(name, value)  # never in a log, however it got here
        _cache[name] = (time.monotonic(), value)
    return value
