"""The one door in: updates are stored, then handled one chat at a time, in their order."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.base.clock import ShopNow, shop_now
from apps.base.fast_rows import columns_of, from_row, insert_row, through_a_restart, update_row, width_of
from apps.base.incidents import raise_incident
from apps.base.stored_settings import Setting
from apps.base.work.claimable import ERROR_CHARS, bury, postpone
from apps.base.work.deferred_calls import send_errand
from apps.base.work.registered_tasks import task
from apps.bot.chats import chat_of
from apps.bot.connection.replace_bot import welcome
from apps.bot.dialogue.context import Talk
from apps.bot.dialogue.router import all_routes, route
from apps.bot.dialogue.screens import Reply, show
from apps.bot.inbound.hang_guard import bounded
from apps.bot.inbound.incoming import Incoming, NotAnUpdate
from apps.bot.inbound.supergroups import follow_group
from apps.bot.inbound.update_parsing import parse, update_id_of
from apps.bot.models import Chat, ChatSession, InboundUpdate
from apps.bot.outbound import outbox
from apps.bot.outbound.message_limits import ANSWER, cut
from apps.bot.testbuy_chat import is_synthetic

log = logging.getLogger(__name__)

ACTIONS_A_MINUTE = Setting("actions_per_minute", 20, "Tekanan dan pesan per pembeli per menit", least=5, most=200)
FIRST_RING = timedelta(seconds=10)  # the thread that stored an update handles it; after this the clock looks
AT_ONCE = 100  # updates of one chat handled by one caller before the clock takes over


def receive(bot: int, body: Any) -> InboundUpdate | None:
    """Keep one update, whatever is in it; None when there is nothing (more) to handle.

    Raises NotAnUpdate, and OperationalError or InterfaceError when the database is away: nothing else. What cannot be
    read or kept as it should be is kept as it came, marked unreadable, and people are told once."""
    try:
        return store(bot, body) or unhandled(bot, body)
    except (NotAnUpdate, OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("an update cannot be read", extra={"action": "unreadable_update"})
        _keep_unreadable(bot, body, f"{type(error).__name__}: {error}")
        return None


def store(bot: int, body: Any) -> InboundUpdate | None:
    """Keep one update. None when it is known already. Raises NotAnUpdate, Unreadable, DatabaseError when it cannot be
    kept.
    """
    incoming = parse(body)
    chat = _chat(incoming) if incoming.chat_id else None
    final = incoming.kind == "other" or chat is None
    update = InboundUpdate(
        bot=bot, update_id=incoming.update_id, chat=chat, kind=incoming.kind, body=body, attempts=1,
        next_at=None if final else shop_now() + FIRST_RING, outcome="ignored" if final else "",
    )  # fmt: skip
    update.parsed = incoming
    return update if insert_row(update) else None


def _keep_unreadable(bot: int, body: Any, why: str) -> None:
    with transaction.atomic():
        kept = insert_row(
            InboundUpdate(
                bot=bot, update_id=update_id_of(body), kind="unreadable", body=body, next_at=None, outcome="unreadable",
                last_error=why.encode(errors="replace").decode()[:ERROR_CHARS].replace("\0", ""),
            )
        )  # fmt: skip
        if kept:
            raise_incident("inbox.unreadable", "update_unreadable")


def unhandled(bot: int, body: Any) -> InboundUpdate | None:
    """A known update that nobody has handled yet: the process that stored it died before it answered, and Telegram
    brings it again at once, long before the clock would ring it. That is another attempt."""
    incoming = parse(body)
    due = InboundUpdate.objects.filter(bot=bot, update_id=incoming.update_id, next_at__isnull=False, last_error="")
    known = due.select_related("chat").first()
    if known is None or not _count_attempt(known):
        return None
    known.parsed = incoming
    return known


def _count_attempt(update: InboundUpdate) -> bool:
    """Before the work, so that an update that kills whoever handles it is counted too; False after the last."""
    update_row(update, attempts=update.attempts + 1)
    if update.attempts <= len(InboundUpdate.DELAYS) + 1:
        return True
    with transaction.atomic():
        bury(update, update.last_error or "the process died each time")
    return False


def waiting_chats(most: int = 500) -> list[Any]:
    """Chats with updates that nobody has tried to handle yet, the longest waiting first, once each; the first of each
    chat is counted as tried once more, since whoever had it may have died of it."""
    due = InboundUpdate.objects.filter(next_at__isnull=False, last_error="", chat__isnull=False).order_by("next_at")
    chats = list(dict.fromkeys(due.values_list("chat_id", flat=True)[:most]))
    for chat_id in chats:
        if (first := _first_waiting(chat_id)) is not None:
            _count_attempt(first)
    return chats


def _chat(incoming: Incoming) -> Chat:
    """The chat an update belongs to; what people and groups call themselves is refreshed when Telegram says another."""
    chat = chat_of(incoming.chat_id, kind=incoming.chat_kind, name=incoming.name, username=incoming.username)
    now = {"name": incoming.name or chat.name, "username": incoming.username, "kind": incoming.chat_kind}
    changed = {name: value for name, value in now.items() if getattr(chat, name) != value}
    if changed:
        update_row(chat, **changed)
    return chat


def handle(chat_id: Any, mine: InboundUpdate | None = None) -> dict[str, Any] | None:
    """Handle the waiting updates of one chat in order. Returns the answer to `mine`'s button, for the HTTP reply.

    When somebody else holds the chat, nothing is done: the holder looks again after its commit.
    """
    answer = None
    for _ in range(AT_ONCE):
        done = _handle_next(chat_id, mine)
        if done is None:
            return answer
        update, reply = done
        spoken = _answer(update, reply)
        if spoken and mine is not None and update.pk == mine.pk:
            answer = spoken
        elif spoken and update.chat is not None:
            with transaction.atomic():
                params = {k: v for k, v in spoken.items() if k != "method"}
                outbox.send(update.chat, "answerCallbackQuery", params, kind=outbox.Kind.ANSWER)
        if _first_waiting(chat_id) is None:
            return answer
    return answer


def handle_surely(chat_id: Any, mine: InboundUpdate | None = None, *, tries: int) -> dict[str, Any] | None:
    """`handle`, through a restart of the database, which then costs a second, not the clock's ten.

    Raises as `through_a_restart`; the row is still due, and the clock rings it.
    """
    with bounded():
        return through_a_restart(lambda: handle(chat_id, mine), tries=tries)


LOCK = """
SELECT {chat}, {session}, shop_now() FROM bot_chat c JOIN bot_chatsession s ON s.chat_id = c.id
WHERE c.id = %s FOR NO KEY UPDATE OF c SKIP LOCKED
"""
FIRST = "SELECT {update} FROM bot_inboundupdate u WHERE chat_id = %s AND next_at IS NOT NULL ORDER BY update_id LIMIT 1"


def _lock_chat(chat_id: Any) -> tuple[Chat, datetime] | None:
    """The chat with its session, and shop time; None while somebody else has it. No key lock: see the lock order."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK.format(chat=columns_of(Chat, "c"), session=columns_of(ChatSession, "s")), [chat_id])
        found = cursor.fetchone()
    if found is None:
        return None
    width = width_of(Chat)
    chat = from_row(Chat, found[:width])
    chat.session = from_row(ChatSession, found[width:-1])
    return chat, found[-1]


