"""What comes from outside stops nobody: one bad update, one odd event, groups that move, what nobody said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError

from apps.base.incidents import Incident
from apps.bot.chats import chat_of
from apps.bot.inbound import hang_guard, inbox, poller
from apps.bot.models import Chat, ChatSession, InboundUpdate
from apps.bot.outbound import outbox
from apps.orders.models import GatewayEvent, Variant
from tests.driver import Buyer, Shop


def update(number: int, user: int = 701, **more: Any) -> dict[str, Any]:
    person = {"id": user, "is_bot": False, "first_name": "Sari", **more.pop("person", {})}
    chat = {"id": user, "type": "private", **more.pop("chat", {})}
    return {"update_id": number, "message": {"message_id": number, "date": 1, "chat": chat, "from": person, **more}}


ODD_BUT_READABLE = {
    "a date no calendar has": {"text": "/start", "date": 2**60},
    "a reply that is damaged": {"text": "/start", "reply_to_message": {"message_id": 5, "chat": {"id": 1}}},
    "entities that are none": {"text": "/start", "entities": 7},
    "a photo beside it that is none": {"text": "/start", "photo": "x"},
    "half a surrogate in a name": {"text": "/start", "person": {"first_name": "S\ud83d"}},
    "a name of another kind": {"text": "/start", "person": {"first_name": ["x"], "last_name": 3}},
    "a language that is none": {"text": "/start", "person": {"language_code": {"x": 1}}},
    "a NUL in a name": {"text": "/start", "person": {"first_name": "Sa\0ri"}},
}
UNREADABLE = {
    "no chat": {"update_id": 1, "message": {"message_id": 1, "text": "x"}},
    "a chat's number beyond a column": update(1, text="x", chat={"id": 2**70}),
    "a message that is none": {"update_id": 1, "message": [1, 2]},
    "a button that is none": {"update_id": 1, "callback_query": "x"},
    "a chat's number that is a word": update(1, text="x", chat={"id": "seven"}),
    "a membership that is none": {"update_id": 1, "my_chat_member": {"chat": 1}},
}


@pytest.fixture
def polled(shop: Shop) -> Any:
    """Updates as they come by polling, all in one batch."""

    def bring(*bodies: Any) -> None:
        for chat_id in poller.store_all(list(bodies)):
            poller.handle_chat(chat_id)
        shop.settle()

    return bring


class TestOneBadUpdate:
    @pytest.mark.parametrize("what", ODD_BUT_READABLE)
    def test_what_nobody_uses_spoils_nothing(self, shop: Shop, sari: Buyer, what: str) -> None:
        body = json.loads(json.dumps(update(1, **ODD_BUT_READABLE[what])))
        assert shop.post_update(body).status_code == 200
        shop.settle()
        assert "selamat datang" in sari.heard[-1]

    @pytest.mark.parametrize("what", UNREADABLE)
    def test_what_cannot_be_read_is_kept_answered_and_told_once(
        self, shop: Shop, sari: Buyer, tono: Buyer, what: str
    ) -> None:
        for _ in range(2):
            assert shop.post_update(UNREADABLE[what]).status_code == 200
        shop.settle()
        row = InboundUpdate.objects.get()
        assert (row.outcome, row.kind, row.next_at) == ("unreadable", "unreadable", None)
        assert row.body == UNREADABLE[what]
        assert sum("tidak bisa dibaca" in text for text in tono.heard) == 1
        sari.says("/start")
        assert "selamat datang" in sari.heard[-1]
        call_command("checkinvariants")

    @pytest.mark.parametrize("what", UNREADABLE)
    def test_by_polling_the_others_of_its_batch_are_answered(
        self, shop: Shop, sari: Buyer, dewi: Buyer, polled: Any, what: str
    ) -> None:
        polled(update(2, 702, text="/start"), UNREADABLE[what], {"no": "update"}, update(3, text="/start"))
        assert "selamat datang" in sari.heard[-1]
        assert "selamat datang" in dewi.heard[-1]

    def test_what_the_database_refuses_is_kept_as_it_came(
        self, shop: Shop, sari: Buyer, dewi: Buyer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual = inbox._chat

        def refuses(incoming: Any) -> Chat:
            if incoming.user_id == 701:
                raise ValueError("a column has no room for it")
            return usual(incoming)

        monkeypatch.setattr(inbox, "_chat", refuses)
        assert shop.post_update(update(1, text="/start")).status_code == 200
        assert InboundUpdate.objects.get().outcome == "unreadable"
        dewi.says("/start")
        assert "selamat datang" in dewi.heard[-1]

    def test_only_a_database_that_is_away_means_again(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*args: Any) -> None:
            raise OperationalError

        monkeypatch.setattr(inbox, "store", away)
        monkeypatch.setattr("apps.base.fast_rows.RECONNECT", 0.0)
        assert shop.post_update(update(1, text="/start")).status_code == 503
        with pytest.raises(OperationalError):
            poller.store_all([update(1, text="/start")])

    @pytest.mark.parametrize("bodies", [[{"x": 1}], [None], ["x"], [{"update_id": "7"}], [{"update_id": 7}, 3]])
    def test_the_offset_moves_past_everything(self, bodies: list[Any]) -> None:
        assert max(map(poller.number_of, bodies)) + 1 in (0, 8)

    def test_what_kills_the_poller_is_put_aside(self, shop: Shop, sari: Buyer, dewi: Buyer) -> None:
        """Each new poller looks at what the one before left, and counts it as one more attempt."""
        inbox.store(outbox.bot_id(), update(1, text="/start"))
        for _ in range(3):
            chats = inbox.waiting_chats()
        assert len(chats) == 1
        row = InboundUpdate.objects.get()
        assert row.dead_at is not None
        assert row.last_error == "the process died each time"
        assert inbox.waiting_chats() == []
        sari.says("/start")
        assert "selamat datang" in sari.heard[-1]

    def test_so_is_what_kills_the_web_process(self, shop: Shop) -> None:
        body = update(1, text="/start")
        inbox.store(outbox.bot_id(), body)
        found = [inbox.unhandled(outbox.bot_id(), body) for _ in range(3)]
        assert [row is not None for row in found] == [True, True, False]
        assert InboundUpdate.objects.get().dead_at is not None

    def test_a_handler_that_never_ends_is_noticed(self) -> None:
        import time

        with hang_guard.bounded():
            assert not hang_guard.hangs(time.monotonic())
            assert hang_guard.hangs(time.monotonic() + hang_guard.MOST + 1)
        assert not hang_guard.hangs(time.monotonic() + hang_guard.MOST + 1)


class TestOddEvents:
    @pytest.mark.parametrize(
        "changes",
        [{"txn_id": "t\ud800"}, {"order_id": "AO-\0X"}, {"status": ["x"]}, {"status": {"a": 1}}, {"txn_id": "x" * 5000},
         {"amount": "9" * 5000}, {"order_id": 10**30}],
    )  # fmt: skip
    def test_every_one_is_kept_and_answered(
        self, shop: Shop, sari: Buyer, spotify: Variant, changes: dict[str, Any]
    ) -> None:
        number = sari.orders("Spotify")
        body = {"txn_id": "txn_x", "order_id": number, "status": "completed", **changes}
        answer = shop.http.post(
            "/payments/pakasir/webhook/", json.dumps(body), content_type="text/plain",
            headers={"X-Secret": "sandbox-webhook-secret"},
        )  # fmt: skip
        assert answer.status_code == 200
        assert GatewayEvent.objects.count() == 1
        shop.settle()
        call_command("checkinvariants")

    def test_one_that_cannot_be_kept_is_kept_raw(
        self, shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        number = sari.orders("Spotify")
        monkeypatch.setattr("apps.orders.services.gateway_events._keep", lambda *args: 1 / 0)
        assert shop.webhook(number).status_code == 200
        assert GatewayEvent.objects.get().reason == "unreadable"
        monkeypatch.undo()
        shop.bank_pays(number)
        shop.forward(seconds=21)
        assert "Ini barangnya" in sari.heard[-1], "the schedule finds the money"


class TestReasons:
    def test_no_buyer_can_ring_the_books_alarm(self, shop: Shop, sari: Buyer) -> None:
        sari.says("/start")
        menu = sari.screen
        for _ in range(25):
            sari.presses("Cari", menu)
        assert InboundUpdate.objects.filter(outcome="busy").count() > 3
        assert not InboundUpdate.objects.filter(next_at__isnull=True, outcome="").exists()
        call_command("checkinvariants")

    def test_groups_and_what_they_say_have_a_reason(self, shop: Shop, sari: Buyer) -> None:
        shop.fakes.do(lambda: shop.fakes.world.telegram.say(701, "halo", chat_id=-77))
        shop.settle()
        assert InboundUpdate.objects.get().outcome == "group"


class TestGroups:
    def test_news_follows_a_group_that_became_a_supergroup(self, shop: Shop, tono: Buyer, settings: Any) -> None:
        """Told by the service message first."""
        settings.SELLER_CHAT_IDS = [-77]
        telegram = shop.fakes.world.telegram
        outbox.send_text(chat_of(-77), "satu")
        shop.settle()
        shop.fakes.do(lambda: telegram.upgrade_group(-77, -10077))
        shop.settle()
        self.heard_there(shop, tono)

    def test_or_by_the_refusal(self, shop: Shop, tono: Buyer, settings: Any) -> None:
        settings.SELLER_CHAT_IDS = [-77]
        shop.fakes.do(lambda: shop.fakes.world.telegram.upgraded.update({-77: -10077}))
        self.heard_there(shop, tono)

    def heard_there(self, shop: Shop, tono: Buyer) -> None:
        from apps.bot.staff.notices import tell_staff

        for n in range(2):
            tell_staff("money_back", about=f"x{n}", number=f"AO-{n}", name="Joki", amount=1)
            shop.settle()
        there = shop.fakes.do(lambda: list(shop.fakes.world.telegram.chats[-10077]))
        assert [("AO-0" in m["text"], "AO-1" in m["text"]) for m in there if m["from"] == "bot"] == [
            (True, False),
            (False, True),
        ]
        assert not outbox.OutboundMessage.objects.filter(state="failed").exists()
        assert any("-10077" in text for text in tono.heard)
        assert Chat.objects.filter(kind="supergroup").count() == 1

    def test_alerts_of_a_host_follow_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from host import alert_channels

        asked: list[str] = []

        def post(address: str, body: bytes, kind: str) -> bytes:
            asked.append(body.decode())
            if "chat_id=-77&" in body.decode():
                said = {"ok": False, "parameters": {"migrate_to_chat_id": -10077}}
                raise alert_channels.Answered(400, json.dumps(said).encode())
            return b'{"ok": true, "result": {"message_id": 1}}'

        monkeypatch.setattr(alert_channels, "post", post)
        assert alert_channels.call_bot("https://x", "7:t", "sendMessage", {"chat_id": "-77", "text": "a"}) == {
            "message_id": 1
        }
        assert len(asked) == 2


class TestWhoSomebodyIs:
    def test_a_username_that_changes_or_goes(self, shop: Shop) -> None:
        for number, name in enumerate(["lama", "baru", ""]):
            person = {"username": name} if name else {}
            shop.post_update(update(number, text="/start", person=person))
            assert Chat.objects.get().username == name

    def test_a_group_is_called_what_it_is_called(self, shop: Shop) -> None:
        for number, title in enumerate(["Penjual", "Penjual Malam"]):
            shop.post_update(update(number, text="x", chat={"id": -5, "type": "group", "title": title}))
            assert Chat.objects.get().name == title


class TestWhatNobodySaid:
    @pytest.mark.parametrize(
        "service",
        [
            {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}},
            {"pinned_message": {"message_id": 1}},
            {"chat_background_set": {"type": {}}},
            {"write_access_allowed": {}},
            {"something_new": {"x": 1}},
        ],
    )
    def test_it_gets_no_answer_and_is_none(self, shop: Shop, sari: Buyer, service: dict[str, Any]) -> None:
        sari.says("/start").presses("Cari")
        before, session = len(sari.heard), ChatSession.objects.get().state
        actions = Chat.objects.get().window_actions
        shop.post_update(update(999_001, **service))
        shop.settle()
        assert (len(sari.heard), ChatSession.objects.get().state) == (before, session)
        assert Chat.objects.get().window_actions == actions
        assert InboundUpdate.objects.get(update_id=999_001).outcome == "service"

    def test_an_album_is_one_act(self, shop: Shop, sari: Buyer) -> None:
        sari.says("/start")
        before = len(sari.heard)
        for n in range(3):
            photo = [{"file_id": f"f{n}", "file_unique_id": f"u{n}", "width": 9, "height": 9}]
            shop.post_update(update(999_010 + n, photo=photo, media_group_id="g1"))
        shop.settle()
        assert len(sari.heard) == before + 1
        shop.post_update(update(999_020, photo=[{"file_id": "x"}], media_group_id="g2"))
        shop.settle()
        assert len(sari.heard) == before + 2


def test_incidents_of_this_file_are_few(shop: Shop) -> None:
    assert not Incident.objects.exists()
