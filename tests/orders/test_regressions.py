"""Faults that a review found, each shown first and then mended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from apps.base.clock import shift_clock
from apps.base.incidents import Incident
from apps.base.work import clock_thread
from apps.base.work.broker import BellBroker
from apps.base.work.clock_thread import tick
from apps.base.work.deferred_calls import Errand, send_errand
from apps.bot.chats import chat_of
from apps.bot.inbound import inbox
from apps.bot.models import Chat, InboundUpdate, OutboundMessage
from apps.bot.outbound import outbox
from apps.bot.outbound.rate_limit import Pace
from apps.bot.outbound.sender import Sender
from apps.orders import tasks
from apps.orders.gateways.base import GatewayError, Status, Truth
from apps.orders.gateways.pakasir import client as pakasir
from apps.orders.importing.products import import_products
from apps.orders.importing.table_files import BadFile
from apps.orders.models import CartItem, LedgerEntry, Order, OrderLine, Payment, Seat, StockUnit, Variant
from apps.orders.services import checkout, delivery, money_review, payment, status_check, stock
from apps.orders.services.hoarding_limits import Refusal, Wanted
from apps.orders.services.stock import NewUnit
from tests.conftest import make_product
from tests.driver import Buyer, Shop, debts


def membership(update_id: int, old: str, new: str) -> dict[str, Any]:
    bot = {"id": 1, "is_bot": True, "first_name": "b"}
    more = {"kicked": {"until_date": 0}}
    people = {"chat": {"id": 701, "type": "private"}, "from": {"id": 701, "is_bot": False, "first_name": "Sari"}}
    states = {
        "old_chat_member": {"user": bot, "status": old, **more.get(old, {})},
        "new_chat_member": {"user": bot, "status": new, **more.get(new, {})},
    }
    return {"update_id": update_id, "my_chat_member": {**people, "date": 1, **states}}


def test_goods_come_after_a_real_unblock(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    """Telegram tells the membership before the buyer's first word."""
    number = sari.orders("Spotify")
    shop.fakes.do(lambda: shop.fakes.world.telegram.block(701, True))
    shop.pays(number)
    shop.fakes.do(lambda: shop.fakes.world.telegram.block(701, False))
    assert shop.post_update(membership(2, "kicked", "member")).status_code == 200
    sari.says("/start")
    assert OrderLine.objects.get().state == "sent"