def _first_waiting(chat_id: Any) -> InboundUpdate | None:
    """Read after the lock, in a snapshot of its own: what the last holder did must be seen."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST.format(update=columns_of(InboundUpdate, "u")), [chat_id])
        found = cursor.fetchone()
    return from_row(InboundUpdate, found) if found else None


def _handle_next(chat_id: Any, mine: InboundUpdate | None) -> tuple[InboundUpdate, Reply] | None:
    """One transaction for one update; None when there is nothing to do for us."""
    update = None
    try:
        with transaction.atomic():
            locked = _lock_chat(chat_id)
            if locked is None:
                return None
            chat, now = locked
            update = _first_waiting(chat_id)
            if update is None or _rests(update, now):
                return None
            update.chat = chat
            known = mine is not None and mine.pk == update.pk
            update.parsed = mine.parsed if known and mine is not None else parse(update.body)
            reply = _respond(chat, update.parsed, now)
            update_row(update, outcome=reply.route[:60] or "handled", handled_at=now, next_at=None)
            return update, reply
    except OperationalError:
        raise  # the database is away: the row is still due, the clock rings it again
    except Exception as error:
        if update is None:
            raise
        log.exception("an update could not be handled", extra={"action": "update_failed", "row": str(update.pk)})
        with transaction.atomic():
            postpone(update, f"{type(error).__name__}: {error}")
        return None


def _rests(update: InboundUpdate, now: datetime) -> bool:
    """After a failure the chat waits until the update is due, so that order is kept."""
    return bool(update.last_error) and update.next_at is not None and update.next_at > now


def _respond(chat: Chat, incoming: Incoming, now: datetime) -> Reply:
    if incoming.kind == "service":
        if incoming.moved_to:
            follow_group(chat, incoming.moved_to)
        return Reply(route="service")
    if incoming.kind == "membership":
        if incoming.kicked:  # let in again shows in what they write, and what waits for them goes out then
            Chat.objects.filter(pk=chat.pk).update(blocked_at=ShopNow())
        return Reply(route="membership")
    if chat.kind != Chat.Kind.PRIVATE:
        return Reply(route="group")  # goods and dialogues only in private
    if incoming.album and chat.album == incoming.album:
        return Reply(route="album")  # one act, answered with its first picture
    if chat.album != incoming.album:
        update_row(chat, album=incoming.album)
    session = chat.session
    talk = Talk(chat, incoming, state=session.state, data=copy.deepcopy(session.data or {}))
    over = _over_budget(chat, now)
    reply = _too_fast(talk, once=over > 0) if over else route(talk)
    _remember(session, reply)
    show(chat, incoming, reply)
    return reply


def _too_fast(talk: Talk, *, once: bool) -> Reply:
    """Over the budget: a polite word once a minute, then silence."""
    busy = all_routes().busy
    return replace(busy(talk) if once and busy else Reply(), route="busy")


def _over_budget(chat: Chat, now: datetime) -> int:
    """Count this action; 0 within the budget, 1 for the first too many of a minute, -1 for more. Also unblocks."""
    if chat.window_at is None or not timedelta() <= now - chat.window_at < timedelta(minutes=1):
        chat.window_at, chat.window_actions = now, 0
    counted: dict[str, Any] = {"window_at": chat.window_at, "window_actions": chat.window_actions + 1}
    counted |= welcome(chat)
    if chat.blocked_at is not None:
        counted["blocked_at"] = None
    if chat.missed_at is not None:
        counted["missed_at"] = None
        for task in settings.CHAT_BACK:
            send_errand(task, chat.pk)
    update_row(chat, **counted)
    if is_synthetic(chat):  # the test buyer's presses are ours
        return 0
    extra = chat.window_actions - ACTIONS_A_MINUTE.get()
    return 0 if extra <= 0 else 1 if extra == 1 else -1


def _remember(session: ChatSession, reply: Reply) -> None:
    if reply.state is None:
        return
    if (session.state, session.data or {}) != (reply.state, reply.data):
        session.state, session.data = reply.state, reply.data
        session.save(update_fields=["state", "data"])


def _answer(update: InboundUpdate, reply: Reply) -> dict[str, Any] | None:
    """The answer every pressed button gets, so that it stops spinning."""
    query_id = update.parsed.query_id
    if not query_id:
        return None
    text = {"text": cut(reply.toast, ANSWER), "show_alert": reply.alert} if reply.toast else {}
    return {"method": "answerCallbackQuery", "callback_query_id": query_id, **text}


@task
def ring_update(pk: str) -> None:
    """Task: the net under an update whose thread died or failed. Counts the attempt, then handles its chat."""
    update = InboundUpdate.objects.filter(pk=pk, next_at__isnull=False).first()
    if update is None:
        return
    with transaction.atomic():
        if _lock_chat(update.chat_id) is None:
            return  # somebody is at it, and looks again after each commit
        first = _first_waiting(update.chat_id)
        mine = first is not None and first.pk == update.pk  # one that waits behind another has not been tried
        if mine:  # due now: the clock has moved it on for its own sake
            update_row(update, next_at=shop_now())
    if mine:
        _count_attempt(update)
    handle(update.chat_id)
