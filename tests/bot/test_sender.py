"""One door out: what each outcome does to a message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.base.incidents import Incident
from apps.base.work import leases
from apps.bot.api.client import Outcome, Verdict
from apps.bot.chats import chat_of
from apps.bot.models import Chat, OutboundMessage
from apps.bot.outbound import claims, outbox
from apps.bot.outbound.rate_limit import Bucket, Pace
from tests.driver import Buyer, Shop

Kind = OutboundMessage.Kind


def chat(shop: Shop, number: int) -> Chat:
    shop.fakes.do(lambda: shop.fakes.world.telegram.add_user(number, f"Pembeli {number}"))
    return chat_of(number)


def claim(shop: Shop, **changes: Any) -> list[OutboundMessage]:
    held = shop.held or shop.lead()
    return claims.turn([], **{"epoch": held.epoch, "room": 64, "silent": [], "urgency": 3, **changes})


def finish(shop: Shop, message: OutboundMessage, verdict: Verdict, **more: Any) -> OutboundMessage:
    held = shop.held or shop.lead()
    claims.turn([claims.Sent(message, Outcome(verdict, **more))], epoch=held.epoch, room=0, silent=[], urgency=3)
    message.refresh_from_db()
    return message


def test_goods_overtake_and_each_chat_has_one_in_flight(shop: Shop) -> None:
    a, b = chat(shop, 1), chat(shop, 2)
    outbox.send_text(a, "notice", kind=Kind.NOTICE)
    outbox.send_text(a, "reply", kind=Kind.REPLY)
    goods = outbox.send_text(a, "goods", kind=Kind.GOODS)
    other = outbox.send_text(b, "broadcast", kind=Kind.BROADCAST)
    assert [m.pk for m in claim(shop)] == [goods.pk, other.pk]


def test_the_oldest_of_a_class_goes_first(shop: Shop) -> None:
    a = chat(shop, 1)
    made = [outbox.send_text(a, str(n), kind=Kind.GOODS) for n in range(3)]
    order = []
    while found := claim(shop):
        order.append(found[0].pk)
        finish(shop, found[0], Verdict.SENT)
    assert order == [m.pk for m in made]


def test_silent_chats_and_broadcasts_without_room_wait(shop: Shop) -> None:
    a, b = chat(shop, 1), chat(shop, 2)
    outbox.send_text(a, "x", kind=Kind.GOODS)
    outbox.send_text(b, "x", kind=Kind.BROADCAST)
    assert claim(shop, silent=[str(a.pk)], urgency=2) == []


def test_edits_of_one_message_collapse_to_the_last(shop: Shop) -> None:
    a = chat(shop, 1)
    for n in range(3):
        outbox.send(a, "editMessageText", {"message_id": 5, "text": str(n)}, target=5)
    assert [m.payload["text"] for m in claim(shop)] == ["2"]
    assert OutboundMessage.objects.filter(state="replaced").count() == 2


def test_replies_die_when_nobody_waits_any_more(shop: Shop) -> None:
    shop.sending = False
    outbox.send_text(chat(shop, 1), "late", kind=Kind.REPLY)
    goods = outbox.send_text(chat(shop, 2), "late", kind=Kind.GOODS)
    shop.forward(seconds=61)
    claims.sweep_expired()
    assert [m.pk for m in claim(shop)] == [goods.pk]


@pytest.mark.parametrize(
    ("kind", "verdict", "state"),
    [
        (Kind.GOODS, Verdict.UNKNOWN, "queued"),
        (Kind.INVOICE, Verdict.UNKNOWN, "queued"),
        (Kind.SNK, Verdict.UNKNOWN, "queued"),
        (Kind.BROADCAST, Verdict.UNKNOWN, "unknown"),
        (Kind.GOODS, Verdict.NOT_SENT, "queued"),
        (Kind.BROADCAST, Verdict.NOT_SENT, "queued"),
        (Kind.GOODS, Verdict.BLOCKED, "failed"),
        (Kind.GOODS, Verdict.REFUSED, "failed"),
        (Kind.GOODS, Verdict.PLAINER, "queued"),
        (Kind.NOTICE, Verdict.PLAINER, "queued"),
        (Kind.REPLY, Verdict.DONE, "sent"),
        (Kind.GOODS, Verdict.REVOKED, "queued"),
        (Kind.GOODS, Verdict.PARK, "queued"),
    ],
)
def test_each_outcome_has_its_end(shop: Shop, kind: str, verdict: Verdict, state: str) -> None:
    outbox.send_text(chat(shop, 1), "x", kind=kind)
    message = finish(shop, claim(shop)[0], verdict, retry_after=5)
    assert message.state == state
    assert (message.next_at is None) is (state not in ("queued",))


def test_what_never_left_is_never_given_up(shop: Shop) -> None:
    outbox.send_text(chat(shop, 1), "x", kind=Kind.GOODS)
    for _ in range(20):
        message = finish(shop, claim(shop)[0], Verdict.NOT_SENT)
        assert message.state == "queued"
        shop.sending = False
        shop.forward(seconds=301)


def test_a_revoked_token_is_an_incident(shop: Shop) -> None:
    outbox.send_text(chat(shop, 1), "x", kind=Kind.GOODS)
    finish(shop, claim(shop)[0], Verdict.REVOKED)
    assert Incident.objects.filter(key="telegram.token").exists()


def test_a_repeat_says_that_it_is_one(shop: Shop, sari: Buyer) -> None:
    payload = {"text": "barang", "parse_mode": "HTML", "_repeat": "<i>(ulang)</i>"}
    outbox.send(chat_of(701), "sendMessage", payload, kind=Kind.GOODS)
    finish(shop, claim(shop)[0], Verdict.UNKNOWN)
    shop.forward(seconds=2)
    assert sari.heard == ["<i>(ulang)</i>\nbarang"]


def test_unreadable_goods_become_plain_then_a_document(shop: Shop, sari: Buyer) -> None:
    outbox.send_text(chat_of(701), "<b>kurang tutup", kind=Kind.GOODS)
    shop.settle()
    assert sari.heard == ["kurang tutup"]
    outbox.send_text(chat_of(701), "<i>" + "y" * 5000, kind=Kind.GOODS)
    shop.settle()
    assert sari.messages[-1]["document_name"] == "pesanan.txt"


def test_a_screen_whose_message_is_gone_comes_anew(shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    outbox.send(chat_of(701), "editMessageText", {"message_id": 4444, "text": "layar"}, target=4444)
    shop.settle()
    assert sari.heard[-1] == "layar"


def test_what_an_older_leader_held_is_unknown(shop: Shop) -> None:
    goods = outbox.send_text(chat(shop, 1), "x", kind=Kind.GOODS)
    cast = outbox.send_text(chat(shop, 2), "x", kind=Kind.BROADCAST)
    claim(shop)
    new = shop.lead()
    assert claims.take_over(new.epoch) == 2
    goods.refresh_from_db()
    cast.refresh_from_db()
    assert (goods.state, goods.unknowns) == ("queued", 1)
    assert cast.state == "unknown"


def test_an_old_leader_cannot_claim_or_record(shop: Shop) -> None:
    outbox.send_text(chat(shop, 1), "x", kind=Kind.GOODS)
    old = shop.lead()
    message = claim(shop)[0]
    leases.take_lease("bot", holder="other", host="test", alone_on_host=True)
    with pytest.raises(claims.LeaseLost):
        claims.turn([claims.Sent(message, Outcome(Verdict.SENT))], epoch=old.epoch, room=5, silent=[], urgency=3)
    message.refresh_from_db()
    assert message.state == "sending"


def test_a_picture_is_uploaded_once(shop: Shop, sari: Buyer) -> None:
    from apps.bot.pictures import keep_picture
    from apps.orders.demo.pictures import draw

    picture = keep_picture(draw("Netflix", "#b91c1c"))
    for _ in range(2):
        outbox.send(chat_of(701), "sendPhoto", {"photo": {"picture": str(picture.pk)}, "caption": "x"})
        shop.settle()
    assert len([m for m in sari.messages if m.get("photo")]) == 2
    assert picture.files.count() == 1


class Tick:
    """A clock to turn by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60), st.floats(1, 50))
def test_a_bucket_never_gives_more_than_its_rate(steps: list[tuple[float, bool]], rate: float) -> None:
    clock = Tick()
    bucket = Bucket(rate, rate, full=False, now=clock)
    taken, start = 0, clock.now
    for wait, _ in steps:
        clock.now += wait
        while bucket.level() >= 1:
            bucket.take()
            taken += 1
    assert taken <= (clock.now - start) * rate + 1e-6


def test_a_new_leader_starts_with_an_empty_bucket() -> None:
    assert Pace(25, now=Tick()).bot.level() == 0


def test_a_long_pause_is_kept(shop: Shop) -> None:
    clock = Tick()
    pace = Pace(25, now=clock)
    clock.now += 2
    assert not pace.parked("a", 10_072), "one chat's pause is its own"
    assert pace.bot.level() > 0
    assert pace.parked("b", 60), "two chats in five seconds mean the bot"
    assert pace.bot.level() == 0
    clock.now += 59
    assert pace.bot.level() == 0
    clock.now += 2
    assert pace.bot.level() > 0
    assert pace.silent_chats() == ["a"]
    clock.now += 10_072
    pace.forget([])
    assert pace.silent_chats() == []
