"""Alerts: by owner bot, else mail, else webhook, else the shop's bot; what is pressed under them counts."""

from __future__ import annotations

import asyncio
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import OperationalError
from telegram.error import Conflict

from apps.base.clock import shop_now
from apps.base.credentials import adopt_environment
from apps.base.incidents import Incident, raise_incident, resolve_incident, tend_incident
from apps.bot.api.client import Outcome, Verdict
from apps.bot.models import OutboundMessage
from apps.bot.staff import owner_bot as owner_bot_module
from apps.ops.monitoring import alerts
from host import alert_channels
from tests.ops.conftest import Listener


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that speaks as little SMTP as it must."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.logins: list[str] = []
        super().__init__(("127.0.0.1", 0), MailDialogue)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}/?to=tono@example.com&from=toko@example.com"


class MailDialogue(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        say = lambda text: self.wfile.write(text.encode() + b"\r\n")  # noqa: E731
        say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                say("354 go on")
                lines = []
                while (text := self.rfile.readline().decode()) != ".\r\n":
                    lines.append(text)
                self.server.mails.append("".join(lines))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def owner_bot(db: Any, listener: Listener, settings: Any, monkeypatch: Any) -> Listener:
    """An owner bot with an API of its own; Tono owns, Rudi operates."""
    monkeypatch.setattr(alert_channels, "PAUSE", 0.0)
    monkeypatch.setattr(alerts, "_rests_until", 0.0)
    settings.CREDENTIALS = {**settings.CREDENTIALS, "OWNER_BOT_TOKEN": "77:secret"}
    settings.OWNER_API_URLS = [listener.address]
    settings.OWNER_CHAT_IDS, settings.ADMIN_CHAT_IDS = [700], [700, 705]
    adopt_environment()
    return listener


def trouble(key: str = "gateway.down", text: str = "gateway_down") -> Incident:
    raise_incident(key, text)
    incident = Incident.objects.get(key=key)
    tend_incident(str(incident.pk))
    incident.refresh_from_db()
    return incident


def heard(listener: Listener) -> list[dict[str, str]]:
    return [{name: values[0] for name, values in parse_qs(body).items()} for _, body in listener.heard]


def test_the_owner_bot_brings_it_with_its_buttons(owner_bot: Listener) -> None:
    incident = trouble()
    assert [said["chat_id"] for said in heard(owner_bot)] == ["700", "705"]
    assert owner_bot.heard[0][0] == "/bot77:secret/sendMessage"
    rows = json.loads(heard(owner_bot)[0]["reply_markup"])["inline_keyboard"]
    verbs = [[b["callback_data"].removesuffix(f":{incident.pk.hex}") for b in row] for row in rows]
    assert verbs == [["incident:take", "incident:mute"], ["incident:over"]]
    assert not OutboundMessage.objects.exists(), "the shop's bot has nothing to do with it"
    resolve_incident("gateway.down")
    tend_incident(str(incident.pk))
    assert heard(owner_bot)[-1]["text"].startswith("✅")


def test_money_is_not_for_operators(owner_bot: Listener) -> None:
    raise_incident("review.AO-1", "money_review", number="AO-1", why="late", amount=1, asked=1)
    tend_incident(str(Incident.objects.get().pk))
    assert [said["chat_id"] for said in heard(owner_bot)] == ["700"]


def test_mail_when_the_owner_bot_is_dead(owner_bot: Listener, mailbox: Mailbox, monkeypatch: Any) -> None:
    owner_bot.status = 401
    monkeypatch.setenv("EMAIL_URL", mailbox.url)
    trouble()
    assert len(mailbox.mails) == 1
    assert "To: tono@example.com" in mailbox.mails[0]
    assert "<b>" not in mailbox.mails[0]
    assert OutboundMessage.objects.exists(), "and the shop's bot brings it, since mail may lie unread"


def test_an_owner_bot_that_brought_nothing_rests_for_a_minute(
    owner_bot: Listener, mailbox: Mailbox, monkeypatch: Any
) -> None:
    """Many incidents at once must not each wait for it in a worker."""
    owner_bot.status = 401
    monkeypatch.setenv("EMAIL_URL", mailbox.url)
    trouble()
    tried = len(owner_bot.heard)
    trouble("telegram.token", "token_revoked")
    assert len(owner_bot.heard) == tried
    assert len(mailbox.mails) == 2
    owner_bot.status = 200
    monkeypatch.setattr(alerts, "_rests_until", time.monotonic() - 1)
    trouble("telegram.mode", "webhook_down")
    assert len(owner_bot.heard) == tried + 2
    assert len(mailbox.mails) == 2


def test_webhook_after_mail(owner_bot: Listener, monkeypatch: Any) -> None:
    owner_bot.status = 401
    spare = Listener()
    monkeypatch.setenv("EMAIL_URL", "smtp://127.0.0.1:9/?to=a@example.com&from=b@example.com")
    monkeypatch.setenv("ALERT_WEBHOOK_URL", f"{spare.address}/topic")
    trouble()
    assert [path for path, _ in spare.heard] == ["/topic"]
    spare.shutdown()
    spare.server_close()


def test_the_shops_bot_is_the_last_way(owner_bot: Listener) -> None:
    owner_bot.status = 500
    trouble()
    assert OutboundMessage.objects.filter(about__startswith="incident:").count() == 2


def test_whom_the_owner_bot_does_not_reach_the_shops_bot_tells(owner_bot: Listener) -> None:
    """An operator who never started the owner bot must hear of it all the same."""
    owner_bot.refuses = "chat_id=705"
    trouble()
    assert [row.chat.telegram_id for row in OutboundMessage.objects.filter(about__startswith="incident:")] == ["705"]


def test_what_the_shops_bot_alone_would_bring_goes_by_mail_too(
    db: Any, mailbox: Mailbox, monkeypatch: Any, settings: Any
) -> None:
    monkeypatch.setenv("EMAIL_URL", mailbox.url)
    adopt_environment()
    trouble()
    assert len(mailbox.mails) == 1
    assert OutboundMessage.objects.count() == 1, "and it waits in the outbox for a Telegram that answers"


def test_a_dead_api_costs_all_chats_together_one_patience(
    owner_bot: Listener, mailbox: Mailbox, monkeypatch: Any
) -> None:
    """The task has 60 s: a Telegram that swallows every call must leave time for mail."""
    tried: list[str] = []

    def swallowed(base: str, token: str, method: str, params: dict[str, str]) -> None:
        tried.append(params["chat_id"])
        threading.Event().wait(5)

    monkeypatch.setattr(alert_channels, "call_bot", swallowed)
    monkeypatch.setattr(alerts, "WITHIN", 0.5)
    monkeypatch.setenv("EMAIL_URL", mailbox.url)
    began = time.monotonic()
    trouble()
    assert time.monotonic() - began < 4
    assert (tried, len(mailbox.mails)) == (["700"], 1)


def test_sellers_hear_what_stops_the_selling_without_buttons(owner_bot: Listener, settings: Any) -> None:
    settings.SELLER_CHAT_IDS = [700, 801]
    incident = trouble()
    told = OutboundMessage.objects.get()
    assert (int(told.chat.telegram_id), told.payload.get("reply_markup")) == (801, None)
    Incident.objects.update(opened_at=shop_now() - timedelta(minutes=20), next_at=shop_now())
    tend_incident(str(incident.pk))
    assert OutboundMessage.objects.count() == 1, "reminders are for those who can mend it"
    resolve_incident("gateway.down")
    tend_incident(str(incident.pk))
    assert OutboundMessage.objects.count() == 2
    trouble("telegram.token", "token_revoked")
    assert OutboundMessage.objects.count() == 2, "and no word of the machine"


@pytest.mark.parametrize("url", ["smtp://host/", "http://host/?to=a@b", "smtp+tls://?to=a@b", "rubbish"])
def test_a_mail_address_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="EMAIL_URL wants"):
        alert_channels.mail(url, "halo")


