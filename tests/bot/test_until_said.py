"""What people must hear is tried until it is said; nothing older is shown over what is newer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from apps.base.clock import shift_clock
from apps.base.incidents import Incident, due_incidents, raise_incident
from apps.base.work.clock_thread import tick
from apps.bot.api.client import Outcome, Verdict
from apps.bot.models import Chat, OutboundMessage
from apps.bot.outbound import claims, outbox
from apps.orders.models import Variant
from tests.driver import Buyer, Shop


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Takes calls and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield listening.getsockname()[1]


def test_a_notice_about_money_outlasts_a_quarter_of_an_hour_of_errors(
    shop: Shop, sari: Buyer, tono: Buyer, spotify: Variant
) -> None:
    number = sari.orders("Spotify")
    shop.fakes.world.faults.status_amount = -3000
    shop.fakes.world.faults.telegram_500 = True
    shop.bank_pays(number)
    shop.webhook(number)
    for _ in range(60):
        shop.run_tasks()
        shop.send_messages()
        shift_clock(timedelta(seconds=15))
        tick()
    shop.fakes.world.faults.telegram_500 = False
    shop.forward(minutes=16)
    assert any("nominalnya tidak cocok" in text for text in sari.heard)
    assert any("uang yang perlu dicek" in text for text in tono.heard)


def test_pauses_between_tries_grow(shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    message = outbox.send_text(Chat.objects.get(), "halo")
    waits = []
    for _ in range(9):
        message.refresh_from_db()
        claims._unknown(message, Outcome(Verdict.UNKNOWN, "500"))
        message.refresh_from_db()
        assert message.next_at is not None
        waits.append(message.next_at)
        assert message.state == "queued"
    seconds = [(at - waits[0]).total_seconds() for at in waits]
    assert seconds == sorted(seconds)
    assert seconds[-1] > 3000


def edit(chat: Chat, target: int, text: str) -> OutboundMessage:
    return outbox.send(chat, "editMessageText", {"message_id": target, "text": text}, kind="notice", target=target)


@pytest.mark.parametrize("how", [Verdict.UNKNOWN, Verdict.NOT_SENT, Verdict.PARK, Verdict.ANEW])
def test_an_older_edit_never_overtakes_a_newer_one(shop: Shop, sari: Buyer, how: Verdict) -> None:
    sari.says("/start")
    chat, target = Chat.objects.get(), sari.screen["message_id"]
    held = shop.held or shop.lead()
    old = edit(chat, target, "OLD")
    (flying,) = claims.turn([], epoch=held.epoch, room=5, silent=[], urgency=3)
    edit(chat, target, "NEW")
    claims.turn([claims.Sent(flying, Outcome(how, "timeout"))], epoch=held.epoch, room=0, silent=[], urgency=3)
    shop.settle()
    shop.forward(minutes=2)
    assert [m["text"] for m in sari.messages if m["message_id"] == target] == ["NEW"]
    old.refresh_from_db()
    assert old.state == "replaced"
    assert not any("OLD" in m["text"] for m in sari.messages)


def trouble() -> Incident:
    raise_incident("gateway.pakasir", "gateway_down", gateway="pakasir")
    return Incident.objects.get()


def test_mail_that_hangs_takes_no_worker(
    shop: Shop, tono: Buyer, silent_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts are no queue work at all: the clock rings none, and threads of the bot process tell them."""
    monkeypatch.setenv("EMAIL_URL", f"smtp://u:p@127.0.0.1:{silent_server}/?to=tono@example.com")
    trouble()
    from django_q.models import OrmQ

    tick()
    assert not OrmQ.objects.exists()
    assert len(due_incidents()) == 1


def test_a_chat_that_has_not_met_the_bot_is_told_when_it_has(shop: Shop, settings: Any) -> None:
    settings.OWNER_CHAT_IDS = [799]  # nobody there yet
    trouble()
    shop.settle()
    incident = Incident.objects.get()
    assert [entry["tries"] for entry in incident.unheard] == [1]
    for _ in range(3):
        shop.forward(minutes=3)
    rina = shop.buyer(799, "Rina")
    for _ in range(3):
        shop.forward(minutes=30)
    assert sum("gagal berkali-kali" in text for text in rina.heard) >= 1
    assert Incident.objects.get().unheard == []


def test_an_owner_bot_that_says_slow_down_ends_no_alert(
    shop: Shop, tono: Buyer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its 429 and a shop's bot that the owner never greeted: the owner bot brings it a little later."""
    from apps.ops.monitoring import alerts

    brought: list[int] = []
    slow = [True]

    def bring(token: str, chat: int, *args: Any) -> bool:
        if not slow[0]:
            brought.append(chat)
        return not slow[0]

    monkeypatch.setattr(alerts, "own_token", lambda: "7:owner")
    monkeypatch.setattr(alerts, "_bring", bring)
    monkeypatch.setattr(alerts.alert_channels, "tell", lambda *args, **more: "")
    settings.OWNER_CHAT_IDS = [799]
    trouble()
    shop.settle()
    assert not brought
    slow[0] = False
    shop.forward(seconds=31)
    assert set(brought) == {799}
    assert Incident.objects.get().unheard == []


def test_a_pause_is_never_longer_than_an_hour(shop: Shop, settings: Any) -> None:
    settings.OWNER_CHAT_IDS = [799]
    trouble()
    shop.settle()
    for _ in range(30):
        shop.forward(hours=1, seconds=1)
    entries = Incident.objects.get().unheard
    assert len(entries) == 3, "the alert and its two reminders, each for itself"
    assert {entry["tries"] for entry in entries} == {10}
