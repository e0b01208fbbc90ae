"""After a broken promise: wait, or take the money back."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import gettext as _

from apps.bot.dialogue.context import Talk, toast
from apps.bot.dialogue.screens import Button, Reply, Screen
from apps.orders.dialogue.home import home_button
from apps.orders.models import OrderLine
from apps.orders.services import manual_fulfilment


def _too_late(talk: Talk) -> Reply:
    with translation.override(talk.chat.language):
        return toast(_("Ini sudah tidak perlu: lihat Pesanan saya ya."), alert=True)


def _screen(talk: Talk, template: str, line: OrderLine) -> Screen:
    with translation.override(talk.chat.language):
        rows = [[Button(_("Lihat pesanan"), f"order:{line.order.number}"), home_button()]]
    return Screen(talk.say(template, line=line, order=line.order), rows)


def wait(talk: Talk) -> Reply:
    line = manual_fulfilment.wait_longer(buyer=talk.chat, line_id=talk.row(0))
    return _too_late(talk) if line is None else Reply(screen=_screen(talk, "made_waits", line), state="")


def money_back(talk: Talk) -> Reply:
    """Asks once more before the order is let go."""
    line = manual_fulfilment.late_line(talk.chat, talk.row(0))
    if line is None:
        return _too_late(talk)
    with translation.override(talk.chat.language):
        rows = [
            [Button(_("Ya, kembalikan uangku"), f"moneyyes:{line.pk.hex}")],
            [Button(_("Tunggu saja"), f"wait:{line.pk.hex}"), home_button()],
        ]
    return Reply(screen=Screen(talk.say("money_back_sure", line=line, order=line.order), rows), state="")


def money_back_yes(talk: Talk) -> Reply:
    line = manual_fulfilment.ask_money_back(buyer=talk.chat, line_id=talk.row(0))
    return _too_late(talk) if line is None else _ask_account(talk, line.pk.hex, line)


def account(talk: Talk) -> Reply:
    """Where should the money go? Also from the order's page, to correct it."""
    return _ask_account(talk, talk.row(0).hex, None)


def _ask_account(talk: Talk, line: str, fresh: OrderLine | None) -> Reply:
    with translation.override(talk.chat.language):
        rows = [[home_button()]]
    return Reply(screen=Screen(talk.say("money_back", line=fresh), rows), state="refund_to", data={"line": line})


def account_given(talk: Talk) -> Reply:
    """Any text while we ask for the account is the account."""
    talk.args = [str(talk.data.get("line", ""))]
    line = None
    if talk.text.strip():
        line = manual_fulfilment.set_refund_account(buyer=talk.chat, line_id=talk.row(0), account=talk.text)
    if line is None:
        return _ask_account(talk, talk.word(0), None) if not talk.text.strip() else _gone(talk)
    return Reply(screen=_screen(talk, "money_back_noted", line), state="")


def _gone(talk: Talk) -> Reply:
    with translation.override(talk.chat.language):
        return Reply(screen=Screen(talk.say("lost"), [[home_button()]]), state="")
