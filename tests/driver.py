"""A shop in one thread: what the processes do, step by step and without waiting."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from apps.base.clock import shift_clock
from apps.base.credentials import credential
from apps.base.incidents import due_incidents, tend_incident
from apps.base.work import leases
from apps.base.work.clock_thread import tick
from apps.bot.api.client import Telegram
from apps.bot.chats import chat_of
from apps.bot.connection.replace_bot import change_bot
from apps.bot.outbound import claims
from apps.bot.outbound.payload import pack
from apps.bot.outbound.sender import bring
from apps.orders.models import Order, Variant
from apps.orders.services import checkout
from apps.orders.services.hoarding_limits import Wanted
from apps.orders.services.money_review import debts_of
from tests.fakes import Fakes

ROUNDS = 60
ANYTHING_DUE = """
SELECT EXISTS (SELECT FROM django_q_ormq)
    OR EXISTS (SELECT FROM bot_outboundmessage WHERE state = 'queued' AND next_at <= shop_now())
    OR EXISTS (SELECT FROM base_incident WHERE next_at <= shop_now())
"""


class Buyer:
    """Somebody with a phone."""

    def __init__(self, shop: Shop, number: int, name: str, language: str = "id") -> None:
        self.shop, self.number, self.name = shop, number, name
        shop.fakes.do(lambda: shop.fakes.world.telegram.add_user(number, name, language))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What stands in the chat now, own words included."""
        rows = self.shop.fakes.do(lambda: [dict(m) for m in self.shop.fakes.world.telegram.chats[self.number]])
        return [m for m in rows if not m.get("deleted")]

    @property
    def heard(self) -> list[str]:
        """The texts the bot sent, oldest first."""
        return [m.get("text", "") for m in self.messages if m["from"] == "bot"]

    @property
    def screen(self) -> dict[str, Any]:
        """The newest message of the bot that has buttons."""
        return [m for m in self.messages if m["from"] == "bot" and m.get("keyboard")][-1]

    def says(self, text: str, **extra: Any) -> Buyer:
        self.shop.fakes.do(lambda: self.shop.fakes.world.telegram.say(self.number, text, extra=extra or None))
        self.shop.settle()
        return self

    def button(self, label: str, message: dict[str, Any] | None = None) -> str:
        """callback_data of the button whose label contains `label`."""
        shown = message or self.screen
        found = [b for row in shown["keyboard"] for b in row if label in b["text"]]
        assert found, f"no button {label!r} in {[[b['text'] for b in row] for row in shown['keyboard']]}"
        return found[0]["callback_data"]

    def presses(self, label: str, message: dict[str, Any] | None = None) -> Buyer:
        shown = message or self.screen
        return self.presses_data(self.button(label, shown), shown["message_id"])

    def presses_data(self, data: str, message_id: int | None = None) -> Buyer:
        where = message_id or self.screen["message_id"]
        self.shop.fakes.do(lambda: self.shop.fakes.world.telegram.press(self.number, where, data))
        self.shop.settle()
        return self

    @property
    def toast(self) -> str:
        """The last answer to a button."""
        answers = self.shop.fakes.do(lambda: list(self.shop.fakes.world.telegram.answers))
        return answers[-1]["text"] if answers else ""

    def orders(self, product: str, *, quantity: int = 1) -> str:
        """To the invoice of one product; returns the order's number. As the last button does: how people come there is
        `walks_to`, which few tests need."""
        if not self.messages:
            self.says("/start")
        variant = Variant.objects.get(product__name__contains=product, is_active=True)
        checkout.place(buyer=chat_of(self.number), basket=[Wanted(variant, quantity, [])])
        self.shop.settle()
        return self.invoice_number()

    def walks_to(self, product: str) -> Buyer:
        """From /start to a product's page."""
        return self.says("/start").presses("Semua produk").presses(product)

    def invoice_number(self) -> str:
        photos = [m for m in self.messages if m.get("photo") and "AO-" in m["text"]]
        assert photos, f"no invoice; heard {self.heard[-2:]}"
        return re.search(r"AO-\w+", photos[-1]["text"]).group()  # type: ignore[union-attr]


def anything_due() -> bool:
    """One question instead of one to each desk: a shop at rest is asked again and again."""
    with connection.cursor() as cursor:
        cursor.execute(ANYTHING_DUE)
        return bool(cursor.fetchone()[0])


def debts(order_id: Any) -> list[str]:
    """Everything that could be given back of an order, as the dashboard names it."""
    order = Order.objects.get(pk=order_id)
    return [debt.key for debt in debts_of(order, order.payments.order_by("id"))]


