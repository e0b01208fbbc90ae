"""Delivery: goods of paid lines into the outbox, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.incidents import raise_incident, resolve_incident
from apps.base.work.deferred_calls import send_errand
from apps.bot.dialogue.texts import render
from apps.bot.models import Chat, OutboundMessage
from apps.bot.outbound import outbox
from apps.bot.outbound.message_limits import CAPTION, TEXT, cut_html, seen
from apps.bot.outbound.message_limits import file_name as file_name_of
from apps.orders.kinds import BY_HAND
from apps.orders.models import Order, OrderLine, Seat
from apps.orders.services import durations, manual_fulfilment, messages
from apps.orders.services.ledger import post_delivered
from apps.orders.states import LINE, ORDER, LineState, OrderState, PaymentState, SeatState, move
from host.crypto import CannotOpen

TEXT_CHARS = 3500  # over this the goods go as a document
LABELLED_CHARS = 600  # over this the parts of units are not named one by one: the message would not fit
NAMED = 5  # lines named under a document: a caption has 1,024 characters

GOODS_SENT = "apps.orders.tasks.goods_sent"
GOODS_FAILED = "apps.orders.tasks.goods_failed"
CHANGED_FAILED = "apps.orders.tasks.changed_failed"
MADE_SENT = "apps.orders.tasks.made_sent"
MADE_FAILED = "apps.orders.tasks.made_failed"


class NothingToSend(Exception):
    """A counted line without its seats. Nobody gets an empty message: the row fails, and the owner is told."""


class Damaged(Exception):
    """Units that do not open; `seats` are their keys."""

    def __init__(self, seats: list[Any]) -> None:
        super().__init__(f"{len(seats)} units do not open")
        self.seats = seats


@dataclass(frozen=True)
class Goods:
    """One line's goods as the buyer reads them."""

    line: OrderLine
    units: Sequence[str]

    def check(self) -> None:
        """Raises NothingToSend when there are fewer units than were sold."""
        if len(self.units) < (self.line.quantity if self.line.product.sold_as.counted else 1):
            raise NothingToSend(f"line {self.line.pk} has {len(self.units)} of {self.line.quantity}")

    def parts(self) -> list[list[tuple[str, str]]]:
        """Each unit's named parts (`email|password|pin`), to be copied one by one; empty without a template."""
        names = [name.strip() for name in self.line.product.account_fields.split("|") if name.strip()]
        if not names:
            return []
        return [_named(names, unit) for unit in self.units]


def _named(names: list[str], unit: str) -> list[tuple[str, str]]:
    """Each part with its name; an empty part is left out. Nothing when they do not fit: a wrong name is worse than
    none.
    """
    parts = [part.strip() for part in unit.split("|")]
    return [(name, part) for name, part in zip(names, parts, strict=True) if part] if len(parts) == len(names) else []


def goods_of(lines: Iterable[OrderLine]) -> list[Goods]:
    """What each line's buyer bought, verbatim: account and seat line, code, or content. Raises Damaged, CannotOpen."""
    lines = list(lines)
    bound: dict[Any, list[str]] = {line.pk: [] for line in lines}
    taken = [SeatState.SOLD, SeatState.RESERVED]
    damaged = []
    for seat in Seat.objects.filter(line__in=lines, state__in=taken).select_related("unit").order_by("id"):
        try:
            bound[seat.line_id].append(" | ".join(filter(None, [seat.unit.content, seat.label])))
        except CannotOpen:
            damaged.append(seat.pk)
    if damaged:
        raise Damaged(damaged)
    for line in lines:
        if line.content is not None and not bound[line.pk]:
            bound[line.pk] = [line.content.content]
        elif line.made_text:
            bound[line.pk] = [line.made_text]
    return [Goods(line, bound[line.pk]) for line in lines]


def allocate(order: Order, lines: Sequence[OrderLine], now: datetime) -> None:
    """After payment: lines made by hand get their promise, the others their end and their way to the buyer."""
    ready = []
    for line in lines:
        if line.product.sold_as.by_hand:
            move(line, LINE, LineState.BY_HAND, **manual_fulfilment.promise(line, now))
        else:
            ends_at = durations.take_over(line, now) if line.renews_id else None
            ends_at = ends_at or durations.end_of(line, now)
            move(line, LINE, LineState.ALLOCATED, **durations.schedule(ends_at, now))
            ready.append(line)
    if ready:
        send_goods(order, ready)


