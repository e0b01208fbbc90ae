"""Webhook or polling: which way updates come in, and the switch between them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import DatabaseError, transaction

from apps.base import audit
from apps.base.credentials import credential, fingerprint, rotate
from apps.base.db_threads import in_thread
from apps.base.incidents import keep_incident, resolve_incident
from apps.base.stored_settings import Setting, note, noted
from apps.bot.api.client import Outcome, Telegram, Verdict
from apps.bot.connection import webhook_probe
from apps.bot.connection.bot_profile import note_profile
from apps.bot.connection.token_conflict import Rival
from apps.bot.connection.webhook_or_polling import PATIENCE, Choice
from apps.bot.inbound.poller import ALLOWED, Poller
from apps.bot.models import InboundUpdate
from apps.bot.testbuy_chat import FIRST_UPDATE
from host.tls import certificates

log = logging.getLogger(__name__)

MODE = Setting("telegram_mode", "")  # what `manage.py failover mode` asked for; empty: TELEGRAM_MODE
MODE_NOW = "telegram_mode_now"  # the stored setting in which the leader says what is so
ADDRESS = Setting("telegram_webhook_ip", "")  # what `manage.py failover ip` asked for; empty: Telegram asks the DNS
ADDRESS_NOW = "telegram_webhook_ip_now"  # address and mark of the secret with which the leader last set the webhook

LOOK = 10.0
SOON = 3.0  # seconds to the next look while something is wrong
STARTING = 15.0  # seconds the web process is given at our own start
INFO = 60.0  # seconds between two looks at getWebhookInfo while we poll; each look asks it while a webhook is open
PROFILE = 60.0  # seconds between two looks at what the bot is called
CLEAN = 600.0  # seconds without a strange webhook until that is over
DEAF = 60.0  # seconds in which no way in could be opened after which people are told
UNREACHABLE = 60.0  # seconds without any answer from Telegram after which people are told


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
    """How the webhook is set: Telegram keeps an address for half an hour, and does nothing when nothing changes, so
    that a move needs both an address and a new secret (telegram.md)."""

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


def cannot_bring(info: dict[str, Any]) -> bool:
    """Whether Telegram has updates for us, its last try failed, and nothing has come since: a firewall or a name that
    is wrong only for Telegram shows nowhere else. `info`: the result of getWebhookInfo."""
    failed = info.get("last_error_date")
    if not failed or not info.get("pending_update_count"):
        return False
    real = InboundUpdate.objects.filter(update_id__lt=FIRST_UPDATE).order_by("-id")  # its key grows with time
    came = real.values_list("stored_at", flat=True).first()
    return came is None or came.timestamp() < failed


async def probe_webhook(client: httpx.AsyncClient) -> bool:
    """Whether our own nonce comes back through PUBLIC_URL, at the address that Telegram was told, if it was."""
    asked = webhook_probe.question()
    call = as_telegram_would(await in_thread(wanted_webhook))
    try:
        answer = await client.post(**call, json=asked)
        return answer.status_code == 200 and webhook_probe.is_ours(asked, answer.json())
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
        self._rival = Rival()
        self._polling: asyncio.Task[None] | None = None
        self._info_at = self._profile_at = time.monotonic()
        self._refused_until = 0.0  # Telegram did not take our webhook: it counts as failing until then
        self._deaf_since: float | None = None  # since when the way in that is wanted could not be opened
        self._again_at: dict[str, float] = {}  # mode → when Telegram may be asked again to open it
        self._strange_at = -CLEAN  # when a webhook of somebody else was last seen
        self._fell = False  # we poll because the webhook failed
        self._undelivered = False  # Telegram says that it cannot reach us, whatever our own probe says

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=5, follow_redirects=False, verify=certificates()) as client:
            try:
                await self._let_web_start(client)
                while True:
                    try:
                        await self.step(client)
                    except DatabaseError:  # it restarts; what is open stays open until the next look
                        log.warning("the failover waits for the database", extra={"action": "failover_waits"})
                    await self._wait_or_be_asked(self._pause())
            finally:
                self._stop_polling()

    async def _let_web_start(self, client: httpx.AsyncClient) -> None:
        """We may be up before the web process: a webhook that fails only because of that must not cost five minutes.
        When the leader before us polled, nobody is left without an ear meanwhile: the first look decides."""
        until = time.monotonic() + STARTING
        with suppress(DatabaseError):
            if await in_thread(mode_now) == "polling":
                return
        while self.choice.possible and time.monotonic() < until:
            with suppress(DatabaseError):
                if await probe_webhook(client):
                    return
            await asyncio.sleep(0.5)

    def _pause(self) -> float:
        """Seconds until the next look."""
        if self._applied != self.choice.mode:
            return 1.0
        return SOON if self.choice.ails or self._undelivered else LOOK

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
        answers = self.choice.possible and now >= self._refused_until and await probe_webhook(client)
        mode = self.choice.decide(answers and not self._undelivered, now, forbidden=answers and self._undelivered)
        if mode != self._applied:
            if now >= self._again_at.get(mode, 0.0):
                await self._switch(mode)
        elif mode == "webhook" and await in_thread(wanted_webhook) != self._set_as:
            if now >= self._again_at.get(mode, 0.0):
                await self._note_opened(mode, await self._set_webhook())
        elif self._polling is not None and self._polling.done():
            log.error("polling had ended; it starts again", extra={"action": "poll_restarted"})
            self._start_polling()
        pushed = self._applied == "webhook"
        if now - self._info_at >= (0 if pushed or self.telegram.silent_for() else INFO):
            await self._check_webhook()
        if now - self._profile_at >= PROFILE and not self.telegram.silent_for():
            await self._check_profile()
        await self._note_mode()
        await self._note_rival()
        await self._note_reach()  # at the end: the first look has made a call by then

    async def _switch(self, mode: str) -> None:
        outcome = await self._apply(mode)
        await self._note_opened(mode, outcome)
        if outcome.verdict is Verdict.SENT:
            self._fell = mode == "polling" and self.choice.wanted == "auto" and self.choice.possible

    async def _note_opened(self, mode: str, outcome: Outcome) -> None:
        """How the last try to open a way in ended: when to try again, and whom to tell when it never works."""
        now = time.monotonic()
        await self._note_token(outcome)
        if outcome.verdict is Verdict.SENT:
            self._deaf_since = None
            await self._show("telegram.deaf", "telegram_deaf", there=False)
            return
        self._deaf_since = now if self._deaf_since is None else self._deaf_since
        said_no = outcome.verdict in (Verdict.REVOKED, Verdict.REFUSED, Verdict.BLOCKED)
        self._again_at[mode] = now + max(LOOK if said_no else 0.0, outcome.retry_after)
        if now - self._deaf_since >= DEAF and self.telegram.silent_for() == 0:
            await self._show("telegram.deaf", "telegram_deaf", there=True, said=outcome.said)

    async def _apply(self, mode: str) -> Outcome:
        """Switch; when Telegram refused or could not be asked, what was open stays open."""
        if mode == "webhook":
            outcome = await self._set_webhook()
            if outcome.verdict is not Verdict.SENT:
                self._refused_until = time.monotonic() + PATIENCE
                self.choice.start_over(self._applied)
                return outcome
            self._stop_polling()
        else:
            outcome = await self.telegram.try_call("deleteWebhook", {"drop_pending_updates": False})
            if outcome.verdict is not Verdict.SENT:
                return outcome
            self._start_polling()
        self._applied, self._undelivered = mode, False
        await in_thread(lambda: note_mode(mode))
        log.info("updates come in another way", extra={"action": "mode", "mode": mode})
        return outcome

    def _start_polling(self) -> None:
        self._polling = asyncio.create_task(Poller(self.telegram, rival=self._rival).run())

    async def _set_webhook(self) -> Outcome:
        webhook = await in_thread(wanted_webhook)
        params: dict[str, Any] = {
            "url": webhook_url(), "secret_token": webhook.secret, "allowed_updates": ALLOWED, "max_connections": 40,
        }  # fmt: skip
        if webhook.address:
            params["ip_address"] = webhook.address
        outcome = await self.telegram.try_call("setWebhook", params)
        if outcome.verdict is Verdict.SENT:
            self._set_as = webhook
            await in_thread(lambda: note_webhook(webhook))
        return outcome

    async def _check_webhook(self) -> None:
        """What Telegram says of the webhook: a token that is dead, a webhook that is not ours (a stolen token shows
        here) and is set again or deleted, an address it still keeps, updates it cannot bring."""
        self._info_at = now = time.monotonic()
        outcome = await self.telegram.try_call("getWebhookInfo", {})
        await self._note_token(outcome)
        if outcome.verdict is not Verdict.SENT or not self._applied:
            return
        found, ours = outcome.result, webhook_url() if self._applied == "webhook" else ""
        url = found.get("url", "")
        if url not in (ours, webhook_url()):  # while we poll, our own is one that was asked for and came late
            self._strange_at = now
            await self._show("telegram.webhook", "webhook_hijacked", there=True)
        elif now - self._strange_at >= CLEAN:
            await self._show("telegram.webhook", "webhook_hijacked", there=False)
        if url != ours:
            await (
                self._set_webhook()
                if ours
                else self.telegram.try_call("deleteWebhook", {"drop_pending_updates": False})
            )
            return
        self._undelivered = bool(ours) and await in_thread(lambda: cannot_bring(found))
        wanted = self._set_as.address if ours and self._set_as else ""
        if wanted and found.get("ip_address") not in (None, wanted):
            log.warning("Telegram keeps an old address", extra={"action": "old_address"})
            await in_thread(lambda: move_webhook(wanted, actor="shop"))

    async def _check_profile(self) -> None:
        """Whether somebody has renamed the bot: a thief of the token may, and so may the owner."""
        self._profile_at = time.monotonic()
        me = await self.telegram.try_call("getMe", {})
        if me.verdict is not Verdict.SENT:
            return
        names = await self._names()
        await in_thread(lambda: note_profile(me.result, names))

    async def _names(self) -> list[str] | None:
        """What the bot is called in each of the shop's languages; None where Telegram does not say, as an API of one's
        own may not.
        """
        names = []
        for language, _ in settings.LANGUAGES:
            name = await self.telegram.try_call("getMyName", {"language_code": language})
            if name.verdict is not Verdict.SENT:
                return None
            names.append(name.result["name"])
        return names

    async def _note_reach(self) -> None:
        """Tell when no call has been answered for a while, by whichever address, and when one is again."""
        silent = self.telegram.silent_for()
        if silent == 0 or silent >= UNREACHABLE:
            await self._show("telegram.unreachable", "telegram_unreachable", there=silent > 0)

    async def _note_rival(self) -> None:
        """Tell when somebody else polls with our token, and when nobody has for a while."""
        there = self._rival.is_there(time.monotonic())
        if there is not None:
            await self._show("telegram.rival", "token_shared", there=there)

    async def _note_token(self, outcome: Outcome) -> None:
        """Tell when the token stops working, and when it works again."""
        if outcome.verdict in (Verdict.SENT, Verdict.REVOKED):
            await self._show("telegram.token", "token_revoked", there=outcome.verdict is Verdict.REVOKED)

    async def _note_mode(self) -> None:
        """Tell while we poll because the webhook failed, not because somebody asked for it or does no more."""
        down = self._fell or self.choice.is_down(time.monotonic())
        self._fell = down and self._applied == "polling" and self.choice.wanted == "auto"
        if self._applied:
            await self._show("telegram.mode", "webhook_down", there=self._fell)

    async def _show(self, key: str, text: str, *, there: bool, **data: Any) -> None:
        """People are told of it while it is there, and once when it is over."""
        await in_thread(lambda: keep_incident(key, text, **data) if there else resolve_incident(key))

    def _stop_polling(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None
