"""Anything at all, by webhook and by polling, from Telegram and from the gateway, beside people who buy: nobody waits,
nothing breaks.
"""

from __future__ import annotations

import itertools
import json
import os
from io import StringIO
from typing import Any

from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.bot.inbound import poller
from apps.bot.models import InboundUpdate, OutboundMessage
from apps.orders.models import GatewayEvent
from tests.conftest import make_product
from tests.driver import Shop

BATCH = 25
BATCHES = 400 if os.environ.get("CAMPAIGN") else 6  # 10,000 in a campaign
STRANGERS = (9001, 9002, 9003)

junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20) | st.just("\0")
    | st.just("\ud83d") | st.just("AO-AAAAAA") | st.just("completed"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
text = (
    st.sampled_from(["/start", "/cari x", "/pesanan", "halo", "/start@toko_bot x", "5", "<b>", "😀" * 50, "\0", ""])
    | st.text()
)


@st.composite
def updates(draw: Any) -> dict[str, Any]:
    """One that Telegram might send, its chat a stranger's or a group's."""
    who = draw(st.sampled_from(STRANGERS))
    person = {
        "id": who,
        "is_bot": False,
        "first_name": draw(text),
        "language_code": draw(st.sampled_from(["id", "en", "x"])),
    }
    chat = draw(st.sampled_from([{"id": who, "type": "private"}, {"id": -100_500, "type": "supergroup", "title": "G"}]))
    message = {"message_id": draw(st.integers(1, 2**31)), "date": 1, "chat": chat, "from": person}
    kind = draw(st.sampled_from(["text", "button", "membership", "edited", "photo", "service", "document"]))
    if kind == "text":
        return {"message": {**message, "text": draw(text)}}
    if kind == "button":
        data = draw(
            st.sampled_from(["home", "all:0", "v:1:1", "buy:1:1", "cart", "check:x", "pay:qris", "lang:en", "x"])
            | st.text(max_size=64)
        )
        return {"callback_query": {"id": str(draw(st.integers(1))), "from": person, "message": message, "data": data}}
    if kind == "membership":
        member = {
            "user": {"id": 1, "is_bot": True, "first_name": "T"},
            "status": draw(st.sampled_from(["kicked", "member", "left"])),
        }
        return {
            "my_chat_member": {
                "chat": chat,
                "from": person,
                "date": 1,
                "new_chat_member": member,
                "old_chat_member": member,
            }
        }
    if kind == "edited":
        return {"edited_message": {**message, "text": draw(text)}}
    if kind == "photo":
        return {
            "message": {
                **message,
                "photo": [{"file_id": "x", "file_unique_id": "x", "width": 1, "height": 1}],
                "caption": draw(text),
            }
        }
    if kind == "service":
        return {"message": {**message, "pinned_message": {"message_id": 1, "date": 0, "chat": chat}}}
    return {"message": {**message, "document": {"file_id": "x", "file_unique_id": "x", "file_name": draw(text)}}}


@st.composite
def spoiled(draw: Any, plain: st.SearchStrategy[dict[str, Any]]) -> Any:
    """The same with up to two of its parts replaced by anything, left out, or nothing but junk."""
    body = json.loads(json.dumps(draw(plain)))
    for _ in range(draw(st.integers(0, 2))):
        place = body
        while True:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            if isinstance(place, dict) and draw(st.booleans()):
                del place[key]
            else:
                place[key] = draw(junk)
            break
        if not body:
            return draw(junk)
    return body


events = st.fixed_dictionaries(
    {
        "txn_id": st.sampled_from(["txn_a", "txn_b"]) | st.text(max_size=80),
        "order_id": st.sampled_from(["AO-AAAAAA", ""]) | st.text(max_size=80),
        "amount": st.sampled_from([500, "500", "5.000", 500.0]),
        "is_sandbox": st.sampled_from([True, "true", 1]),
        "status": st.sampled_from(["completed", "COMPLETED ", "pending", "canceled", "?"]),
    }
)
ways = st.sampled_from(["webhook", "polling"])
outside = st.tuples(ways, spoiled(updates())) | st.tuples(st.just("gateway"), spoiled(events))
numbers = itertools.count(10_000)


def bring(shop: Shop, way: str, body: Any) -> None:
    if way == "gateway":
        answer = shop.http.post(
            "/payments/pakasir/webhook/",
            json.dumps(body),
            content_type="application/json",
            headers={"X-Secret": "sandbox-webhook-secret"},
        )
        assert answer.status_code in (200, 400), (answer.status_code, body)
        return
    number = next(numbers)
    if isinstance(body, dict) and "update_id" not in body:
        body = {"update_id": number, **body}
    if way == "webhook":
        expected = 200 if isinstance(body, dict) else 400  # no update at all
        assert shop.post_update(json.dumps(body)).status_code == expected, body
    else:
        for chat_id in poller.store_all([json.loads(json.dumps(body))]):
            poller.handle_chat(chat_id)


def rows_without_a_reason() -> list[Any]:
    updates_left = InboundUpdate.objects.filter(next_at__isnull=False) | InboundUpdate.objects.filter(outcome="")
    failed = OutboundMessage.objects.filter(state="failed", last_error="")
    bells = GatewayEvent.objects.filter(reason="", accepted=False)
    return [*updates_left.values("kind", "outcome", "last_error"), *failed.values("kind"), *bells.values("status")]


def test_nothing_from_outside_stops_who_buys(shop: Shop) -> None:
    make_product("spotify", units=BATCHES * 4, name="Spotify")  # hypothesis may play a batch again
    buyers = itertools.count(20_000)

    @settings(
        max_examples=BATCHES,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(st.lists(outside, min_size=BATCH, max_size=BATCH))
    def batch(things: list[tuple[str, Any]]) -> None:
        for way, body in things[: BATCH // 2]:
            bring(shop, way, body)
        buyer = shop.buyer(next(buyers), "Sari")
        number = buyer.orders("Spotify")
        for way, body in things[BATCH // 2 :]:
            bring(shop, way, body)
        shop.pays(number)
        assert any("Ini barangnya" in heard for heard in buyer.heard)
        assert rows_without_a_reason() == []

    batch()
    call_command("checkinvariants", stdout=StringIO())