def send_goods(order: Order, lines: Sequence[OrderLine], *, occasion: str = "paid") -> None:
    """One message for all lines given; a document when the units are too long for a text.

    `occasion`: `paid` (its outcome moves the lines), `again` (asked for) or `changed` (the seller changed the account).
    """
    goods = goods_of(lines)
    if occasion == "paid":
        for part in goods:
            part.check()
    units = [unit for part in goods for unit in part.units]
    size = sum(len(unit) + 1 for unit in units)
    text = _goods_text(order, goods, occasion, named=size <= LABELLED_CHARS)
    long = size > TEXT_CHARS or seen(text) > TEXT
    if long:
        text = cut_html(_goods_text(order, goods, occasion, as_file=True), CAPTION)
    news: dict[str, Any] = {}
    if occasion == "paid":
        news = {"on_sent": GOODS_SENT, "on_failed": GOODS_FAILED, "about": f"goods:{order.pk}"}
    elif occasion == "changed":
        news = {"on_failed": CHANGED_FAILED, "about": f"changed:{lines[0].pk}"}
    # what was asked for again right now is no news, but still goods: it overtakes everything
    _send_text_or_file(order, text, "\n".join(units) if long else "", news)


def _goods_text(
    order: Order, goods: Sequence[Goods], occasion: str, *, as_file: bool = False, named: bool = False
) -> str:
    shown = goods[:NAMED] if as_file else goods
    return render(
        "goods", order.buyer.language, order=order, goods=shown, as_file=as_file, named=named, occasion=occasion,
        more=len(goods) - len(shown),
    )  # fmt: skip


def _send_text_or_file(order: Order, text: str, document: str, news: dict[str, Any]) -> None:
    goods = OutboundMessage.Kind.GOODS
    repeat = {"_repeat": render("repeat", order.buyer.language)}
    if document:
        payload = {"caption": text, "parse_mode": "HTML", **repeat}
        name = f"{order.number}.txt"
        outbox.send(order.buyer, "sendDocument", payload, kind=goods, file=document.encode(), file_name=name, **news)
    else:
        payload = {"text": text, "parse_mode": "HTML", **repeat}
        outbox.send(order.buyer, "sendMessage", payload, kind=goods, **news)


def record_sent(order_id: Any, line_id: Any = None) -> None:
    """The goods arrived: lines are sent, their money is earned, an order with nothing left is delivered."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        now = shop_now()
        arrived = [
            line for line in _lines_of(order, line_id) if line.state in (LineState.ALLOCATED, LineState.UNDELIVERABLE)
        ]
        for line in arrived:
            move(line, LINE, LineState.SENT, sent_at=now, **durations.start_again(line, now))
        if not arrived:
            return
        post_delivered(order, sum(line.amount for line in arrived))
        resolve_incident(f"undeliverable.{order.number}")
        if order.total:
            audit.append("goods.sent", f"order:{order.number}", at=now, lines=len(arrived))
        for payment in order.payments.filter(state=PaymentState.CONFIRMED, review=""):
            messages.close_invoice(payment, "invoice_paid")
        complete(order)


def complete(order: Order) -> None:
    """A paid order with nothing left to send or to give back is delivered; refunded when nothing was sent at all."""
    if order.state != OrderState.PAID:
        return
    lines = list(order.lines.values_list("state", "refunded_at"))
    if all(state == LineState.SENT or (state == LineState.RETURNED and refunded) for state, refunded in lines):
        sent = any(state == LineState.SENT for state, _ in lines)
        move(order, ORDER, OrderState.DELIVERED if sent else OrderState.REFUNDED)


def record_failed(order_id: Any, line_id: Any = None) -> None:
    """The goods cannot be brought: review, the owner hears, and they go again when the buyer writes."""
    with transaction.atomic():
        buyer_id = Order.objects.values_list("buyer_id", flat=True).get(pk=order_id)
        Chat.objects.select_for_update(no_key=True).get(pk=buyer_id)  # first, as whoever presses a button has it
        order = Order.objects.select_for_update(of=("self",)).select_related("buyer").get(pk=order_id)
        for line in _lines_of(order, line_id):
            if line.state == LineState.ALLOCATED:
                move(line, LINE, LineState.UNDELIVERABLE)
        outbox.note_missed(order.buyer)
        audit.append("goods.undeliverable", f"order:{order.number}")
        raise_incident(f"undeliverable.{order.number}", "undeliverable", number=order.number)


def _lines_of(order: Order, line_id: Any) -> list[OrderLine]:
    """The lines one goods message spoke of: one made by hand, or all that are not."""
    lines = order.lines.select_for_update(of=("self",)).select_related("product").order_by("id")
    if line_id is not None:
        return list(lines.filter(pk=line_id))
    return list(lines.exclude(product__kind__in=BY_HAND))


def send_undelivered(buyer_id: Any) -> int:
    """The buyer is back: everything undeliverable goes out again. Returns how many orders."""
    orders = Order.objects.filter(buyer_id=buyer_id, lines__state=LineState.UNDELIVERABLE).distinct()
    for pk in orders.values_list("pk", flat=True):
        resend_undelivered(order_id=pk, actor="shop")
    return len(orders)


def resend_undelivered(*, order_id: Any, actor: str) -> None:
    """Queue the undeliverable lines of one order afresh; also behind the admin's action."""
    with transaction.atomic():
        order = Order.objects.select_for_update(of=("self",)).select_related("buyer").get(pk=order_id)
        stuck = list(
            order.lines.select_for_update(of=("self",)).select_related("product").filter(state=LineState.UNDELIVERABLE)
        )
        now = shop_now()
        for line in stuck:
            move(line, LINE, LineState.ALLOCATED, **durations.start_again(line, now))
        plain = [line for line in stuck if not line.product.sold_as.by_hand]
        if plain:
            send_goods(order, plain)
        for line in stuck:
            if line.product.sold_as.by_hand:
                send_made(order, line)
        audit.append("goods.sent_again", f"order:{order.number}", actor=actor, lines=len(stuck))


