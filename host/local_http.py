"""HTTP to processes of this host, over a socket file or loopback. Standard library only."""

from __future__ import annotations

import os
import socket
from http.client import HTTPConnection, HTTPException

from host.environment import value_of


class UnixConnection(HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str, timeout: float | None = None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def web_connection(timeout: float) -> HTTPConnection:
    """Our own web process, where deploy/gunicorn.conf.py listens. `timeout` in seconds."""
    if path := os.environ.get("AUTOORDER_WEB_SOCKET"):
        return UnixConnection(path, timeout)
    host = value_of("BIND") or "127.0.0.1"
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nosec B104: asked, not listened on
    return HTTPConnection(everywhere.get(host, host), int(value_of("PORT") or 8000), timeout=timeout)


def web_answers(timeout: float = 2.0) -> bool:
    """Whether the web process answers at all; never raises for what the network does."""
    call = web_connection(timeout)
    try:
        call.request("GET", "/healthz/live")
        return call.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        call.close()
