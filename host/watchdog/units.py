"""Services that others start for us, PostgreSQL and nginx: a mark of each, which changes when it died and came again.

For `watch`: no database, no Django. An end by intent, such as Debian's own update of PostgreSQL, leaves systemd's count
as it is or begins it anew."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from urllib.parse import unquote, urlsplit

from host.environment import value_of

EVERY = 10.0  # seconds between two questions to systemd
ASK = 5.0  # seconds it may take
UNITS = {"postgresql@": "postgres", "nginx.service": "nginx"}  # how a unit's name begins → what people hear


class Services:
    """Asked at every look; what cannot be told stays as it was."""

    def __init__(self) -> None:
        self._known: dict[str, set[int]] = {}
        self._asked = -EVERY

    @property
    def counted(self) -> set[str]:
        """Names whose mark is systemd's count."""
        return set(self._known)

    def marks(self) -> dict[str, set[int]]:
        """Name → its mark: a process id where the database is our own, else how often systemd has started it again."""
        if os.environ.get("AUTOORDER_EMBEDDED") == "true":
            return {"postgres": {pid} if (pid := postmaster(value_of("DATABASE_URL"))) else set()}
        if os.environ.get("NOTIFY_SOCKET") and time.monotonic() - self._asked >= EVERY:
            self._asked = time.monotonic()
            self._known |= restarts()
        return self._known


def postmaster(database_url: str) -> int | None:
    """Process id of the server behind a socket folder: the kernel tells who listens. None when nobody does."""
    folder = unquote(urlsplit(database_url).netloc.rpartition("@")[2])
    if not folder.startswith("/"):
        return None
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(1.0)
            wire.connect(f"{folder}/.s.PGSQL.5432")
            pid: int = struct.unpack("3i", wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            return pid
    except OSError:
        return None


def restarts() -> dict[str, set[int]]:
    """How often systemd started each service again because it had died; empty when it does not say."""
    words = ["systemctl", "show", "-p", "Id", "-p", "NRestarts", *(f"{name}*" for name in UNITS)]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=ASK, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found: dict[str, set[int]] = {}
    for block in said.split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        name = next((name for unit, name in UNITS.items() if told.get("Id", "").startswith(unit)), "")
        if name and told.get("NRestarts", "").isdigit():
            found[name] = {int(told["NRestarts"]) + max(found.get(name, {0}))}
    return found
