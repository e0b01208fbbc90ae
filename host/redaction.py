"""One list of everything secret, and one redactor for logs, Sentry and whatever else leaves the house.

Standard library only: logging is set up before Django.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

# every setting whose value is secret, in whole or (addresses) in part
SECRETS = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "FIELD_KEYS",
    "LOOKUP_KEY",
    "AUDIT_KEY",
    "DATABASE_URL",
    "DATABASE_ADMIN_URL",
    "TELEGRAM_BOT_TOKEN",
    "TELEGRAM_WEBHOOK_SECRET",
    "OWNER_BOT_TOKEN",
    "BACKUP_S3_KEY",
    "BACKUP_S3_SECRET",
    "METRICS_TOKEN",
    "EMAIL_URL",
    "ALERT_WEBHOOK_URL",
    "HEARTBEAT_URL",
    "SENTRY_DSN",
)
LEAST = 6  # letters; shorter ones would blank half the log
TOKEN = re.compile(r"\b(\d{5,20}):[A-Za-z0-9_-]{20,}|(?<=/bot)\d+:[A-Za-z0-9_-]+")
URL_PASSWORD = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
DEPTH = 12  # levels of a report that are looked into; deeper ones are left out

_values: dict[str, str] = {}  # what is secret → what stands in its place
_pattern: re.Pattern[str] | None = None


def learn(name: str, value: str) -> None:
    """A value is secret from now on: as it is, percent-encoded, and in base64 (as Basic authentication sends it)."""
    global _pattern
    if not value:
        return
    known = len(_values)
    for part in parts_of(name, value):
        for form in (part, quote(part, safe=""), base64.b64encode(part.encode()).decode().rstrip("=")):
            if len(form) >= LEAST:
                _values.setdefault(form, f"[{name}]")
    if len(_values) != known:
        _pattern = re.compile("|".join(re.escape(value) for value in sorted(_values, key=len, reverse=True)))


def parts_of(name: str, value: str) -> list[str]:
    """The secret parts of a setting's value: of an address its password, its query and its path."""
    if name in ("FIELD_KEYS", "SECRET_KEY_FALLBACKS"):
        return [entry.partition(":")[2] or entry for entry in value.split(",")]
    if "://" not in value:
        return [value]
    try:
        address = urlsplit(value)
        found = [
            unquote(address.password or ""),
            address.password or "",
            address.username or "" if name == "SENTRY_DSN" else "",
        ]
    except ValueError:
        return [value]
    if name in ("ALERT_WEBHOOK_URL", "HEARTBEAT_URL"):
        found += [address.path, address.query]
    return found


def redact(text: str) -> str:
    """The text without anything that is secret."""
    if _pattern is not None:
        text = _pattern.sub(lambda found: _values[found.group()], text)
    return URL_PASSWORD.sub("[password]", TOKEN.sub("[token]", text))


def redact_all(thing: Any, depth: int = DEPTH) -> Any:
    """The same for everything inside of lists and mappings; what is neither text nor number becomes text."""
    if isinstance(thing, str):
        return redact(thing)
    if thing is None or isinstance(thing, bool | int | float):
        return thing
    if depth == 0:
        return "…"
    if isinstance(thing, Mapping):
        return {redact(str(key)): redact_all(value, depth - 1) for key, value in thing.items()}
    if isinstance(thing, list | tuple | set | frozenset):
        return [redact_all(value, depth - 1) for value in thing]
    return redact(thing.decode(errors="replace") if isinstance(thing, bytes) else str(thing))


def redact_report(event: Any, hint: Any = None) -> Any:
    """sentry-sdk's `before_send`, `before_send_transaction` and `before_breadcrumb`."""
    return redact_all(event)
