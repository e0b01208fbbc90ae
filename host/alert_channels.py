"""Ways to reach people that need neither database nor Django: for `watch` and `observe`. Standard library only.

They are tried in order until one works, and do not depend on what they report about.
"""

from __future__ import annotations

import json
import smtplib
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from host import sealed_tokens
from host.environment import SANDBOX_TOKEN, sandbox_url, sandbox_wanted, value_of
from host.tls import certificates

TIMEOUT = 10.0  # seconds for one call
ANSWER_BYTES = 100_000
TRIES = 2
PAUSE = 2.0  # seconds between two tries of one way
WITHIN = 15.0  # seconds one way may take with all its tries: a server that only drips must not keep the next waiting

MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465, "smtp+ssl": 465}


class Answered(OSError):
    """Somebody was there and said no; `code` is the HTTP status."""

    def __init__(self, code: int, said: bytes = b"") -> None:
        super().__init__(f"answered {code}")
        self.code, self.said = code, said


Way = tuple[str, Callable[[str], object]]


def chats() -> list[str]:
    """Owner and operators, each once; the sandbox's owner there."""
    found = list(dict.fromkeys(_listed("OWNER_CHAT_IDS") + _listed("ADMIN_CHAT_IDS")))
    return found or (["700"] if sandbox_wanted() else [])


def ways() -> list[Way]:
    """What is configured: the owner bot (else the shop's), then mail (EMAIL_URL), then ALERT_WEBHOOK_URL."""
    spoken = [(token, base) for token in tokens() for base in bases()] if chats() else []
    found: list[Way] = [("telegram", partial(tell_by_bot, token, base)) for token, base in spoken]
    if mailbox := value_of("EMAIL_URL"):
        found.append(("mail", lambda text: mail(mailbox, text)))
    if address := value_of("ALERT_WEBHOOK_URL"):
        found.append(("webhook", lambda text: post(address, text.encode(), "text/plain; charset=utf-8")))
    return found


def tokens() -> list[str]:
    """Of the owner bot, else of the shop's: the one in force as this host last knew it, then the environment's."""
    copied = sealed_tokens.read()
    owner = [copied.get("OWNER_BOT_TOKEN", ""), value_of("OWNER_BOT_TOKEN")]
    shop = [copied.get("TELEGRAM_BOT_TOKEN", ""), SANDBOX_TOKEN if sandbox_wanted() else value_of("TELEGRAM_BOT_TOKEN")]
    return list(dict.fromkeys(token for token in (owner if any(owner) else shop) if token))


def tell(text: str, *, besides: tuple[str, ...] = (), within: float = 4 * WITHIN) -> str:
    """Bring a text to people; returns the name of the way that worked, empty when none did. Never raises.

    `besides`: names of ways to leave out. `within`: seconds for all of them.
    """
    found = [(name, partial(way, text)) for name, way in ways() if name not in besides]
    return first_that_works(found, within=within)


def first_that_works(ways: Sequence[tuple[str, Callable[[], object]]], *, within: float = WITHIN) -> str:
    """Try each in order, twice, at most WITHIN seconds each and `within` together, of which the last has its share too;
    the name of the one that worked, else empty. Never raises. A way given up may still work a moment later: people then
    hear twice."""
    until = time.monotonic() + within
    for turn, (name, way) in enumerate(ways):
        if _works(way, min(WITHIN, (until - time.monotonic()) / (len(ways) - turn))):
            return name
    return ""


def _works(way: Callable[[], object], seconds: float) -> bool:
    """Whether one of its tries worked. In a thread of its own: no socket's timeout bounds a whole dialogue."""
    if seconds <= 0:
        return False
    worked = threading.Event()

    def run() -> None:
        for attempt in range(TRIES):
            try:
                way()
                worked.set()
                return
            except (OSError, ValueError):
                time.sleep(PAUSE * (attempt + 1 < TRIES))

    trying = threading.Thread(target=run, name="way", daemon=True)
    trying.start()
    trying.join(seconds)
    return worked.is_set()


def token_works() -> bool | None:
    """Whether Telegram takes the token we would tell people with; None without one, or when nobody answers."""
    refused = None
    for token in tokens() if chats() else []:
        for base in bases():
            try:
                call_bot(base, token, "getMe", {})
                return True
            except Answered as no:
                refused = False if no.code in (401, 404) else refused
            except OSError:
                continue
    return refused