class Shop:
    """Web, workers, clock and sender, each by hand."""

    def __init__(self, fakes: Fakes) -> None:
        self.fakes = fakes
        self.http = Client()
        self.loop = asyncio.new_event_loop()
        self.telegram: Telegram | None = None
        self.held: leases.Held | None = None
        self.sending = True

    def lead(self) -> leases.Held:
        """Hold the sender's lease under a new epoch."""
        self.held = leases.take_lease("bot", holder="test", host="test", alone_on_host=True)
        assert self.held is not None
        return self.held

    def close(self) -> None:
        if self.telegram is not None:
            self.loop.run_until_complete(self.telegram.close())
        self.loop.close()

    def buyer(self, number: int, name: str, language: str = "id") -> Buyer:
        return Buyer(self, number, name, language)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def bring_updates(self) -> int:
        """What Telegram would post to the webhook."""
        pending = self.fakes.do(lambda: dict(self.fakes.world.telegram.pending))
        for update_id in sorted(pending):
            answer = self.post_update(pending[update_id])
            assert answer.status_code == 200, answer.status_code
            self.fakes.do(lambda i=update_id: self.fakes.world.telegram.confirm(i))
            if answer.headers.get("Content-Type", "").startswith("application/json"):
                reply = answer.json()
                self.fakes.do(lambda r=reply: self.fakes.world.telegram.call(r.pop("method"), r))
        return len(pending)

    def post_update(self, body: Any, secret: str | None = None) -> Any:
        secret = credential("TELEGRAM_WEBHOOK_SECRET") if secret is None else secret
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        return self.http.post("/telegram/webhook/", body, content_type="application/json", headers=headers)

    def change_bot(self, token: str) -> None:
        """The old bot is banned, and the shop goes on with another one that nobody has met."""
        self.fakes.do(lambda: setattr(self.fakes.world, "token", token))
        self.fakes.do(lambda: self.fakes.world.telegram.new_bot(int(token.partition(":")[0])))
        change_bot(token, "baru_bot", actor="test")
        if self.telegram is not None:
            self.loop.run_until_complete(self.telegram.close())
        self.telegram = None
        self.lead()

    def run_tasks(self) -> int:
        """Every bell in the queue, once, and every alert."""
        rows = list(OrmQ.objects.order_by("id"))
        for row in rows:
            task = SignedPackage.loads(row.payload)
            OrmQ.objects.filter(pk=row.pk).delete()
            import_string(task["func"])(*task["args"])
        due = due_incidents(100)
        for pk in due:
            tend_incident(pk)
        return len(rows) + len(due)

    def send_messages(self) -> int:
        """The sender at its desk until nothing is left to send now."""
        if not self.sending:
            return 0
        held = self.held or self.lead()
        if self.telegram is None:
            from django.conf import settings

            from apps.bot.outbound.sender import shop_telegram

            self.telegram = shop_telegram(settings.TELEGRAM_API_URLS)
        sent = 0
        done: list[claims.Sent] = []
        while ready := claims.turn(done, epoch=held.epoch, room=64, silent=[], urgency=3):
            done = []
            for message in ready:
                method, params = pack(message)
                outcome = self.loop.run_until_complete(bring(self.telegram, message, method, params))
                done.append(claims.Sent(message, outcome))
            sent += len(done)
        return sent

    def settle(self) -> None:
        """Until nothing moves any more."""
        for _ in range(ROUNDS):
            if not (self.bring_updates() or anything_due()):
                return
            if not (self.run_tasks() + self.send_messages()):
                return
        raise AssertionError("the shop does not come to rest")

    def forward(self, **by: float) -> None:
        """Let time pass, the clock strike, and everything settle."""
        shift_clock(timedelta(**by))
        self.fakes.world.faults.clock_ahead += int(timedelta(**by).total_seconds())
        tick()
        self.settle()

    # -- the gateway ---------------------------------------------------------------------------------------------------

    def transaction(self, number: str) -> dict[str, Any]:
        pakasir = self.fakes.world.gateways["pakasir"]
        return self.fakes.do(lambda: dict(pakasir.transactions[pakasir.by_order[number]]))

    def bank_pays(self, number: str) -> dict[str, Any]:
        """Money reaches the gateway; no webhook."""
        pakasir = self.fakes.world.gateways["pakasir"]
        return self.fakes.do(lambda: dict(pakasir.pay(pakasir.by_order[number])))

    def webhook(self, number: str, *, secret: str | None = "sandbox-webhook-secret", **changes: Any) -> Any:
        """The gateway's doorbell for an order, perhaps forged."""
        known = self.transaction(number)
        body = {
            "txn_id": known["txn_id"],
            "order_id": number,
            "amount": known["amount"],
            "is_sandbox": True,
            "status": "completed",
        }
        headers = {"X-Secret": secret} if secret is not None else {}
        return self.http.post(
            "/payments/pakasir/webhook/", {**body, **changes}, content_type="application/json", headers=headers
        )

    def pays(self, number: str) -> None:
        """The usual way: money, webhook, goods."""
        self.bank_pays(number)
        assert self.webhook(number).status_code == 200
        self.settle()
