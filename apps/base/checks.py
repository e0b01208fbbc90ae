"""System checks: wrong configuration is refused before the first order."""

from __future__ import annotations

import base64
import binascii
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from host.crypto import key_ring
from host.redaction import redact


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
    """E004: what sees a bot's token, or the gateway's key, is https or loopback."""
    lists = {name: getattr(settings, name) for name in ("TELEGRAM_API_URLS", "OWNER_API_URLS")}
    lists |= {name: [getattr(settings, name)] for name in settings.GATEWAY_ADDRESSES}
    return [
        Error(f"{name.removesuffix('S')}: {redact(url)} must be https, or http on this machine.", id="autoorder.E004")
        for name, urls in lists.items()
        for url in urls
        if not is_private(url)
    ]


def is_private(url: str) -> bool:
    """Whether nobody on the way can read what goes there: https, or loopback by its very name or number."""
    try:
        address = urlsplit(url)
        host, _ = address.hostname or "", address.port
    except ValueError:
        return False
    _, bracket, behind = address.netloc.rpartition("]")  # urlsplit takes `[::1].evil` for ::1
    if (
        address.username is not None
        or not host
        or any(c.isspace() for c in url)
        or (bracket and behind.strip(":0123456789"))
    ):
        return False
    if address.scheme == "https":
        return True
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return address.scheme == "http" and local


@register()
def a_real_shop_is_closed_to_strangers(**kwargs: Any) -> list[CheckMessage]:
    """E005: with a real token nothing that is for trying out, and no key that can be guessed."""
    if not settings.REAL_TOKEN_GIVEN:
        return []
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(
            Error("DEBUG=1 shows the shop's insides to everybody: take it out beside a token.", id="autoorder.E005")
        )
    if any(host.strip().startswith(("*", ".")) for host in settings.ALLOWED_HOSTS):
        found.append(
            Error("ALLOWED_HOSTS may not hold * or a whole domain: name the shop's own hosts.", id="autoorder.E005")
        )
    for name, least in {**LEAST_LETTERS, **settings.GATEWAY_DOORS}.items():
        value = str(settings.CREDENTIALS.get(name) or getattr(settings, name, ""))
        if (value or name == "SECRET_KEY") and len(value) < least:
            found.append(
                Error(f"{name} has fewer than {least} letters: take a longer, random one.", id="autoorder.E005")
            )
    return found


LEAST_LETTERS = dict(SECRET_KEY=50, TELEGRAM_WEBHOOK_SECRET=16, METRICS_TOKEN=16)  # noqa: C408  (bandit takes the literal's keys for passwords)


@register()
def the_public_address_is_https(**kwargs: Any) -> list[CheckMessage]:
    """E006: Telegram and gateways call https only; empty means polling."""
    url = settings.PUBLIC_URL
    if not url or (is_private(url) and (settings.SANDBOX or url.startswith("https://"))):
        return []
    return [
        Error(
            f"PUBLIC_URL must be https://your-domain, or empty (then the shop polls); it is {url!r}.",
            id="autoorder.E006",
        )
    ]