def test_goods_refused_for_good_go_again_when_the_buyer_writes(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    shop.sending = False
    shop.pays(number)
    OutboundMessage.objects.filter(kind="goods").update(state="failed", next_at=None)
    tasks.goods_failed(f"goods:{Order.objects.get().pk}")
    shop.sending = True
    sari.says("/start")
    assert OrderLine.objects.get().state == "sent"


def test_a_document_keeps_its_goods_whatever_its_caption(shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    for n in range(12):
        variant = make_product(f"p{n:02d}", name=f"{n:02d} " + "N" * 55, price=1000)
        Variant.objects.filter(pk=variant.pk).update(name="V" * 38)
        stock.add_units(variant=variant, units=[NewUnit(f"unit-{n:02d}-" + "x" * 400)], actor="t")
        CartItem.objects.create(chat=Chat.objects.get(), variant=variant, quantity=1)
    sari.says("/keranjang").presses("Bayar semua").presses("QRIS")
    shop.pays(sari.invoice_number())
    sent = sari.messages[-1]
    content = shop.fakes.world.telegram.journal.blob(sent["document"]) or b""
    assert content.count(b"unit-") == 12
    assert "dan 7 produk lain di file ini" in sent["text"]


def test_a_refused_caption_never_costs_the_file(shop: Shop, sari: Buyer) -> None:
    payload = {"caption": "<b>kurang tutup" + "y" * 2000, "parse_mode": "HTML"}
    outbox.send(chat_of(701), "sendDocument", payload, kind="goods", file=b"barang", file_name="a.txt")
    shop.settle()
    assert shop.fakes.world.telegram.journal.blob(sari.messages[-1]["document"]) == b"barang"


def test_spaces_and_blank_lines_in_goods_stay(shop: Shop, sari: Buyer) -> None:
    variant = make_product("m", name="Multi")
    unit = "a  \n\n\n\nb\t\nc"
    stock.add_units(variant=variant, units=[NewUnit(unit)], actor="t")
    shop.pays(sari.orders("Multi"))
    assert f"<code>{unit}</code>" in sari.heard[-1]


def test_a_withdrawn_account_is_not_sold_again_after_its_time(shop: Shop, sari: Buyer) -> None:
    make_product("n", name="Netflix", kind="shared", units=1, seats=2, days=30)
    shop.pays(sari.orders("Netflix"))
    assert stock.withdraw_unit(unit=StockUnit.objects.get(), actor="t") == 1
    shop.forward(days=31)
    assert set(Seat.objects.values_list("state", flat=True)) == {"withdrawn"}


def test_a_unit_withdrawn_while_it_is_held_stays_withdrawn(shop: Shop, sari: Buyer) -> None:
    make_product("x", name="Kode", units=1)
    sari.orders("Kode")
    stock.withdraw_unit(unit=StockUnit.objects.get(), actor="t")
    sari.presses("Batalkan")
    assert Seat.objects.get().state == "withdrawn"


def test_variants_are_no_way_around_the_share(shop: Shop, sari: Buyer) -> None:
    first = make_product("h", name="Hoard", units=2)
    second = Variant.objects.create(product=first.product, name="b", price=9000)
    stock.add_units(variant=second, units=[NewUnit("w1"), NewUnit("w2")], actor="t")
    sari.says("/start")
    with pytest.raises(Refusal):
        checkout.place(buyer=Chat.objects.get(), basket=[Wanted(first, 1), Wanted(second, 1)])


def test_a_gateway_that_never_answers_is_asked_on(
    shop: Shop, sari: Buyer, tono: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    sari.orders("Spotify")

    def refuses(*args: Any) -> None:
        raise GatewayError("404 from the gateway", permanent=True, theirs=False)

    monkeypatch.setattr(pakasir.Client, "status", refuses)
    for _ in range(34):
        shop.forward(hours=1)
    assert Payment.objects.get().closed_at is None
    assert any("menolak permintaan kami" in text for text in tono.heard)
    assert any("tidak memberi jawaban pasti" in text for text in tono.heard)
    monkeypatch.undo()
    for _ in range(8):
        shop.forward(hours=1)
    assert Payment.objects.get().closed_at is not None
    assert Incident.objects.get(key="unanswered.pakasir").state == "resolved"


def test_the_gap_between_two_questions_counts_from_the_answer(
    shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine one was long on its way, and the next reached the gateway within its four seconds."""
    sari.orders("Spotify")
    row = Payment.objects.get()
    shop.forward(seconds=10)

    def slow(self: Any, transaction: str, reference: str) -> Truth:
        shift_clock(timedelta(seconds=5))
        return Truth(transaction, reference, row.amount, Status.PENDING, is_sandbox=True)

    monkeypatch.setattr(pakasir.Client, "status", slow)
    assert status_check.ask(row).answer == status_check.Answer.NOT_YET
    assert status_check.ask(row).answer == status_check.Answer.TOO_SOON


def test_a_late_bell_does_not_lose_the_end_of_a_line(shop: Shop, sari: Buyer) -> None:
    make_product("man", name="Manual", kind="manual", days=30, max_quantity=1)
    shop.pays(sari.orders("Manual"))
    line = OrderLine.objects.get()
    tasks.tend_line(str(line.pk))
    assert OrderLine.objects.get().next_at == line.remind_at
    delivery.finish_by_hand(line_id=line.pk, text="ok", file=None, file_name="", actor="t")
    tasks.tend_line(str(line.pk))
    assert OrderLine.objects.get().next_at == OrderLine.objects.get().remind_at


def test_a_reviewed_order_by_hand_is_told_to_both_sides(shop: Shop, sari: Buyer, tono: Buyer) -> None:
    make_product("man", name="Manual", kind="manual", max_quantity=1)
    number = sari.orders("Manual")
    sari.presses("Batalkan")
    shop.forward(seconds=2)
    shop.bank_pays(number)
    shop.forward(minutes=30)
    money_review.serve_reviewed_order(order_id=Order.objects.get().pk, actor="t")
    shop.settle()
    assert "diproses manual" in sari.heard[-1]
    assert any("Pesanan baru untuk dikerjakan" in text for text in tono.heard)


def test_what_was_paid_too_much_waits_for_a_hand_and_the_goods_go_out(
    shop: Shop, sari: Buyer, spotify: Variant
) -> None:
    sari.orders("Spotify")
    row = Payment.objects.get()
    payment.confirm(row.pk, Truth(row.transaction, row.reference, row.amount + 5000, Status.COMPLETED, is_sandbox=True))
    shop.settle()
    assert Order.objects.get().state == "delivered"
    assert any("Rp5.000 lebih banyak dari tagihan" in text for text in sari.heard)
    assert Payment.objects.get().review == "excess"
    assert money_review.mark_refunded(order_id=row.order_id, keys=debts(row.order_id), actor="t") == 5000
    held = LedgerEntry.objects.filter(account="held").values_list("amount", flat=True)
    assert sum(held) == 0
    assert Order.objects.get().state == "delivered"


@pytest.mark.parametrize(
    "data",
    [
        "buy:99999999999999999999:1",
        "order:\x00",
        "v:99999999999999999999:1",
        "cat:99999999999999999999:0",
        "buy:1:99999999999999999999",
        "p:-1",
        "mine:-5",
        "cartq:0:99999999999999999999",
        "pay:",
        ":::",
        "found:1",
        "all:999999999999999999999",
    ],
)
def test_crafted_buttons_break_nothing(shop: Shop, sari: Buyer, spotify: Variant, data: str) -> None:
    sari.says("/start")
    sari.presses_data(data)
    assert not InboundUpdate.objects.exclude(last_error="").exists()


def test_half_a_surrogate_is_kept_not_refused(shop: Shop, sari: Buyer) -> None:
    body = (
        '{"update_id": 5, "message": {"message_id": 1, "date": 1, "chat": {"id": 701, "type": "private"}, "from":'
        ' {"id": 701, "is_bot": false, "first_name": "S\\ud83d"}, "text": "x\\ud83d"}}'
    )
    answer = shop.http.post(
        "/telegram/webhook/",
        body,
        content_type="application/json",
        headers={"X-Telegram-Bot-Api-Secret-Token": "webhook-secret"},
    )
    assert answer.status_code == 200
    shop.settle()
    assert sari.heard


@pytest.mark.usefixtures("in_english")
def test_a_control_character_in_a_table_is_named(db: Any) -> None:
    with pytest.raises(BadFile, match="line 2, column name: the control character U\\+0000"):
        import_products(b"code,name,price,description,category,terms\nx,Na\x00me,1000,d,c,t\n", actor="t")


@pytest.mark.usefixtures("in_english")
def test_the_kind_of_a_product_with_stock_stays(db: Any) -> None:
    make_product("k", units=2)
    with pytest.raises(BadFile, match="k has stock or orders and stays 'stock'"):
        import_products(b"code,name,price,description,category,terms,kind\nk,K,1000,d,c,t,manual\n", actor="t")


def test_a_message_that_cannot_be_packed_stops_nobody(shop: Shop, sari: Buyer) -> None:
    sari.says("/start")
    missing = {"photo": {"picture": "01890000-0000-7000-8000-000000000000"}, "caption": "x"}
    broken = outbox.send(chat_of(702), "sendPhoto", missing, kind="invoice")
    good = outbox.send_text(chat_of(701), "baik", kind="goods")
    sender = Sender.__new__(Sender)
    sender.epoch, sender.pace, sender._swept, sender._done = shop.lead().epoch, Pace(1000), 0.0, []
    ready = sender._visit([], 10, [], 3)
    assert [message.pk for message, _, _ in ready] == [good.pk]
    sender._visit(sender._done, 0, [], 3)
    broken.refresh_from_db()
    assert broken.state == "failed"


def test_an_update_that_only_waits_is_not_buried(shop: Shop, sari: Buyer, monkeypatch: pytest.MonkeyPatch) -> None:
    sari.says("/start")
    body = {"update_id": 500, "message": {"message_id": 1, "date": 1, "chat": {"id": 701, "type": "private"},
            "from": {"id": 701, "is_bot": False, "first_name": "S"}, "text": "/start"}}  # fmt: skip
    waiting = inbox.store(1000001, body)
    assert waiting is not None
    with monkeypatch.context() as patch:
        patch.setattr(inbox, "_lock_chat", lambda chat_id: None)
        for _ in range(5):
            shift_clock(timedelta(seconds=21))
            tick()
            shop.run_tasks()
    waiting.refresh_from_db()
    assert waiting.dead_at is None
    shop.forward(seconds=21)
    assert len(sari.heard) == 2


LOOPS = ("hashjoin", "mergejoin", "material", "hashagg", "sort", "memoize", "indexscan", "bitmapscan")


@pytest.fixture
def nested_loops(db: Any) -> None:
    """The plan that PostgreSQL takes when it knows nothing of a table: the inner query once for every outer row."""
    with connection.cursor() as cursor:
        for way in LOOPS:
            cursor.execute(f"SET LOCAL enable_{way} = off")


def test_a_line_takes_just_its_seats_whatever_the_plan(nested_loops: None, shop: Shop, sari: Buyer) -> None:
    """A random walk sold 25 accounts to a buyer of two: LIMIT … FOR UPDATE in an IN ran again for every row."""
    make_product("spotify", name="Spotify", units=25)
    shop.pays(sari.orders("Spotify"))
    assert Seat.objects.filter(state="sold").count() == 1
    assert Seat.objects.filter(state="available").count() == 24


def test_the_clock_and_the_broker_take_no_more_than_they_ask_for(
    nested_loops: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    OrmQ.objects.all().delete()
    for n in range(20):
        send_errand("apps.orders.tasks.tell_changed", n)
    broker = BellBroker(list_key="autoorder")
    OrmQ.objects.update(lock=timezone.now() - timedelta(seconds=1))
    assert len(broker._take()) == Conf.BULK
    Errand.objects.update(next_at=timezone.now() - timedelta(minutes=1))
    monkeypatch.setattr(clock_thread, "BATCH", 5)
    assert clock_thread.tick() == 5
