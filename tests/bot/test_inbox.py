"""One door in: order, poison, crowds, places that are not private."""

from __future__ import annotations

from typing import Any

import pytest

from apps.bot.dialogue.router import Command, DuplicateRoute, Routes, all_routes, merge
from apps.bot.inbound import inbox, poller
from apps.bot.models import Chat, ChatSession, InboundUpdate
from tests.driver import Buyer, Shop

HELLO = {"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": {"id": 701, "type": "private"},
         "from": {"id": 701, "is_bot": False, "first_name": "Sari"}, "text": "/start"}}  # fmt: skip


def test_order_is_kept_for_each_chat(shop: Shop, sari: Buyer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    usual = inbox.route

    def watching(talk: Any) -> Any:
        seen.append(talk.text)
        return usual(talk)

    monkeypatch.setattr(inbox, "route", watching)
    telegram = shop.fakes.world.telegram
    for number in range(10):
        shop.fakes.do(lambda n=number: telegram.say(701, f"kata {n}"))
    shop.settle()
    assert seen == [f"kata {n}" for n in range(10)]


def test_a_failing_update_keeps_its_place_then_gives_way(
    shop: Shop, sari: Buyer, dewi: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = inbox.route

    def allergic(talk: Any) -> Any:
        if talk.text == "racun":
            raise RuntimeError("poison")
        return usual(talk)

    monkeypatch.setattr(inbox, "route", allergic)
    sari.says("racun")
    sari.says("/start")
    assert sari.heard == [], "her second message waits behind the first"
    dewi.says("/start")
    assert dewi.heard, "nobody else waits"
    for _ in range(3):
        shop.forward(seconds=25)
    assert "selamat datang" in sari.heard[-1]
    dead = InboundUpdate.objects.get(dead_at__isnull=False)
    assert dead.last_error == "RuntimeError: poison"


def test_an_update_whose_thread_died_is_rung_again(shop: Shop, sari: Buyer) -> None:
    inbox.store(1000001, HELLO)
    shop.settle()
    assert sari.heard == []
    shop.forward(seconds=11)
    assert len(sari.heard) == 1


def test_a_process_killing_update_is_buried(shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    InboundUpdate.objects.update(next_at="2020-01-01T00:00:00Z", outcome="", attempts=3)
    inbox.ring_update(str(InboundUpdate.objects.get().pk))
    assert InboundUpdate.objects.get().last_error == "the process died each time"


def test_over_the_budget_the_shop_asks_for_a_pause_once(shop: Shop, sari: Buyer) -> None:
    for _ in range(30):
        sari.says("halo")
    assert sum("Pelan-pelan" in text for text in sari.heard) == 1
    assert len(sari.heard) == 21
    shop.forward(seconds=61)
    sari.says("/start")
    assert "selamat datang" in sari.heard[-1]


def test_groups_get_no_dialogue(shop: Shop, sari: Buyer) -> None:
    telegram = shop.fakes.world.telegram
    shop.fakes.do(lambda: telegram.say(701, "/start", chat_id=-100123))
    shop.settle()
    assert sari.heard == []
    group = Chat.objects.get(kind="group")
    assert not group.outbox.exists()
    assert InboundUpdate.objects.get().outcome == "group"


@pytest.mark.parametrize("media", ["sticker", "voice", "photo", "document"])
def test_media_get_a_helpful_answer(shop: Shop, sari: Buyer, media: str) -> None:
    parts: dict[str, Any] = {
        "sticker": {
            "file_id": "x",
            "file_unique_id": "x",
            "type": "regular",
            "width": 1,
            "height": 1,
            "is_animated": False,
            "is_video": False,
        },
        "voice": {"file_id": "x", "file_unique_id": "x", "duration": 1},
        "photo": [{"file_id": "x", "file_unique_id": "x", "width": 1, "height": 1}],
        "document": {"file_id": "x", "file_unique_id": "x"},
    }
    sari.says("", **{media: parts[media]})
    assert "Aku belum paham pesan itu" in sari.heard[-1]


@pytest.mark.parametrize("text", ["/apaini", "x" * 4096, "/start@toko_bot", "🙂" * 2000, "/", "<b>&\"'"])
def test_odd_texts_never_break_the_dialogue(shop: Shop, sari: Buyer, text: str) -> None:
    sari.says(text)
    assert sari.screen["keyboard"]
    assert not InboundUpdate.objects.exclude(last_error="").exists()


def test_an_old_button_brings_the_menu(shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    sari.presses_data("tombol-lama:1")
    assert sari.toast == "Tombol ini sudah tidak berlaku. Ini menunya ya."
    assert "selamat datang" in sari.heard[-1]


def test_a_blocked_bot_is_noted_and_forgiven(shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    member = {"user": {"id": 1, "is_bot": True, "first_name": "b"}, "status": "kicked", "until_date": 0}
    body = {
        "update_id": 99,
        "my_chat_member": {
            "chat": {"id": 701, "type": "private"},
            "date": 1,
            "from": {"id": 701, "is_bot": False, "first_name": "Sari"},
            "old_chat_member": {**member, "status": "member"},
            "new_chat_member": member,
        },
    }
    assert shop.post_update(body).status_code == 200
    assert Chat.objects.get().blocked_at is not None
    sari.says("/start")
    assert Chat.objects.get().blocked_at is None


def test_a_dialogue_survives_in_the_database(shop: Shop, sari: Buyer) -> None:
    sari.says("/cari")
    assert ChatSession.objects.get().state == "search"


def test_two_rooms_cannot_claim_one_word() -> None:
    one = Routes(commands={"start": Command(lambda talk: None, "")})  # type: ignore[arg-type,return-value]
    with pytest.raises(DuplicateRoute):
        merge([one, one])
    with pytest.raises(DuplicateRoute):
        merge([Routes(lost=lambda t: None), Routes(lost=lambda t: None)])  # type: ignore[arg-type,return-value]


def test_every_button_fits_into_telegram() -> None:
    assert all(len(verb) <= 10 for verb in all_routes().buttons)


def test_somebody_whom_the_bot_wrote_first_is_answered(shop: Shop, tono: Buyer) -> None:
    """The owner's chat is made by an alert, before he ever wrote."""
    from apps.base.incidents import raise_incident

    raise_incident("gateway.pakasir", "gateway_down", gateway="pakasir")
    shop.settle()
    tono.says("/start")
    assert "selamat datang" in tono.heard[-1]


def test_what_a_poller_stored_and_did_not_live_to_handle_waits_for_no_clock(shop: Shop, sari: Buyer) -> None:
    inbox.store(1000001, HELLO)
    chat = Chat.objects.get()
    assert poller.left_behind() == [chat.pk], "the next poller looks for it at its start"
    assert poller.store_all([HELLO]) == [chat.pk], "and Telegram may bring it again"
    poller.handle_chat(chat.pk)
    shop.settle()
    assert len(sari.heard) == 1
    assert poller.left_behind() == poller.store_all([HELLO]) == []
