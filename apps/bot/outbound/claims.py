"""The sender's desk: claims rows and records outcomes, one transaction a turn. Synchronous, in one thread."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q

from apps.base.clock import RealNow, ShopNow
from apps.base.fast_rows import columns_of, from_row, width_of
from apps.base.incidents import raise_incident
from apps.base.work.claimable import ERROR_CHARS
from apps.base.work.deferred_calls import send_errand
from apps.bot.api.client import UNKNOWN_CHAT, Outcome, Verdict, biggest_photo, message_id_of
from apps.bot.connection.replace_bot import has_met
from apps.bot.dialogue.texts import plain
from apps.bot.inbound.supergroups import follow_group
from apps.bot.models import Chat, OutboundMessage, PictureFile
from apps.bot.outbound import outbox
from apps.bot.outbound.payload import PLAINEST

log = logging.getLogger(__name__)

State = OutboundMessage.State
Kind = OutboundMessage.Kind

LEASE = timedelta(seconds=90)  # read timeout with files and 30 s
WINDOW = 256  # queued rows looked at for one turn; chats in flight are not among them
RETRIES = (1, 2, 5, 10, 30, 60, 120, 300)  # seconds; then 300 s for ever: what never left is never given up
UNKNOWN_WAITS = (1, 60, 300, 900)  # seconds before a repeatable message that may have arrived goes again
NOTICE_WAITS = (2, 5, 15, 60, 300, 900, 3600)  # the same for what people must hear; then an hour for ever
TRIES_REPLY = 5  # attempts for a reply, which nobody waits for much longer

CLAIM = """
UPDATE bot_outboundmessage AS o SET state = 'sending', attempts = attempts + 1, epoch = %(epoch)s,
       claimed_until = now() + %(lease)s
