"""The one door in: updates are stored, then handled one chat at a time, in their order."""

from __future__ import annotations

import copy
import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from apps.base.claims import bury, postpone
from apps.base.clock import ShopNow, shop_now
from apps.base.errands import send_errand
from apps.base.stored import Setting
from apps.bot import outbox
from apps.bot.models import Chat, ChatSession, InboundUpdate, telegram_hash
from apps.bot.router import all_routes, route
from apps.bot.screens import Reply, show
from apps.bot.talk import Talk
from apps.bot.updates import Incoming, parse

log = logging.getLogger(__name__)

ACTIONS_A_MINUTE = Setting("actions_per_minute", 20)
FIRST_RING = timedelta(seconds=10)  # the thread that stored an update handles it; after this the clock looks
AT_ONCE = 100  # updates of one chat handled by one caller before the clock takes over


def store(bot: int, body: Any) -> InboundUpdate | None:
    """Keep one update. None when it is known already. Raises NotAnUpdate, and DatabaseError when it cannot be kept."""
    incoming = parse(body)
    with transaction.atomic():
        chat = _chat(incoming) if incoming.chat_id else None
        final = incoming.kind == "other" or chat is None
        rows = InboundUpdate.objects.bulk_create(
            [
                InboundUpdate(
                    bot=bot, update_id=incoming.update_id, chat=chat, kind=incoming.kind, body=body, attempts=1,
                    next_at=None if final else ShopNow() + FIRST_RING, outcome="ignored" if final else "",
                )
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        # ON CONFLICT DO NOTHING does not say whether it inserted: the row's own key does
        return rows[0] if InboundUpdate.objects.filter(pk=rows[0].pk).exists() else None


def _chat(incoming: Incoming) -> Chat:
    """The chat an update belongs to; its name is refreshed when Telegram says another."""
    mark = telegram_hash(incoming.chat_id)
    chat = Chat.objects.filter(telegram_hash=mark).first()
    if chat is None:
        try:
            with transaction.atomic():
                chat = Chat.objects.create(
                    telegram_hash=mark, telegram_id=str(incoming.chat_id), kind=incoming.chat_kind,
                    name=incoming.name, username=incoming.username,
                )  # fmt: skip
                ChatSession.objects.create(chat=chat)
        except IntegrityError:
            chat = Chat.objects.get(telegram_hash=mark)
    elif incoming.name and chat.name != incoming.name:
        chat.name, chat.username = incoming.name, incoming.username
        chat.save(update_fields=["name", "username"])
    return chat


def handle(chat_id: Any, mine: InboundUpdate | None = None) -> dict[str, Any] | None:
    """Handle the waiting updates of one chat in order. Returns the answer to `mine`'s button, for the HTTP reply.

    When somebody else holds the chat, nothing is done: the holder looks again after its commit.
    """
    answer = None
    for _ in range(AT_ONCE):
        done = _handle_next(chat_id)
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
        if not waiting(chat_id).exists():
            return answer
    return answer


def waiting(chat_id: Any) -> Any:
    return InboundUpdate.objects.filter(chat_id=chat_id, next_at__isnull=False)


def _handle_next(chat_id: Any) -> tuple[InboundUpdate, Reply] | None:
    """One transaction for one update; None when there is nothing to do for us."""
    update = None
    try:
        with transaction.atomic():
            chat = (
                Chat.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
                .select_related("session")
                .filter(pk=chat_id)
                .first()
            )
            if chat is None:
                return None
            update = waiting(chat_id).order_by("update_id").first()
            if update is None or _rests(update):
                return None
            update.chat = chat
            reply = _respond(chat, update)
            update.outcome, update.handled_at, update.next_at = reply.route[:60], shop_now(), None
            update.save(update_fields=["outcome", "handled_at", "next_at"])
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


def _rests(update: InboundUpdate) -> bool:
    """After a failure the chat waits until the update is due, so that order is kept."""
    return bool(update.last_error) and update.next_at is not None and update.next_at > shop_now()


def _respond(chat: Chat, update: InboundUpdate) -> Reply:
    incoming = parse(update.body)
    if incoming.kind == "membership":
        Chat.objects.filter(pk=chat.pk).update(blocked_at=ShopNow() if incoming.kicked else None)
        return Reply(route="membership")
    if chat.kind != Chat.Kind.PRIVATE:
        return Reply(route="group")  # goods and dialogues only in private
    session = chat.session
    talk = Talk(chat, incoming, state=session.state, data=copy.deepcopy(session.data or {}))
    over = _over_budget(chat)
    busy = all_routes().busy
    reply = busy(talk) if over and busy and over > 0 else Reply(route="busy") if over else route(talk)
    _remember(session, reply)
    show(chat, incoming, reply)
    return reply


def _over_budget(chat: Chat) -> int:
    """Count this action; 0 within the budget, 1 for the first too many of a minute, -1 for more. Also unblocks."""
    now = shop_now()
    if chat.window_at is None or now - chat.window_at >= timedelta(minutes=1) or now < chat.window_at:
        chat.window_at, chat.window_actions = now, 0
    chat.window_actions += 1
    fields = ["window_at", "window_actions"]
    if chat.blocked_at is not None:
        chat.blocked_at = None
        fields.append("blocked_at")
        for task in settings.CHAT_BACK:
            send_errand(task, chat.pk)
    chat.save(update_fields=fields)
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
    query = update.body.get("callback_query")
    if not query:
        return None
    text = {"text": reply.toast[:200], "show_alert": reply.alert} if reply.toast else {}
    return {"method": "answerCallbackQuery", "callback_query_id": query["id"], **text}


def ring_update(pk: str) -> None:
    """Task: the net under an update whose thread died or failed. Counts the attempt, then handles its chat."""
    rows = InboundUpdate.objects.filter(pk=pk, next_at__isnull=False)
    rows.update(attempts=F("attempts") + 1)
    update = rows.first()
    if update is None:
        return
    if update.attempts > len(InboundUpdate.DELAYS) + 1:
        bury(update, update.last_error or "the process died each time")
    else:
        rows.filter(last_error__gt="").update(next_at=ShopNow())  # due now: the clock has moved it on for its own sake
    handle(update.chat_id)
