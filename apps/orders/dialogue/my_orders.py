"""One's own orders."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import translation
from django.utils.translation import gettext as _

from apps.base.clock import shop_now
from apps.bot.dialogue.context import Talk, toast
from apps.bot.dialogue.screens import Button, Reply, Screen
from apps.orders import selectors
from apps.orders.dialogue.home import home_button, turn_row
from apps.orders.models import Order, OrderLine
from apps.orders.services import delivery, durations, payment
from apps.orders.services.messages import Rows, late_rows, renew_rows, state_label
from apps.orders.states import LineState, OrderState


def orders(talk: Talk) -> Reply:
    page = selectors.orders_of(talk.chat, talk.number(0))
    with translation.override(talk.chat.language):
        rows = [[Button(f"{o.number} · {first_line(o)} · {state_label(o)}", f"order:{o.number}")] for o in page.items]
        rows += [turn_row(page, here="mine:%d"), [home_button()]]
    return Reply(screen=Screen(talk.say("orders", page=page), rows), state="")


def first_line(order: Order) -> str:
    """What was bought, short enough for a button."""
    names = [line.name for line in order.lines.all()]
    return f"{names[0][:28]}{f' +{len(names) - 1}' if len(names) > 1 else ''}" if names else "?"


def _not_yours(talk: Talk) -> Reply:
    """One answer, whether it is somebody else's or does not exist."""
    with translation.override(talk.chat.language):
        return toast(_("Pesanan tidak ditemukan."), alert=True)


def order(talk: Talk) -> Reply:
    found = selectors.order_of(talk.chat, talk.word(0))
    return _not_yours(talk) if found is None else Reply(screen=_order_screen(talk, found), state="")


def _order_screen(talk: Talk, order: Order) -> Screen:
    lines = selectors.lines_of(order)
    invoice = order.payments.order_by("-id").first()
    with translation.override(talk.chat.language):
        text = talk.say("order", order=order, lines=lines, invoice=invoice, state=state_label(order))
        rows: list[Sequence[Button]] = []
        for line in lines:
            rows += _line_rows(line, talk.chat.language)
        if order.state == OrderState.AWAITING_PAYMENT:
            rows.append(
                [Button(_("Cek pembayaran"), f"check:{order.number}"), Button(_("Batalkan"), f"cancel:{order.number}")]
            )
        if any(_may_see(line) for line in lines):
            rows.append([Button(_("Lihat barang"), f"goods:{order.number}")])
        rows.append([Button(_("‹ Kembali"), "mine:0"), home_button()])
    return Screen(text, rows)


def _line_rows(line: OrderLine, language: str) -> Rows:
    """What can be done about one line: a broken promise, money to be given back, an account that ends."""
    now = shop_now()
    if line.state == LineState.BY_HAND and line.promised_at is not None and line.promised_at <= now:
        return late_rows(line, language)
    if line.state == LineState.RETURNED and line.refunded_at is None:
        return [[Button(_("Tulis rekening tujuan"), f"account:{line.pk.hex}")]]
    if line.state == LineState.SENT and line.ends_at is not None and line.ended_at is None:
        keeps_seats = durations.can_renew(line, now)
        return renew_rows(line, language, keeps_seats=keeps_seats) if line.product.sold_as.shared else []
    return []


def _may_see(line: object) -> bool:
    state, ended = getattr(line, "state", ""), getattr(line, "ended_at", None)
    return state in (LineState.SENT, LineState.ALLOCATED, LineState.UNDELIVERABLE) and ended is None


def goods(talk: Talk) -> Reply:
    """The goods once more, in a message of their own."""
    found = selectors.order_of(talk.chat, talk.word(0))
    if found is None:
        return _not_yours(talk)
    lines = [line for line in found.lines.select_related("product", "content").order_by("id") if _may_see(line)]
    with translation.override(talk.chat.language):
        if not lines:
            return toast(_("Belum ada barang untuk pesanan ini."), alert=True)
        files = [line for line in lines if line.made_file is not None]
        for line in files:
            delivery.send_file_again(found, line)
        if texts := [line for line in lines if line.made_file is None]:
            delivery.send_goods(found, texts, occasion="again")
        return toast(_("Barangmu dikirim lagi di bawah."))


def check(talk: Talk) -> Reply:
    found = selectors.order_of(talk.chat, talk.word(0))
    if found is None:
        return _not_yours(talk)
    with translation.override(talk.chat.language):
        if found.paid_at is not None:
            return toast(_("Pembayaran sudah diterima."))
        payment.ask_soon(order=found)
        return toast(_("Sedang dicek ke pihak pembayaran…"))


def cancel(talk: Talk) -> Reply:
    found = selectors.order_of(talk.chat, talk.word(0))
    if found is None:
        return _not_yours(talk)
    ended = payment.end_unpaid(order_id=found.pk, to=OrderState.CANCELLED, actor=f"chat:{talk.chat.pk}")
    with translation.override(talk.chat.language):
        return toast(_("Pesanan dibatalkan.") if ended else _("Pesanan ini sudah tidak bisa dibatalkan."))