class Scripted:
    """An owner bot's API that has these updates."""

    def __init__(self, *updates: dict[str, Any]) -> None:
        self.updates, self.said = list(updates), []

    async def call(self, method: str, params: Any, **more: Any) -> Any:
        found, self.updates = self.updates, []
        return found

    async def try_call(self, method: str, params: dict[str, Any], **more: Any) -> Outcome:
        self.said.append((method, params))
        return Outcome(Verdict.SENT)


def hears(monkeypatch: Any, *updates: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    async def here(job: Any) -> Any:
        return job()

    monkeypatch.setattr(owner_bot_module, "in_thread", here)
    telegram = Scripted(*updates)
    step = owner_bot_module.OwnerBot(telegram).round()  # type: ignore[arg-type]
    try:
        step.send(None)  # nothing in it really waits: without a loop it shares the test's transaction
    except StopIteration:
        pass
    return telegram.said


def pressed(user: int, data: str) -> dict[str, Any]:
    return {"update_id": 5, "callback_query": {"id": "q", "from": {"id": user}, "data": data,
            "message": {"message_id": 9, "chat": {"id": user, "type": "private"}}}}  # fmt: skip


def test_what_staff_press_counts(owner_bot: Listener, monkeypatch: Any) -> None:
    incident = trouble()
    said = hears(monkeypatch, pressed(705, f"incident:take:{incident.pk.hex}"))
    assert [method for method, _ in said] == ["answerCallbackQuery", "editMessageReplyMarkup"]
    assert said[0][1]["text"] == "Baik, tidak diingatkan lagi."
    assert "incident:take" not in said[1][1]["reply_markup"]
    incident.refresh_from_db()
    assert incident.state == "acknowledged"
    hears(monkeypatch, pressed(700, f"incident:over:{incident.pk.hex}"))
    incident.refresh_from_db()
    assert incident.state == "resolved"


@pytest.mark.parametrize("data", ["incident:over:{}", "incident:x:{}", "rubbish", "incident:over:zz"])
def test_strangers_and_rubbish_change_nothing(owner_bot: Listener, monkeypatch: Any, data: str) -> None:
    incident = trouble()
    user = 999 if data == "incident:over:{}" else 700
    said = hears(monkeypatch, pressed(user, data.format(incident.pk.hex)), {"update_id": 6, "callback_query": {}})
    assert said == [("answerCallbackQuery", {"callback_query_id": "q", "text": "Tombol ini sudah tidak berlaku."})]
    incident.refresh_from_db()
    assert incident.state == "open"


def test_it_greets_staff_only(owner_bot: Listener, monkeypatch: Any) -> None:
    def wrote(user: int) -> dict[str, Any]:
        return {"update_id": user, "message": {"chat": {"id": user, "type": "private"}, "text": "/start"}}

    assert [params["chat_id"] for _, params in hears(monkeypatch, wrote(700), wrote(999))] == [700]


def test_a_press_that_cannot_be_done_ends_nothing(owner_bot: Listener, monkeypatch: Any) -> None:
    """A database that restarts: the shop's own bot, in the same process, goes on, and so does the next press."""
    incident, tries = trouble(), []

    def stumbles(*words: Any, **more: Any) -> Any:
        tries.append(words)
        if len(tries) == 1:
            raise OperationalError("the connection is closed")
        return press(*words, **more)

    press = owner_bot_module.press
    monkeypatch.setattr(owner_bot_module, "press", stumbles)
    again = {**pressed(700, f"incident:take:{incident.pk.hex}"), "update_id": 6}
    said = hears(monkeypatch, pressed(700, f"incident:take:{incident.pk.hex}"), again)
    assert [method for method, _ in said] == ["answerCallbackQuery", "editMessageReplyMarkup"]


def test_a_webhook_in_its_way_is_removed(monkeypatch: Any) -> None:
    class Taken(Scripted):
        async def call(self, method: str, params: Any, **more: Any) -> Any:
            if not self.said:
                raise Conflict("can't use getUpdates method while webhook is active")
            raise asyncio.CancelledError

    telegram = Taken()
    monkeypatch.setattr(owner_bot_module, "AGAIN", 0.0)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(owner_bot_module.OwnerBot(telegram).run())  # type: ignore[arg-type]
    assert [method for method, _ in telegram.said] == ["deleteWebhook"]


def test_it_goes_on_from_the_last_update(monkeypatch: Any) -> None:
    telegram = Scripted({"update_id": 41, "poll": {}})
    bot = owner_bot_module.OwnerBot(telegram)  # type: ignore[arg-type]
    asyncio.run(bot.round())
    assert bot._offset == 42
