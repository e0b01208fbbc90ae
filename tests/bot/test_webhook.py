"""The webhook's answers, as the contract names them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.bot.connection import webhook_probe
from apps.bot.inbound import inbox
from apps.bot.inbound.incoming import NotAnUpdate, Unreadable, clean
from apps.bot.inbound.update_parsing import parse
from apps.bot.models import InboundUpdate
from apps.bot.outbound.outbox import bot_id
from tests.driver import Buyer, Shop

START = {
    "update_id": 7,
    "message": {
        "message_id": 1, "date": 1, "chat": {"id": 701, "type": "private", "first_name": "Sari"},
        "from": {"id": 701, "is_bot": False, "first_name": "Sari"}, "text": "/start",
    },
}  # fmt: skip


@pytest.mark.parametrize("secret", ["", "wrong", "webhook-secret ", "WEBHOOK-SECRET"])
def test_a_bad_secret_is_401_and_nothing_is_read(shop: Shop, secret: str) -> None:
    assert shop.post_update(START, secret=secret).status_code == 401
    assert not InboundUpdate.objects.exists()


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", '"x"', "{}", '{"update_id": "x"}', '{"update_id": null}', "\x00"]
)
def test_what_is_no_update_is_400(shop: Shop, body: str) -> None:
    answer = shop.http.post(
        "/telegram/webhook/",
        body.encode(),
        content_type="application/json",
        headers={"X-Telegram-Bot-Api-Secret-Token": "webhook-secret"},
    )
    assert answer.status_code == 400


def test_deeply_nested_rubbish_is_400(shop: Shop) -> None:
    body = b'{"update_id":1,"message":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    answer = shop.http.post(
        "/telegram/webhook/",
        body,
        content_type="application/json",
        headers={"X-Telegram-Bot-Api-Secret-Token": "webhook-secret"},
    )
    assert answer.status_code == 400


def test_over_a_megabyte_is_413(shop: Shop) -> None:
    assert shop.post_update({**START, "x": "y" * 1_000_001}).status_code == 413


def test_get_is_not_served(shop: Shop) -> None:
    assert shop.http.get("/telegram/webhook/").status_code == 405


def test_a_repeat_is_200_and_handled_once(shop: Shop, sari: Buyer) -> None:
    assert shop.post_update(START).status_code == 200
    assert shop.post_update(START).status_code == 200
    assert InboundUpdate.objects.count() == 1
    shop.settle()
    assert len(sari.heard) == 1


def test_a_repeat_of_what_nobody_handled_is_handled_at_once(shop: Shop, sari: Buyer) -> None:
    """The process that stored it was killed before it answered: the clock would ring it ten seconds later."""
    sari.says("/start")
    shown = sari.screen
    update = shop.fakes.do(lambda: shop.fakes.world.telegram.press(701, shown["message_id"], "help"))
    body = shop.fakes.do(lambda: shop.fakes.world.telegram.pending[update])
    assert inbox.store(bot_id(), body) is not None
    answer = shop.post_update(body)
    assert answer.json() == {"method": "answerCallbackQuery", "callback_query_id": f"q{update}"}
    assert InboundUpdate.objects.get(update_id=update).handled_at is not None


def test_what_cannot_be_stored_is_503(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise OperationalError("no database")

    monkeypatch.setattr("apps.bot.views.inbox.store", broken)
    monkeypatch.setattr("apps.base.fast_rows.RECONNECT", 0.0)
    monkeypatch.setattr("apps.base.fast_rows.connection.close", lambda: None)  # the test's own
    assert shop.post_update(START).status_code == 503


def test_a_dead_connection_is_not_telegrams_business(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread has one after the database restarted: each would cost the buyer another wait of Telegram's."""
    tries, store = [], inbox.store

    def stumbles(*args: Any) -> Any:
        tries.append(args)
        if len(tries) < 3:
            raise OperationalError("the connection is closed")
        return store(*args)

    monkeypatch.setattr("apps.bot.views.inbox.store", stumbles)
    monkeypatch.setattr("apps.base.fast_rows.RECONNECT", 0.0)
    monkeypatch.setattr("apps.base.fast_rows.connection.close", lambda: None)
    assert shop.post_update(START).status_code == 200
    assert InboundUpdate.objects.get().handled_at is not None


@pytest.mark.parametrize("kind", ["edited_message", "channel_post", "poll", "inline_query", "something_new"])
def test_unknown_kinds_are_200_and_left(shop: Shop, kind: str) -> None:
    body = {"update_id": 9, kind: START["message"] if "message" in kind or "post" in kind else {"id": "1"}}
    if kind == "poll":
        body = {"update_id": 9}
    if kind == "inline_query":
        body = {"update_id": 9, kind: {"id": "1", "from": START["message"]["from"], "query": "", "offset": ""}}  # type: ignore[index]
    assert shop.post_update(body).status_code == 200
    assert InboundUpdate.objects.get().outcome == "ignored"


def test_the_button_is_answered_in_the_reply(shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    shown = sari.screen
    update = shop.fakes.do(lambda: shop.fakes.world.telegram.press(701, shown["message_id"], "help"))
    body = shop.fakes.do(lambda: shop.fakes.world.telegram.pending[update])
    answer = shop.post_update(body).json()
    assert answer == {"method": "answerCallbackQuery", "callback_query_id": f"q{update}"}


def test_our_own_nonce_comes_back(shop: Shop) -> None:
    asked = webhook_probe.question()
    assert webhook_probe.is_ours(asked, shop.post_update(asked).json())
    assert not webhook_probe.is_ours(webhook_probe.question(), shop.post_update(asked).json())
    assert not InboundUpdate.objects.exists()


def test_csrf_and_hosts_do_not_stand_in_the_way(shop: Shop) -> None:
    strict = Client(enforce_csrf_checks=True)
    headers = {"X-Telegram-Bot-Api-Secret-Token": "webhook-secret"}
    assert strict.post("/telegram/webhook/", START, content_type="application/json", headers=headers).status_code == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["message", "chat", "id", "from", "text", "data", "x"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from(["message", "callback_query", "my_chat_member", "x"]))
def test_rubbish_is_refused_never_a_traceback(value: Any, kind: str) -> None:
    try:
        parse({"update_id": 1, kind: value})
    except (NotAnUpdate, Unreadable):
        pass


@given(st.text(max_size=200))
def test_names_lose_what_cannot_be_seen(text: str) -> None:
    kept = clean(text, 64)
    assert len(kept) <= 64
    assert not set(kept) & set("\u202e\u202d\u200f\x00\x1b")


def test_emoji_stay_whole() -> None:
    assert clean("👨\u200d👩\u200d👧 Sari\u202e ❤\ufe0f", 64) == "👨\u200d👩\u200d👧 Sari ❤\ufe0f"


def test_json_of_an_update_is_kept_encrypted(shop: Shop) -> None:
    shop.post_update(START)
    assert InboundUpdate.objects.get().body == json.loads(json.dumps(START))