FROM (
  SELECT id FROM bot_outboundmessage WHERE id IN (
    SELECT id FROM (
      SELECT DISTINCT ON (chat_id) id, urgency FROM (
        SELECT id, chat_id, urgency FROM bot_outboundmessage
        WHERE state = 'queued' AND next_at <= shop_now()
          AND NOT chat_id = ANY(%(silent)s::uuid[]) AND urgency <= %(urgency)s
        ORDER BY urgency, id LIMIT %(window)s
      ) AS head ORDER BY chat_id, urgency, id
    ) AS candidate ORDER BY urgency, id LIMIT %(room)s
  ) FOR UPDATE SKIP LOCKED
) AS chosen
, bot_chat AS c
WHERE o.id = chosen.id AND o.state = 'queued' AND c.id = o.chat_id
RETURNING {message}, {chat}
"""


SENT = """
UPDATE bot_outboundmessage
SET state = 'sent', next_at = NULL, sent_at = shop_now(), message_id = %s, last_error = '', claimed_until = NULL
WHERE id = %s
"""


class LeaseLost(Exception):
    """Another leader sends now: this process must end."""


@dataclass(frozen=True)
class Sent:
    """One finished call, to be recorded."""

    message: OutboundMessage
    outcome: Outcome


def take_over(epoch: int) -> int:
    """What an older leader had in its hands may or may not have arrived: treat it as unknown. Returns how many."""
    return _all_unknown(Q(epoch__lt=epoch), "the sender died while sending")


def _all_unknown(which: Q, said: str) -> int:
    found = list(OutboundMessage.objects.filter(which, state=State.SENDING))
    with transaction.atomic():
        for message in found:
            _unknown(message, Outcome(Verdict.UNKNOWN, said))
    return len(found)


def turn(done: Iterable[Sent], *, epoch: int, room: int, silent: list[str], urgency: int) -> list[OutboundMessage]:
    """Record what ended, then claim up to `room` messages, one a chat, most urgent first.

    Raises LeaseLost when a newer epoch leads.
    """
    with transaction.atomic():
        _refuse_stale(epoch)
        for sent in done:
            record(sent)
        claimed = _claim(epoch=epoch, room=room, silent=silent, urgency=urgency) if room > 0 else []
    return sorted(claimed, key=lambda m: (m.urgency, m.pk))


def _claim(*, epoch: int, room: int, silent: list[str], urgency: int) -> list[OutboundMessage]:
    values: dict[str, Any] = {
        "epoch": epoch,
        "lease": LEASE,
        "silent": silent,
        "urgency": urgency,
        "window": WINDOW,
        "room": room,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM.format(message=columns_of(OutboundMessage, "o"), chat=columns_of(Chat, "c")), values)
        rows = cursor.fetchall()
    width, claimed = width_of(OutboundMessage), []
    for row in rows:
        message = from_row(OutboundMessage, row[:width])
        message.chat = from_row(Chat, row[width:])
        claimed.append(message)
    return claimed


def _refuse_stale(epoch: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT epoch FROM base_lease WHERE name = 'bot' FOR SHARE")
        row = cursor.fetchone()
    if row is None or row[0] != epoch:
        raise LeaseLost


def sweep_expired() -> int:
    """Replies that nobody waits for any more."""
    return OutboundMessage.objects.filter(state=State.QUEUED, expires_at__lte=ShopNow()).update(
        state=State.EXPIRED, next_at=None
    )


def record(sent: Sent) -> None:
    """Write down how one call ended; what others wait for is sent to them as an errand."""
    verdict = sent.outcome.verdict
    unmet = sent.message.kind == Kind.NOTICE or not has_met(sent.message.chat)
    if verdict is Verdict.REFUSED and unmet and UNKNOWN_CHAT in sent.outcome.said.lower():
        verdict = Verdict.BLOCKED  # a bot may not write first: what is important waits until they do
    RECORDERS[verdict](sent.message, sent.outcome)


def _save(message: OutboundMessage, **values: Any) -> None:
    OutboundMessage.objects.filter(pk=message.pk).update(claimed_until=None, **values)


def _again(message: OutboundMessage, seconds: float, outcome: Outcome, **values: Any) -> None:
    """Try it later; an edit that a later one of the same message has overtaken is not tried again."""
    if _is_overtaken(message):
        _save(message, state=State.REPLACED, next_at=None, last_error=outcome.said[:ERROR_CHARS])
        return
    _save(
        message, state=State.QUEUED, next_at=ShopNow() + timedelta(seconds=seconds),
        last_error=outcome.said[:ERROR_CHARS], **values,
    )  # fmt: skip


def _is_overtaken(message: OutboundMessage) -> bool:
    if message.target is None:
        return False
    later = OutboundMessage.objects.filter(chat=message.chat_id, target=message.target, pk__gt=message.pk)
    return later.filter(state__in=[State.QUEUED, State.SENDING, State.SENT]).exists()


def _sent(message: OutboundMessage, outcome: Outcome) -> None:
    message_id = message_id_of(outcome.result)
    with connection.cursor() as cursor:
        cursor.execute(SENT, [message_id, message.pk])
    if (picture := _picture_of(message)) and (file_id := biggest_photo(outcome.result)):
        PictureFile.objects.get_or_create(bot=outbox.bot_id(), picture_id=picture, defaults={"file_id": file_id})
    if message.replaces is not None:  # only now: a chat must never stand empty
        outbox.send(message.chat, "deleteMessage", {"message_id": message.replaces})
    if message.on_sent:
        send_errand(message.on_sent, message.about)


def _failed(message: OutboundMessage, outcome: Outcome, *, dead: bool = True) -> None:
    _save(
        message, state=State.FAILED, next_at=None, last_error=outcome.said[:ERROR_CHARS],
        dead_at=ShopNow() if dead else None,
    )  # fmt: skip
    if message.on_failed:
        send_errand(message.on_failed, message.about)
    if dead:
        raise_incident("outbox.refused", "message_refused", kind=message.kind)


def _not_sent(message: OutboundMessage, outcome: Outcome) -> None:
    _again(message, RETRIES[min(message.attempts, len(RETRIES)) - 1], outcome)


def _unknown(message: OutboundMessage, outcome: Outcome) -> None:
    if message.kind in outbox.REPEATED:
        wait = UNKNOWN_WAITS[min(message.unknowns, len(UNKNOWN_WAITS) - 1)]
        _again(message, wait, outcome, unknowns=F("unknowns") + 1)
    elif message.kind == Kind.NOTICE:
        wait = NOTICE_WAITS[min(message.unknowns, len(NOTICE_WAITS) - 1)]
        _again(message, wait, outcome, unknowns=F("unknowns") + 1)
    elif message.kind == Kind.REPLY and message.attempts < TRIES_REPLY:
        _again(message, 2, outcome, unknowns=F("unknowns") + 1)
    else:
        _save(message, state=State.UNKNOWN, next_at=None, last_error=outcome.said[:ERROR_CHARS])


def _parked(message: OutboundMessage, outcome: Outcome) -> None:
    _again(message, outcome.retry_after, outcome)


def _blocked(message: OutboundMessage, outcome: Outcome) -> None:
    Chat.objects.filter(pk=message.chat_id, blocked_at__isnull=True).update(blocked_at=ShopNow())
    _failed(message, outcome, dead=False)


def _revoked(message: OutboundMessage, outcome: Outcome) -> None:
    raise_incident("telegram.token", "token_revoked")
    _again(message, 30, outcome)


def _done(message: OutboundMessage, outcome: Outcome) -> None:
    _save(message, state=State.SENT, next_at=None, sent_at=ShopNow(), last_error=outcome.said[:ERROR_CHARS])


def _anew(message: OutboundMessage, outcome: Outcome) -> None:
    """The screen to edit is gone: the same screen as a new message."""
    text = message.payload.get("text") or message.payload.get("caption") or ""
    if message.method.startswith("edit") and text and not _is_overtaken(message):
        extra = {k: v for k, v in message.payload.items() if k in ("parse_mode", "reply_markup")}
        if message.plainness:
            text, extra = plain(text), {}
        outbox.send(message.chat, "sendMessage", {"text": text, **extra}, kind=message.kind)
    _save(message, state=State.REPLACED, next_at=None, last_error=outcome.said[:ERROR_CHARS])


def _moved(message: OutboundMessage, outcome: Outcome) -> None:
    """The group is a supergroup now: it and what waits for it go there."""
    follow_group(message.chat, int(outcome.result))
    _again(message, 0, outcome)


def _plainer(message: OutboundMessage, outcome: Outcome) -> None:
    """A screen that Telegram refuses is still a screen: the next plainer form of it. What was remembered of a picture
    is forgotten; an edit that does not stand becomes a new message."""
    if picture := _picture_of(message):
        PictureFile.objects.filter(bot=outbox.bot_id(), picture_id=picture).delete()
    if message.method in ("answerCallbackQuery", "deleteMessage"):
        _done(message, outcome)
    elif message.plainness < PLAINEST:
        _again(message, 0, outcome, plainness=F("plainness") + 1)
    elif message.method.startswith("edit"):
        _anew(message, outcome)
    else:
        _failed(message, outcome)


def _picture_of(message: OutboundMessage) -> str:
    """The kept picture that a photo shows; empty for one that has its own bytes."""
    photo = message.payload.get("photo") if message.method == "sendPhoto" else None
    return str(photo.get("picture", "")) if isinstance(photo, dict) else ""


RECORDERS = {
    Verdict.SENT: _sent,
    Verdict.NOT_SENT: _not_sent,
    Verdict.UNKNOWN: _unknown,
    Verdict.PARK: _parked,
    Verdict.BLOCKED: _blocked,
    Verdict.REVOKED: _revoked,
    Verdict.DONE: _done,
    Verdict.ANEW: _anew,
    Verdict.PLAINER: _plainer,
    Verdict.REFUSED: _failed,
    Verdict.MOVED: _moved,
}


def recover_lost(epoch: int) -> int:
    """Rows of our own epoch whose claim ran out (a turn that was lost with the database): unknown as well."""
    return _all_unknown(Q(epoch=epoch, claimed_until__lt=RealNow()), "its outcome was lost")
