"""The one door out: every message is a row first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from apps.base.clock import ShopNow, shop_now
from apps.base.credentials import credential
from apps.base.fast_rows import insert_row
from apps.base.work.claimable import revive
from apps.base.work.enqueue import OUTBOX_CHANNEL, wake
from apps.bot.models import Chat, OutboundMessage

Kind = OutboundMessage.Kind
State = OutboundMessage.State

URGENCY = {
    Kind.GOODS: 0,
    Kind.INVOICE: 0,
    Kind.SNK: 0,
    Kind.REPLY: 1,
    Kind.ANSWER: 1,
    Kind.NOTICE: 2,
    Kind.BROADCAST: 3,
}
LIVES = {Kind.REPLY: timedelta(seconds=60), Kind.ANSWER: timedelta(seconds=10)}
REPEATED = {Kind.GOODS, Kind.INVOICE, Kind.SNK}  # sent again when it may not have arrived


def send(
    chat: Chat,
    method: str,
    payload: dict[str, Any],
    *,
    kind: str = Kind.REPLY,
    file: bytes | None = None,
    file_name: str = "",
    target: int | None = None,
    replaces: int | None = None,
    on_sent: str = "",
    on_failed: str = "",
    about: str = "",
) -> OutboundMessage:
    """Queue one call of `method` in the caller's transaction; `chat_id` is added by the sender.

    `on_sent` and `on_failed` name tasks that get `about` when the outcome is known.
    An edit replaces every waiting edit of the same message. `replaces`: a message that is deleted once this one stands.
    """
    kind = Kind(kind)
    if target is not None:
        OutboundMessage.objects.filter(chat=chat, target=target, state=State.QUEUED).update(
            state=State.REPLACED, next_at=None
        )
    lives = LIVES.get(kind)
    message = OutboundMessage(
        chat=chat, kind=kind, urgency=URGENCY[kind], method=method, payload=payload, file=file, file_name=file_name,
        target=target, replaces=replaces, on_sent=on_sent, on_failed=on_failed, about=about,
        expires_at=None if lives is None else shop_now() + lives,
    )  # fmt: skip
    insert_row(message)
    wake(OUTBOX_CHANNEL)
    return message


def send_text(chat: Chat, text: str, *, kind: str = Kind.NOTICE, **about: Any) -> OutboundMessage:
    """Queue an HTML text."""
    return send(chat, "sendMessage", {"text": text, "parse_mode": "HTML"}, kind=kind, **about)


def send_again(message: OutboundMessage) -> None:
    """Service behind the admin's retry: a failed, unknown or dead row is queued afresh; what went out stays so."""
    if (
        OutboundMessage.objects.filter(pk=message.pk)
        .exclude(state__in=[State.SENT, State.SENDING])
        .update(state=State.QUEUED, expires_at=None)
    ):
        revive(message)
        wake(OUTBOX_CHANNEL)


def note_missed(chat: Chat) -> None:
    """Something important could not be brought: settings.CHAT_BACK is rung when they write again."""
    Chat.objects.filter(pk=chat.pk).update(missed_at=ShopNow())


def bot_id() -> int:
    """The numeric id of the shop bot, which is the part of its token before the colon; 0 without a token."""
    head = credential("TELEGRAM_BOT_TOKEN").partition(":")[0]
    return int(head) if head.isdigit() else 0
