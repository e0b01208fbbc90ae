"""One way to call a gateway: short timeouts, no redirects, JSON in and out, errors as GatewayError."""

from __future__ import annotations

import os
from typing import Any

import httpx

from apps.orders.gateways.base import GatewayError
from host.clock_drift import note_date
from host.tls import certificates

CONNECT = 2.0  # seconds
READ = 5.0
LEAST_PAUSE, MOST_PAUSE = 4.0, 60.0

certificates()  # before the workers fork: they share it then

_clients: dict[int, httpx.Client] = {}


def client() -> httpx.Client:
    """One client for each process: sockets are not shared over a fork."""
    if os.getpid() not in _clients:
        _clients.clear()
        timeout = httpx.Timeout(READ, connect=CONNECT)
        _clients[os.getpid()] = httpx.Client(timeout=timeout, follow_redirects=False, verify=certificates())
    return _clients[os.getpid()]


def _pause(said: str) -> float:
    """Seconds to wait after a 429: what the gateway asks for, within bounds, so that no word of its stops a shop for
    hours.
    """
    wait = float(said) if said.isascii() and said.isdigit() else LEAST_PAUSE
    return min(max(wait, LEAST_PAUSE), MOST_PAUSE)


def call(method: str, url: str, *, headers: dict[str, str], json: Any = None) -> dict[str, Any]:
    """The JSON object of a 2xx answer. Raises GatewayError, which tells our fault (4xx) from theirs."""
    try:
        answer = client().request(method, url, headers=headers, json=json)
    except httpx.HTTPError as error:
        raise GatewayError(f"{type(error).__name__} while calling") from error
    note_date(answer.headers.get("Date"))
    if answer.status_code == 429:
        raise GatewayError("429", theirs=False, retry_after=_pause(answer.headers.get("Retry-After", "")))
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
