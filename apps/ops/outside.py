"""Ways to reach people that need neither database nor Django: for `watch` and `observe`. Standard library only.

They are tried in order until one works, and do not depend on what they report about.
"""

from __future__ import annotations

import os
import ssl
import time
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.parse import urlencode

import certifi

from apps.base.environment import SANDBOX_TOKEN, sandbox_url, sandbox_wanted, value_of

TIMEOUT = 10.0  # seconds for one call
TRIES = 2
PAUSE = 2.0  # seconds between two tries of one way

Way = tuple[str, Callable[[str], None]]


def chats() -> list[str]:
    """Owner and operators, each once; the sandbox's owner there."""
    listed = f"{value_of('OWNER_CHAT_IDS')},{value_of('ADMIN_CHAT_IDS')}".split(",")
    found = list(dict.fromkeys(chat.strip() for chat in listed if chat.strip()))
    return found or (["700"] if sandbox_wanted() else [])


def ways() -> list[Way]:
    """What is configured: the owner bot (else the shop's), then ALERT_WEBHOOK_URL."""
    found: list[Way] = []
    token = value_of("OWNER_BOT_TOKEN") or (SANDBOX_TOKEN if sandbox_wanted() else value_of("TELEGRAM_BOT_TOKEN"))
    if token and chats():
        found.append(("telegram", lambda text: tell_by_bot(token, text)))
    if address := value_of("ALERT_WEBHOOK_URL"):
        found.append(("webhook", lambda text: post(address, text.encode(), "text/plain; charset=utf-8")))
    return found


def tell(text: str) -> str:
    """Bring a text to people; returns the name of the way that worked, empty when none did. Never raises."""
    for name, way in ways():
        for attempt in range(TRIES):
            try:
                way(text)
                return name
            except (OSError, ValueError):
                time.sleep(PAUSE * (attempt + 1 < TRIES))
    return ""


def tell_by_bot(token: str, text: str) -> None:
    """One message to each chat. Raises OSError when not one took it: a chat that blocks the bot is its own matter."""
    base = value_of("OWNER_API_URL") or telegram_base()
    problem: OSError | None = None
    taken = False
    for chat in chats():
        try:
            body = urlencode({"chat_id": int(chat), "text": text}).encode()
            post(f"{base.rstrip('/')}/bot{token}/sendMessage", body, "application/x-www-form-urlencoded")
            taken = True
        except OSError as error:
            problem = error
    if not taken and problem is not None:
        raise OSError(f"the bot could not tell anybody: {type(problem).__name__}") from None  # its text holds the token


def telegram_base() -> str:
    """The shop bot's first API: the fake's in a sandbox."""
    if sandbox_wanted():
        return f"{value_of('SANDBOX_URL') or sandbox_url()}/telegram"
    return value_of("TELEGRAM_API_URL").split(",")[0].strip() or "https://api.telegram.org"


def post(address: str, body: bytes, kind: str) -> None:
    """POST; an answer outside 200–299 is an OSError."""
    _open(urllib.request.Request(address, body, {"Content-Type": kind}, method="POST"))  # noqa: S310


def ping(address: str, timeout: float = TIMEOUT) -> None:
    """GET; an answer outside 200–299 is an OSError."""
    _open(urllib.request.Request(address), timeout)  # noqa: S310


def _open(request: urllib.request.Request, timeout: float = TIMEOUT) -> None:
    if not request.full_url.startswith(("https://", "http://")):
        raise ValueError("only http and https addresses are called")
    trusted = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=trusted) as answer:  # noqa: S310  # nosec B310: checked above
            answer.read(1000)
    except HTTPError as error:
        raise OSError(f"answered {error.code}") from None