def tell_by_bot(token: str, base: str, text: str) -> None:
    """One message to each chat, by one address of the Bot API. Raises OSError when not one took it: a chat that blocks
    the bot is its own matter."""
    problem: OSError | None = None
    taken = False
    for chat in chats():
        try:
            call_bot(base, token, "sendMessage", {"chat_id": chat, "text": text})
            taken = True
        except OSError as error:
            problem = error
    if not taken and problem is not None:
        raise OSError(f"the bot could not tell anybody: {type(problem).__name__}") from None  # its text holds the token


def call_bot(base: str, token: str, method: str, params: Mapping[str, str]) -> dict[str, Any]:
    """One call of the Bot API; its `result` when that is an object. Raises OSError, without the address, which holds
    the token.
    """
    body = urlencode(params).encode()
    try:
        said = post(f"{base.rstrip('/')}/bot{token}/{method}", body, "application/x-www-form-urlencoded")
    except Answered as no:
        if (moved := _moved_to(no.said)) and params.get("chat_id") != moved:
            return call_bot(base, token, method, {**params, "chat_id": moved})
        raise
    except OSError as error:
        raise OSError(f"{method}: {type(error).__name__}") from None
    try:
        result = json.loads(said or b"{}").get("result")
    except (ValueError, AttributeError):
        result = None
    return result if isinstance(result, dict) else {}


def _moved_to(said: bytes) -> str:
    """The new id of a group that has become a supergroup, as a refusal tells it; else empty."""
    try:
        return str(json.loads(said)["parameters"]["migrate_to_chat_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def mail(mailbox: str, text: str) -> None:
    """One mail by `smtp+tls://user:password@host:587/?to=owner@example.com&from=shop@example.com`.

    `smtp+tls` speaks STARTTLS, `smtps` (or `smtp+ssl`) TLS from the start, `smtp` neither: for a mail server on this
    host. User and password are percent-encoded. Raises OSError or ValueError."""
    parts = urlsplit(mailbox)
    named = {name: values[0] for name, values in parse_qs(parts.query).items()}
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sender = named.get("from") or user
    if parts.scheme not in MAIL_PORTS or not parts.hostname or "to" not in named or not sender:
        raise ValueError("EMAIL_URL wants smtp+tls://user:password@host:587/?to=owner@example.com")
    message = EmailMessage()
    message["Subject"] = text.strip().splitlines()[0][:100]
    message["From"], message["To"] = sender, named["to"]
    message["Date"], message["Message-ID"] = formatdate(localtime=True), make_msgid(domain=parts.hostname)
    message.set_content(text)
    port = parts.port or MAIL_PORTS[parts.scheme]
    at_once = parts.scheme in ("smtps", "smtp+ssl")
    kind = partial(smtplib.SMTP_SSL, context=certificates()) if at_once else smtplib.SMTP
    try:
        with kind(parts.hostname, port, timeout=TIMEOUT) as server:
            if parts.scheme == "smtp+tls":
                server.starttls(context=certificates())
            if user:
                server.login(user, password)
            server.send_message(message)
    except smtplib.SMTPException as error:
        raise OSError(f"the mail was not taken: {type(error).__name__}") from None  # its text may hold the login


def bases() -> list[str]:
    """Addresses of the Bot API in their order: the owner bot's own, else the shop bot's, the fake's in a sandbox."""
    if own := _listed("OWNER_API_URL"):
        return own
    if sandbox_wanted():
        return [f"{value_of('SANDBOX_URL') or sandbox_url()}/telegram"]
    return _listed("TELEGRAM_API_URL") or ["https://api.telegram.org"]


def _listed(name: str) -> list[str]:
    return [part.strip() for part in value_of(name).split(",") if part.strip()]


def post(address: str, body: bytes, kind: str) -> bytes:
    """POST; what was answered, 100 kB at most. An answer outside 200–299 is an OSError."""
    return _open(urllib.request.Request(address, body, {"Content-Type": kind}, method="POST"))  # noqa: S310


def ping(address: str, timeout: float = TIMEOUT) -> None:
    """GET; an answer outside 200–299 is an OSError."""
    _open(urllib.request.Request(address), timeout)  # noqa: S310


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Only configured hosts are called: an answer that points elsewhere is an error like others."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _open(request: urllib.request.Request, timeout: float = TIMEOUT) -> bytes:
    if not request.full_url.startswith(("https://", "http://")):
        raise ValueError("only http and https addresses are called")
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=certificates()), _NoRedirects)
    try:
        with opener.open(request, timeout=timeout) as answer:
            said: bytes = answer.read(ANSWER_BYTES)
            return said
    except HTTPError as error:
        raise Answered(error.code, error.read(ANSWER_BYTES)) from None
    except HTTPException as error:
        raise OSError(f"answered rubbish: {type(error).__name__}") from None
