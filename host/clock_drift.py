"""How far this machine's clock is from the world's, by the Date header of answers that come anyway (RFC 9110, 6.6.1).

A clock that is off breaks TLS, lets QR codes run out early and makes backups look late. Standard library only.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime

from host.environment import run_folder
from host.files import replace_file

EVERY = 60.0  # seconds between two notes of one process
FRESH = 3600.0  # seconds a note is believed

_noted = -1e9


def note_date(header: str | None) -> None:
    """Remember the offset that an answer shows; never raises. Costs a file a minute."""
    global _noted
    if not header or time.monotonic() - _noted < EVERY:
        return
    with suppress(OSError, ValueError, TypeError):
        offset = time.time() - parsedate_to_datetime(header).timestamp()
        _noted = time.monotonic()
        replace_file(run_folder() / "drift.json", json.dumps({"at": time.monotonic(), "offset": offset}))


def seconds_off() -> float | None:
    """Seconds by which our clock is ahead; None when nobody told within the last hour (of the machine's uptime)."""
    try:
        said = json.loads((run_folder() / "drift.json").read_text())
        age, offset = time.monotonic() - float(said["at"]), float(said["offset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return offset if 0 <= age < FRESH else None
