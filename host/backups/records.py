"""The record beside each backup: what it is, signed with AUDIT_KEY, so that no other file passes for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

SUFFIX, RECORD = ".age", ".json"


class Forged(Exception):
    """A record that this shop did not sign. One plain sentence."""


@dataclass(frozen=True)
class Record:
    """What is signed. `size` in bytes and `sha256` are of the encrypted file; `number` counts this shop's backups."""

    name: str  # of the file
    kind: str
    number: int
    at: str  # ISO 8601, UTC: the moment that the database was seen in
    size: int
    sha256: str
    whole: bool  # with files and settings, not the database alone

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)


def record_name(name: str) -> str:
    """The name of the record that belongs to a backup's file."""
    return name.removesuffix(SUFFIX) + RECORD


def signed(record: Record, audit_key: str) -> bytes:
    """The record as JSON with its signature."""
    return json.dumps({**asdict(record), "mac": _mac(asdict(record), audit_key)}, indent=1).encode()


def read_record(content: bytes, audit_key: str, *, name: str) -> Record:
    """The record of the backup `name`. Raises Forged when it is another one's or another shop's, or was changed."""
    try:
        said: dict[str, Any] = json.loads(content)
        mac = said.pop("mac")
        record = Record(**said)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Forged(f"The record of {name} cannot be read.") from error
    if not hmac.compare_digest(str(mac), _mac(said, audit_key)):
        raise Forged(f"The record of {name} was not signed by this shop.")
    if record.name != name:
        raise Forged(f"The record of {name} belongs to {record.name}.")
    return record


def _mac(said: dict[str, Any], audit_key: str) -> str:
    text = "backup " + json.dumps(said, sort_keys=True)
    return hmac.new(base64.b64decode(audit_key), text.encode(), hashlib.sha256).hexdigest()