def finish_by_hand(*, line_id: Any, text: str, file: bytes | None, file_name: str, actor: str) -> None:
    """*Selesai*: what was made by hand becomes the line's goods and goes out. Raises WrongMove when it is no longer
    open.
    """
    with transaction.atomic():
        order_id = OrderLine.objects.values_list("order_id", flat=True).get(pk=line_id)
        order = Order.objects.select_for_update(of=("self",)).select_related("buyer").get(pk=order_id)
        line = order.lines.select_for_update(of=("self",)).select_related("product").get(pk=line_id)
        now = shop_now()
        move(
            line,
            LINE,
            LineState.ALLOCATED,
            made_text=text,
            made_file=file,
            made_file_name=file_name_of(file_name, "barang"),
            **durations.schedule(durations.end_of(line, now), now),
        )
        resolve_incident(manual_fulfilment.promise_key(line))
        send_made(order, line)
        audit.append("line.made", f"order:{order.number}", actor=actor, at=now)
        for task in settings.ORDER_PAID:
            send_errand(task, order.pk)


def send_made(order: Order, line: OrderLine) -> None:
    """The goods of one line made by hand, apart from the others."""
    news: dict[str, Any] = {"on_sent": MADE_SENT, "on_failed": MADE_FAILED, "about": f"made:{line.pk}"}
    too_long = len(line.made_text or "") > TEXT_CHARS or seen(_goods_text(order, goods_of([line]), "made")) > TEXT
    as_file = line.made_file is not None or too_long
    text = _goods_text(order, goods_of([line]), "made", as_file=as_file)
    text = cut_html(text, CAPTION) if as_file else text
    if line.made_file is not None:
        _send_made_file(order, line, text, news)
    else:
        _send_text_or_file(order, text, line.made_text or "" if too_long else "", news)


def send_file_again(order: Order, line: OrderLine) -> None:
    """The file made by hand once more, because the buyer asked."""
    text = _goods_text(order, goods_of([line]), "again", as_file=True)
    _send_made_file(order, line, text, {})


def _send_made_file(order: Order, line: OrderLine, text: str, news: dict[str, Any]) -> None:
    outbox.send(
        order.buyer,
        "sendDocument",
        {"caption": text, "parse_mode": "HTML", "_repeat": render("repeat", order.buyer.language)},
        kind=OutboundMessage.Kind.GOODS,
        file=line.made_file,
        file_name=line.made_file_name or "barang",
        **news,
    )
