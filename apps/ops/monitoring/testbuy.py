"""The synthetic buyer buys every five minutes: its updates come in as Telegram's would, its order and goods are rows
like all others, and only the sender does not call Telegram for it. What breaks on this way, nobody could buy.

It never waits in a worker: one round presses the buttons, the next ones look what came of it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any

import httpx
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from apps.base.clock import shop_now
from apps.base.incidents import raise_incident, resolve_incident
from apps.base.work.deferred_calls import Errand
from apps.bot.chats import chat_of
from apps.bot.connection.failover import as_telegram_would, mode_now, wanted_webhook
from apps.bot.inbound import inbox
from apps.bot.models import Chat, ChatSession, InboundUpdate, OutboundMessage
from apps.bot.outbound.outbox import bot_id
from apps.bot.testbuy_chat import FIRST_UPDATE, TELEGRAM_ID
from apps.ops.models import Routine
from apps.orders.models import Order, OrderLine
from apps.orders.services import delivery
from apps.orders.states import OrderState
from apps.orders.testbuy_product import free_variant
from host.local_http import web_connection
from host.tls import certificates

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)
LOCK = 731_000_001  # advisory lock: one purchase at a time, the command's or the routine's
FIRST = timedelta(minutes=1)  # after the first start of all
LOOK = timedelta(seconds=2)  # between two looks for the goods
PATIENCE = timedelta(seconds=30)  # for the goods
AGAIN = timedelta(seconds=30)  # after a failure
ENOUGH = 2  # failures in a row until people are told
KEPT = timedelta(days=2)
CALL = 10.0  # seconds for one update to be taken

Deliver = Callable[[dict[str, Any]], None]


class CannotBuy(Exception):
    """Where the way broke, a word of the alert: `in` (updates do not come in), `order`, `goods`, or `odd`."""


def walk(routine: Routine) -> datetime:
    """One round of the routine: buy, or look what came of it."""
    memory, now = dict(routine.memory), shop_now()
    if not memory:
        routine.remember(failed=0)
        return now + FIRST
    try:
        if "bought_at" not in memory:
            buy(deliver)
            routine.remember(**memory, bought_at=now.isoformat())
            return now + LOOK
        since = datetime.fromisoformat(memory["bought_at"])
        return _well(routine, since) if has_goods(since) else now + LOOK
    except CannotBuy as broken:
        return _failed(routine, int(memory.get("failed", 0)) + 1, str(broken))
    except Exception:  # whatever it was, a buyer would have met it too
        log.exception("the synthetic buyer stumbled", extra={"action": "synthetic_failed"})
        return _failed(routine, int(memory.get("failed", 0)) + 1, "odd")


def buy(bring: Deliver) -> None:
    """Press *Beli* and *QRIS*. Raises CannotBuy."""
    variant = free_variant()
    chat = chat_of(TELEGRAM_ID, name="Pembeli uji")
    with _alone():
        ChatSession.objects.filter(chat=chat).update(state="")  # what an older press left is none of ours
        bring(pressed(f"buy:{variant.pk}:1"))
        nonce = _nonce(chat)
        if not nonce:
            raise CannotBuy("order")
        bring(pressed(f"pay:{nonce}"))


@contextmanager
def _alone() -> Iterator[None]:
    """Both presses belong to one session of the dialogue."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _nonce(chat: Chat) -> str:
    """What the screen with *QRIS* remembers; the update may be handled a moment after it was taken."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        chat.session.refresh_from_db()
        if chat.session.state == "paying":
            return str((chat.session.data or {}).get("nonce", ""))
        time.sleep(0.1)
    return ""


def pressed(data: str) -> dict[str, Any]:
    """An update as Telegram sends it when somebody presses a button."""
    number = FIRST_UPDATE + time.time_ns() // 1000
    person = {"id": TELEGRAM_ID, "is_bot": False, "first_name": "Pembeli uji", "language_code": "id"}
    message = {"message_id": 1, "date": int(time.time()), "chat": {"id": TELEGRAM_ID, "type": "private"}, "text": "…"}
    query = {"id": str(number), "from": person, "chat_instance": "1", "data": data, "message": message}
    return {"update_id": number, "callback_query": query}


def deliver(update: dict[str, Any]) -> None:
    """Through the public webhook address while it is the way in, else to our own web process. Raises CannotBuy."""
    webhook = wanted_webhook()
    try:
        if settings.PUBLIC_URL.startswith("https://") and mode_now() == "webhook":
            with httpx.Client(timeout=CALL, verify=certificates()) as client:
                status = client.post(**as_telegram_would(webhook), json=update).status_code
        else:
            wire = web_connection(CALL)
            headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": webhook.secret}
            wire.request("POST", "/telegram/webhook/", json.dumps(update), headers)
            status = wire.getresponse().status
            wire.close()
    except (OSError, HTTPException, httpx.HTTPError) as error:
        raise CannotBuy("in") from error
    if status != 200:
        raise CannotBuy("in")


def has_goods(since: datetime) -> bool:
    """Whether what it bought after a moment was delivered. Raises CannotBuy when PATIENCE is over."""
    order = order_since(since)
    if order is not None and order.state == OrderState.DELIVERED:
        return True
    if shop_now() - since < PATIENCE:
        return False
    raise CannotBuy("order" if order is None else "goods")


def order_since(moment: datetime) -> Order | None:
    return Order.objects.filter(buyer=chat_of(TELEGRAM_ID), created_at__gte=moment).order_by("-id").first()


def _well(routine: Routine, since: datetime) -> datetime:
    resolve_incident("synthetic")
    routine.remember(failed=0, well_at=shop_now().isoformat())
    forget(shop_now() - KEPT)
    return since + EVERY


def _failed(routine: Routine, times: int, stage: str) -> datetime:
    if times >= ENOUGH:
        raise_incident("synthetic", "synthetic_failed", stage=stage)
    well_at = routine.memory.get("well_at")
    routine.remember(failed=times, **({"well_at": well_at} if well_at else {}))
    return shop_now() + AGAIN


def forget(old: datetime) -> None:
    """Delete its rows from before a moment."""
    chat = chat_of(TELEGRAM_ID)
    with transaction.atomic():
        orders = Order.objects.filter(buyer=chat, created_at__lt=old)
        Errand.objects.filter(key__in=[str(pk) for pk in orders.values_list("pk", flat=True)]).delete()
        OrderLine.objects.filter(order__in=orders).delete()
        orders.delete()
        OutboundMessage.objects.filter(chat=chat, queued_at__lt=old).delete()
        InboundUpdate.objects.filter(chat=chat, stored_at__lt=old).delete()


def rehearse() -> None:
    """The whole sale in this process, in one transaction that is undone: whether this code can write on these tables.

    Raises CannotBuy, and DatabaseError for a table that is not as the code believes.
    """
    with transaction.atomic():
        since = shop_now()
        buy(_handle_here)
        order = order_since(since)
        if order is None or order.state != OrderState.PAID:
            raise CannotBuy("order")
        delivery.record_sent(order.pk)
        order.refresh_from_db()
        sold = order.state == OrderState.DELIVERED and Errand.objects.filter(key=str(order.pk)).exists()
        transaction.set_rollback(True)
    if not sold:
        raise CannotBuy("goods")


def _handle_here(update: dict[str, Any]) -> None:
    stored = inbox.store(bot_id(), update)
    if stored is not None:
        inbox.handle(stored.chat_id, stored)
