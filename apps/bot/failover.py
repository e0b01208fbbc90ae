"""Webhook or polling: which way updates come in, and the switch between them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import DatabaseError, transaction

from apps.base import audit
from apps.base.credentials import credential, fingerprint, rotate
from apps.base.incidents import raise_incident, resolve_incident
from apps.base.stored import Setting, note, noted
from apps.base.threads import in_thread
from apps.base.trust import certificates
from apps.bot import probe
from apps.bot.client import Telegram, Verdict
from apps.bot.poller import ALLOWED, Poller
from apps.bot.rival import Rival

log = logging.getLogger(__name__)

MODE = Setting("telegram_mode", "")  # what `manage.py failover mode` asked for; empty: TELEGRAM_MODE
MODE_NOW = "telegram_mode_now"  # the stored setting in which the leader says what is so
ADDRESS = Setting("telegram_webhook_ip", "")  # what `manage.py failover ip` asked for; empty: Telegram asks the DNS
ADDRESS_NOW = "telegram_webhook_ip_now"  # address and mark of the secret with which the leader last set the webhook

PATIENCE = (
    settings.WEBHOOK_PATIENCE
)  # seconds a webhook may fail before polling takes over, which takes up to LOOK more
HEALTHY = settings.WEBHOOK_HEALTH  # seconds of health before the webhook comes back
LOOK = 10.0
STARTING = 15.0  # seconds the web process is given at our own start
INFO = 60.0  # seconds between two looks at getWebhookInfo
UNREACHABLE = 60.0  # seconds without any answer from Telegram after which people are told


@dataclass
class Choice:
    """The rule, without any network: feed it probes, it says the mode. Seconds are monotonic."""

    wanted: str  # auto, webhook, polling
    possible: bool  # PUBLIC_URL is https
    mode: str = ""
    _bad_since: float | None = field(default=None)
    _good_since: float | None = field(default=None)

    def decide(self, healthy: bool, now: float) -> str:
        if self.wanted in ("webhook", "polling"):
            self.mode = self.wanted
            return self.mode
        if healthy:
            self._bad_since = None
            self._good_since = now if self._good_since is None else self._good_since
        else:
            self._good_since = None
            self._bad_since = now if self._bad_since is None else self._bad_since
        if not self.possible:
            self.mode = "polling"
        elif not self.mode:
            self.mode = "webhook" if healthy else "polling"
        elif self.mode == "webhook" and self._bad_since is not None and now - self._bad_since >= PATIENCE:
            self.mode = "polling"
        elif self.mode == "polling" and self._good_since is not None and now - self._good_since >= HEALTHY:
            self.mode = "webhook"
        return self.mode

    def want(self, wanted: str) -> None:
        """Somebody asked for another rule. Back to `auto` nothing jumps: what is open stays until it is time."""
        self.wanted, self._good_since, self._bad_since = wanted, None, None

    def start_over(self, mode: str) -> None:
        """The switch was refused: still in `mode` (empty at the first start), and health counts from now."""
        if self.wanted == "auto":
            self.mode, self._good_since, self._bad_since = mode, None, None


def wanted_mode() -> str:
    """auto, webhook or polling: the command's word, else the environment's."""
    return MODE.get() or settings.TELEGRAM_MODE


def mode_now() -> str:
    """How updates come in, as the leader last said; empty before it ever did."""
    return str(noted(MODE_NOW) or "")


def note_mode(mode: str) -> None:
    """Store and audit a switch that was made."""
    with transaction.atomic():
        before = mode_now()
        note(MODE_NOW, mode)
        if before != mode:
            audit.append("telegram.mode", "telegram", mode=mode, before=before)


@dataclass(frozen=True)
class Webhook:
    """How the webhook is set: Telegram keeps an address for half an hour, and does nothing when nothing changes, so that a
    move needs both an address and a new secret (telegram.md)."""

    address: str  # empty: Telegram asks the DNS
    secret: str

    def mark(self) -> str:
        """What can be stored of it."""
        return f"{self.address or 'dns'} {fingerprint(self.secret).hex()[:16]}"


def wanted_webhook() -> Webhook:
    return Webhook(ADDRESS.get(), credential("TELEGRAM_WEBHOOK_SECRET"))


def move_webhook(address: str, *, actor: str) -> Webhook:
    """Ask the leader to have updates sent to `address` (empty: where the name leads), under a new secret."""
    rotate("TELEGRAM_WEBHOOK_SECRET", secrets.token_urlsafe(32), actor=actor)
    ADDRESS.set(address, actor=actor)
    return wanted_webhook()


def webhook_now() -> str:
    """Mark of the webhook as the leader last set it."""
    return str(noted(ADDRESS_NOW) or "")


def note_webhook(webhook: Webhook) -> None:
    with transaction.atomic():
        before = webhook_now()
        note(ADDRESS_NOW, webhook.mark())
        if before != webhook.mark():
            audit.append("telegram.address", "telegram", address=webhook.address or "dari DNS")


def webhook_url() -> str:
    return f"{settings.PUBLIC_URL}/telegram/webhook/"


def as_telegram_would(webhook: Webhook) -> dict[str, Any]:
    """`url`, `headers` and `extensions` for httpx: our public address, at the IP that Telegram was told, if it was."""
    url, headers, extensions = webhook_url(), {"X-Telegram-Bot-Api-Secret-Token": webhook.secret}, {}
    if webhook.address:
        parts = urlsplit(url)
        address = f"[{webhook.address}]" if ":" in webhook.address else webhook.address
        port = f":{parts.port}" if parts.port else ""
        url = parts._replace(netloc=f"{address}{port}").geturl()
        headers["Host"], extensions["sni_hostname"] = parts.netloc, parts.hostname or ""
    return {"url": url, "headers": headers, "extensions": extensions}


async def probe_webhook(client: httpx.AsyncClient) -> bool:
    """Whether our own nonce comes back through PUBLIC_URL, at the address that Telegram was told, if it was."""
    asked = probe.question()
    call = as_telegram_would(await in_thread(wanted_webhook))
    try:
        answer = await client.post(**call, json=asked)
        return answer.status_code == 200 and probe.is_ours(asked, answer.json())
    except (httpx.HTTPError, ValueError):
        return False


class Failover:
    """Keeps one way in open: sets the webhook, or deletes it and polls."""

    def __init__(self, telegram: Telegram) -> None:
        self.telegram = telegram
        possible = settings.PUBLIC_URL.startswith("https://")
        self.choice = Choice(settings.TELEGRAM_MODE, possible)
        self._applied = ""
        self._set_as: Webhook | None = None
        self._token_works: bool | None = None
        self._reached: bool | None = None
        self._rival = Rival()
        self._rival_there: bool | None = None
        self._polling: asyncio.Task[None] | None = None
        self._info_at = time.monotonic()
        self._refused_until = 0.0  # Telegram did not take our webhook: it counts as failing until then

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=5, follow_redirects=False, verify=certificates()) as client:
            try:
                await self._let_web_start(client)
                while True:
                    try:
                        await self.step(client)
                    except DatabaseError:  # it restarts; what is open stays open until the next look
                        log.warning("the failover waits for the database", extra={"action": "failover_waits"})
                    await self._wait_or_be_asked(LOOK if self._applied == self.choice.mode else 1.0)
            finally:
                self._stop_polling()

    async def _let_web_start(self, client: httpx.AsyncClient) -> None:
        """We may be up before the web process: a webhook that fails only because of that must not cost five minutes."""
        until = time.monotonic() + STARTING
        while self.choice.possible and time.monotonic() < until:
            with suppress(DatabaseError):
                if await probe_webhook(client):
                    return
            await asyncio.sleep(0.5)

    async def _wait_or_be_asked(self, seconds: float) -> None:
        """Until the next look, or until somebody asked for another mode."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(1)
            with suppress(DatabaseError):
                if await in_thread(wanted_mode) != self.choice.wanted:
                    return

    async def step(self, client: httpx.AsyncClient) -> None:
        """One look and, when it is time, one switch. One way in is open all the while."""
        now = time.monotonic()
        with suppress(DatabaseError):  # without it the last wish stands, and the way in is looked after all the same
            if (wanted := await in_thread(wanted_mode)) != self.choice.wanted:
                self.choice.want(wanted)
        healthy = self.choice.possible and now >= self._refused_until and await probe_webhook(client)
        mode = self.choice.decide(healthy, now)
        if mode != self._applied:
            if await self._apply(mode):
                await self._tell(mode)
        elif mode == "webhook" and await in_thread(wanted_webhook) != self._set_as:
            await self._set_webhook()
        elif self._polling is not None and self._polling.done():
            log.error("polling had ended; it starts again", extra={"action": "poll_restarted"})
            self._start_polling()
        elif now - self._info_at > (INFO if self.telegram.silent_for() == 0 else 0):
            await self._check_webhook()
        await self._note_rival()
        await self._note_reach()  # at the end: the first look has made a call by then

    async def _apply(self, mode: str) -> bool:
        """Switch; False when Telegram refused or could not be asked: what was open stays open."""
        if mode == "webhook":
            if not await self._set_webhook():
                self._refused_until = time.monotonic() + PATIENCE
                self.choice.start_over(self._applied)
                return False
            self._stop_polling()
        else:
            outcome = await self.telegram.try_call("deleteWebhook", {"drop_pending_updates": False})
            if outcome.verdict is not Verdict.SENT:
                return False
            self._start_polling()
        self._applied = mode
        await in_thread(lambda: note_mode(mode))
        log.info("updates come in another way", extra={"action": "mode", "mode": mode})
        return True

    def _start_polling(self) -> None:
        self._polling = asyncio.create_task(Poller(self.telegram, rival=self._rival).run())

    async def _set_webhook(self) -> bool:
        webhook = await in_thread(wanted_webhook)
        params: dict[str, Any] = {
            "url": webhook_url(), "secret_token": webhook.secret, "allowed_updates": ALLOWED, "max_connections": 40,
        }  # fmt: skip
        if webhook.address:
            params["ip_address"] = webhook.address
        outcome = await self.telegram.try_call("setWebhook", params)
        if outcome.verdict is not Verdict.SENT:
            return False
        self._set_as = webhook
        await in_thread(lambda: note_webhook(webhook))
        return True

    async def _check_webhook(self) -> None:
        """Every minute: a webhook that is not ours (a stolen token shows here) is set again or deleted, and told."""
        self._info_at = time.monotonic()
        outcome = await self.telegram.try_call("getWebhookInfo", {})
        if outcome.verdict in (Verdict.SENT, Verdict.REVOKED):
            await self._note_token(outcome.verdict is Verdict.SENT)
        if outcome.verdict is not Verdict.SENT:
            return
        found, ours = outcome.result, webhook_url() if self._applied == "webhook" else ""
        if found.get("url", "") != ours:
            await in_thread(lambda: raise_incident("telegram.webhook", "webhook_hijacked"))
            await (
                self._set_webhook()
                if ours
                else self.telegram.try_call("deleteWebhook", {"drop_pending_updates": False})
            )
            return
        await in_thread(lambda: resolve_incident("telegram.webhook"))
        wanted = self._set_as.address if ours and self._set_as else ""
        if wanted and found.get("ip_address") not in (None, wanted):
            log.warning("Telegram keeps an old address", extra={"action": "old_address"})
            await in_thread(lambda: move_webhook(wanted, actor="shop"))

    async def _note_reach(self) -> None:
        """Tell when no call has been answered for a while, by whichever address, and when one is again."""
        silent = self.telegram.silent_for()
        reached = silent == 0 if silent == 0 or silent >= UNREACHABLE else self._reached
        if reached is self._reached:
            return
        if reached:
            await in_thread(lambda: resolve_incident("telegram.unreachable"))
        else:
            await in_thread(lambda: raise_incident("telegram.unreachable", "telegram_unreachable"))
        self._reached = reached  # only now: without a database it must be told at the next look

    async def _note_rival(self) -> None:
        """Tell when somebody else polls with our token, and when nobody has for a while."""
        there = self._rival.is_there(time.monotonic())
        if there is None or there is self._rival_there:
            return
        if there:
            await in_thread(lambda: raise_incident("telegram.rival", "token_shared"))
        else:
            await in_thread(lambda: resolve_incident("telegram.rival"))
        self._rival_there = there

    async def _note_token(self, works: bool) -> None:
        """Tell when the token stops working, and when it works again."""
        if works is self._token_works:
            return
        if works:
            await in_thread(lambda: resolve_incident("telegram.token"))
        else:
            await in_thread(lambda: raise_incident("telegram.token", "token_revoked"))
        self._token_works = works

    async def _tell(self, mode: str) -> None:
        if self.choice.wanted != "auto" or not self.choice.possible:
            await in_thread(lambda: resolve_incident("telegram.mode"))
        elif mode == "polling":
            await in_thread(lambda: raise_incident("telegram.mode", "webhook_down"))
        else:
            await in_thread(lambda: resolve_incident("telegram.mode"))

    def _stop_polling(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None
