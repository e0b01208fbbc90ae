"""One way to call a gateway: short timeouts, no redirects, JSON in and out, errors as GatewayError."""

from __future__ import annotations

import os
import ssl
from typing import Any

import certifi
import httpx

from apps.base.drift import note_date
from apps.orders.gateways.base import GatewayError

CONNECT = 2.0  # seconds
READ = 5.0

# made when the module is loaded, before the workers fork: the certificates are then shared
CERTIFICATES = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())

_clients: dict[int, httpx.Client] = {}


def client() -> httpx.Client:
    """One client for each process: sockets are not shared over a fork."""
    if os.getpid() not in _clients:
        _clients.clear()
        timeout = httpx.Timeout(READ, connect=CONNECT)
        _clients[os.getpid()] = httpx.Client(timeout=timeout, follow_redirects=False, verify=CERTIFICATES)
    return _clients[os.getpid()]


def call(method: str, url: str, *, headers: dict[str, str], json: Any = None) -> dict[str, Any]:
    """The JSON object of a 2xx answer. Raises GatewayError, which tells our fault (4xx) from theirs."""
    try:
        answer = client().request(method, url, headers=headers, json=json)
    except httpx.HTTPError as error:
        raise GatewayError(f"{type(error).__name__} while calling") from error
    note_date(answer.headers.get("Date"))
    if answer.status_code == 429:
        wait = answer.headers.get("Retry-After", "")
        raise GatewayError("429", theirs=False, retry_after=float(wait) if wait.isdigit() else 4.0)
    if answer.status_code >= 500:
        raise GatewayError(f"{answer.status_code} from the gateway")
    if answer.status_code >= 300:
        raise GatewayError(f"{answer.status_code} from the gateway", permanent=True, theirs=answer.status_code < 400)
    try:
        said = answer.json()
    except ValueError as error:
        raise GatewayError("an answer that is not JSON") from error
    if not isinstance(said, dict):
        raise GatewayError("an answer that is not an object")
    return said
