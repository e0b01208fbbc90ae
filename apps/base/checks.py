"""System checks: wrong configuration is refused before the first order."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apps.base.crypto import key_ring


@register()
def sandbox_beside_a_token(**kwargs: Any) -> list[CheckMessage]:
    """E001: the fakes must never run beside a real bot token."""
    if settings.SANDBOX and settings.REAL_TOKEN_GIVEN:
        return [Error("SANDBOX=1 beside a TELEGRAM_BOT_TOKEN: remove one of the two.", id="autoorder.E001")]
    return []


@register()
def keys_are_usable(**kwargs: Any) -> list[CheckMessage]:
    """E002: keys that cannot encrypt are found at start, not at the first paid order."""
    found: list[CheckMessage] = []
    try:
        key_ring(settings.FIELD_KEYS)
    except ValueError as error:
        found.append(Error(f"FIELD_KEYS: {error}.", id="autoorder.E002"))
    for name in ("LOOKUP_KEY", "AUDIT_KEY"):
        try:
            good = len(base64.b64decode(getattr(settings, name), validate=True)) >= 32
        except binascii.Error:
            good = False
        if not good:
            found.append(Error(f"{name} must be 32 bytes in base64.", id="autoorder.E002"))
    return found


@register()
def only_postgresql(**kwargs: Any) -> list[CheckMessage]:
    """E003: there is no second database dialect."""
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        return [Error("DATABASE_URL must name a PostgreSQL database.", id="autoorder.E003")]
    return []


@register()
def outside_addresses_are_private(**kwargs: Any) -> list[CheckMessage]:
    """E004: what sees the bot token, or the gateway's key, is https or loopback."""
    found: list[CheckMessage] = []
    for name in ("TELEGRAM_API_URLS", "PAKASIR_API_URLS"):
        for url in getattr(settings, name):
            if not url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
                found.append(Error(f"{name}: {url} must be https, or loopback.", id="autoorder.E004"))
    return found
