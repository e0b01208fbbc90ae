"""Fake Pakasir API v2: create, status, cancel, fee, and the webhook on success."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from apps.orders.gateways.pakasir.conf import CONF
from fakes.faults import Faults
from fakes.saved_state import Journal

QR = "lorem-ipsum-pakasir-qris-example"
LIVES = 3600  # seconds until expired_at
STATUS_GAP = 4.0
MAKE_RATE = 2.0
MAKE_BURST = 6.0


class Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def fee_of(amount: int) -> int:
    """QRIS: 0.7 % + 310 up to 105,000, then 1 %. Rupiah."""
    return round(amount * 0.007) + 310 if amount <= 105_000 else round(amount * 0.01)


def stamp(seconds: float) -> str:
    """RFC 3339 with nanoseconds, as the live service writes it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{int(seconds % 1 * 1e9):09d}Z"


class Fake:
    """Transactions and rules. It knows what `conf.py` tells a sandbox."""

    def __init__(
        self,
        journal: Journal,
        faults: Faults,
        *,
        shop_url: str,
        strict: bool = True,
        project: str = str(CONF.sandbox["PAKASIR_PROJECT"]),
        key: str = CONF.secrets["PAKASIR_API_KEY"],
        secret: str = CONF.secrets["PAKASIR_WEBHOOK_SECRET"],
    ) -> None:
        self.journal, self.faults = journal, faults
        self.project, self.key, self.secret, self.shop_url, self.strict = project, key, secret, shop_url, strict
        self.transactions: dict[str, dict[str, Any]] = {}
        self.by_order: dict[str, str] = {}
        self.broken_rules: list[str] = []
        self._asked: dict[str, float] = {}
        self._made = (MAKE_BURST, time.monotonic())
        for event in journal.replay():
            self._apply(event)

    def _apply(self, transaction: dict[str, Any]) -> None:
        self.transactions[transaction["txn_id"]] = transaction
        self.by_order[transaction["order_id"]] = transaction["txn_id"]

    def _record(self, transaction: dict[str, Any]) -> dict[str, Any]:
        self._apply(transaction)
        self.journal.write(transaction)
        return transaction

    async def answer(self, request: web.Request, path: str) -> web.Response:
        """One call of the shop; `path` is what follows the gateway's address."""
        parts = path.removeprefix("api/v2/").split("/")
        what, project, subject = parts if len(parts) == 3 else ("", "", "")
        try:
            self.check_key(request.headers.get("X-Api-Key", ""))
            if (request.method, what) == ("POST", "create-transaction"):
                return web.json_response(self.create(project, subject, await request.json()))
            if (request.method, what) == ("GET", "transaction-status"):
                return web.json_response(self.status(project, subject))
            if (request.method, what) == ("POST", "cancel-transaction"):
                return web.json_response(self.cancel(project, subject))
        except Refusal as refused:
            return web.json_response({"message": refused.message}, status=refused.code)
        return web.json_response({"message": "Not Found"}, status=404)

    def listed(self) -> list[dict[str, Any]]:
        """The newest transactions, as the gateway page shows them. Rupiah."""
        return [
            {**row, "total_payment": row["amount"] + fee_of(row["amount"])}
            for row in [*self.transactions.values()][-200:]
        ]

    def check_key(self, key: str) -> None:
        if self.faults.gateway_refuses_key or key != self.key:
            raise Refusal(401, "Invalid API key")

    def _check_project(self, project: str) -> None:
        if project != self.project:
            raise Refusal(404, "Project not found")

    def _check_make_rate(self) -> None:
        level, at = self._made
        now = time.monotonic()
        level = min(MAKE_BURST, level + (now - at) * MAKE_RATE * 1.1)
        if self.strict and level < 1:
            self.broken_rules.append("create or cancel faster than 2 a second")
            raise Refusal(429, "Too many requests")
        self._made = (level - 1, now)

    def create(self, project: str, order_id: str, body: dict[str, Any]) -> dict[str, Any]:
        self._check_project(project)
        self._check_make_rate()
        amount = body.get("amount")
        if (
            set(body) != {"method", "amount"}
            or body["method"] != "qris"
            or not isinstance(amount, int)
            or not 500 <= amount <= 10_000_000
        ):
            raise Refusal(400, "Invalid request")
        known = self.transactions.get(self.by_order.get(order_id, ""))
        if known is not None and known["amount"] != amount:
            self.broken_rules.append(f"{order_id} with another amount")
            raise Refusal(400, "Order exists with another amount")
        if known is None:
            known = self._record(
                {"txn_id": f"txn_{secrets.token_hex(10)}", "order_id": order_id, "amount": amount, "status": "pending",
                 "created": self.faults.now(), "completed_at": None}
            )  # fmt: skip
        fee = fee_of(amount)
        return {
            "txn_id": known["txn_id"], "project": self.project, "order_id": order_id, "amount": amount, "fee": fee,
            "total_payment": amount + fee, "payment_method": "qris", "qr_string": QR, "va_number": "",
            "expired_at": stamp(known["created"] + LIVES), "is_sandbox": True,
        }  # fmt: skip

    def status(self, project: str, txn_id: str) -> dict[str, Any]:
        self._check_project(project)
        known = self._known(txn_id)
        now = time.monotonic()
        if self.strict and now - self._asked.get(txn_id, -9e9) < STATUS_GAP * 0.9:
            self.broken_rules.append(f"status of {known['order_id']} within 4 s")
            raise Refusal(429, "Too many requests")
        self._asked[txn_id] = now
        return self._public(known)

    def cancel(self, project: str, txn_id: str) -> dict[str, Any]:
        self._check_project(project)
        self._check_make_rate()
        known = self._known(txn_id)
        if known["status"] == "pending":
            self._record({**known, "status": "canceled"})
        return {"message": "Transaction canceled"}

    def _known(self, txn_id: str) -> dict[str, Any]:
        if txn_id not in self.transactions:
            raise Refusal(404, "Transaction not found")
        return self.transactions[txn_id]

    def _public(self, known: dict[str, Any]) -> dict[str, Any]:
        said = {
            "txn_id": known["txn_id"], "order_id": known["order_id"],
            "amount": known.get("told_amount", known["amount"]) + self.faults.status_amount,
            "is_sandbox": not self.faults.status_flips_sandbox, "status": known["status"],
        }  # fmt: skip
        return {**said, "completed_at": stamp(known["completed_at"])} if known["completed_at"] else said

    def pay(self, txn_id: str, *, amount: int | None = None) -> dict[str, Any]:
        """Somebody scans and pays; a canceled QR can still be paid, as at a real bank. `amount`: another than asked."""
        known = self._known(txn_id)
        if known["status"] != "completed":
            told = {} if amount is None else {"told_amount": amount}
            known = self._record({**known, "status": "completed", "completed_at": self.faults.now(), **told})
        return known

    async def ring(self, session: aiohttp.ClientSession, known: dict[str, Any]) -> None:
        """The webhook, as often as the faults say; retried a few times when the shop cannot take it."""
        if self.faults.webhook_lost:
            return
        await self.faults.wait(self.faults.webhook_delay)
        body = json.dumps({**self._public(known), "status": "completed"})
        headers = {"X-Secret": self.secret, "Content-Type": "text/plain"}
        url = f"{self.shop_url}/payments/pakasir/webhook/"

        async def once() -> None:
            for wait in (0, 1, 3):
                await asyncio.sleep(wait)
                try:
                    async with session.post(url, data=body, headers=headers) as answer:
                        if answer.status < 500:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    continue

        await asyncio.gather(*(once() for _ in range(self.faults.webhook_copies)))
