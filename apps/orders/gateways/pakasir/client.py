"""Pakasir API v2 (https://app.pakasir.com/api/v2), as its public pages describe it; not tried against the live service.

The webhook carries a plain secret of the project in `X-Secret`; it rings only, the status call decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.crypto import constant_time_compare

from apps.base.credentials import credential
from apps.orders.gateways.base import Doorbell, Gateway, GatewayError, Invoice, Refused, Status, Truth, Unreadable
from apps.orders.gateways.http_client import call
from apps.orders.gateways.registry import setting


class Client(Gateway):
    slug = "pakasir"
    label = "QRIS"
    can_cancel = True
    least, most = 500, 10_000_000  # of QRIS
    make_gap = ask_gap = 0.5  # about 2 calls a second are allowed

    def is_ready(self) -> bool:
        return bool(setting("PAKASIR_PROJECT") and credential("PAKASIR_API_KEY"))

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        url = f"{setting('PAKASIR_API_URL')}/api/v2/{path}"
        return call(method, url, headers={"X-Api-Key": credential("PAKASIR_API_KEY")}, json=body)

    def create(self, reference: str, amount: int) -> Invoice:
        path = f"create-transaction/{setting('PAKASIR_PROJECT')}/{reference}"
        said = self._call("POST", path, {"method": "qris", "amount": amount})
        invoice = Invoice(
            transaction=_text(said, "txn_id"),
            total_payment=_number(said, "total_payment"),
            fee=_number(said, "fee") if said.get("fee") is not None else 0,
            qr=_text(said, "qr_string"),
            pay_before=_moment(said.get("expired_at")),
        )
        if not invoice.transaction or not invoice.qr:
            raise Unreadable("an invoice without txn_id or qr_string")
        if _text(said, "order_id") != reference or _number(said, "amount") != amount:
            raise GatewayError("an invoice for another order or amount", permanent=True)
        return invoice

    def status(self, transaction: str, reference: str) -> Truth:
        said = self._call("GET", f"transaction-status/{setting('PAKASIR_PROJECT')}/{transaction}")
        word = _text(said, "status").strip().lower()
        sandbox = said.get("is_sandbox")
        return Truth(
            transaction=_text(said, "txn_id"),
            reference=_text(said, "order_id"),
            amount=_number(said, "amount"),
            status=Status(word) if word in ("pending", "completed", "canceled") else Status.UNKNOWN,
            is_sandbox=sandbox if isinstance(sandbox, bool) else None,
            word=word,
        )

    def cancel(self, transaction: str, reference: str) -> None:
        self._call("POST", f"cancel-transaction/{setting('PAKASIR_PROJECT')}/{transaction}")

    def read_webhook(self, headers: Mapping[str, str], raw: bytes) -> Doorbell:
        secret = credential("PAKASIR_WEBHOOK_SECRET")
        if not secret:
            raise Refused("no webhook secret is set", 401)
        if not constant_time_compare(headers.get("X-Secret", ""), secret):
            raise Refused("wrong secret" if headers.get("X-Secret") else "no secret", 401)
        try:
            said = json.loads(raw)
            bell = Doorbell(_text(said, "txn_id"), _text(said, "order_id"), _text(said, "status"))
        except (ValueError, AttributeError, GatewayError, RecursionError) as error:
            raise Refused("not a JSON object", 400) from error
        if not bell.transaction or not bell.reference:
            raise Refused("txn_id or order_id is missing", 400)
        return bell

    def expects(self, truth: Truth) -> bool:
        return truth.is_sandbox is setting("PAKASIR_SANDBOX")


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    text = "" if value is None else str(value)[:4000].replace("\0", "")
    return text.encode(errors="replace").decode()  # half a surrogate has no place in a column


WHOLE = re.compile(
    r"([0-9]{1,12})(?:\.0{1,2})?"
)  # whole rupiah as gateways write them: 10000, "10000", 10000.0, "10000.00"


def _number(said: dict[str, Any], name: str) -> int:
    """Whole rupiah in any spelling. Raises Unreadable."""
    value = said.get(name)
    found = None if isinstance(value, bool) else WHOLE.fullmatch(str(value).strip())
    if found is None:
        raise Unreadable(f"{name} is no whole amount: {str(value)[:40]!r}")
    return int(found.group(1))


def _moment(value: object) -> datetime | None:
    """RFC 3339 in every spelling, nanoseconds and leap seconds too; None when it cannot be read (then our own hold
    decides).
    """
    if not isinstance(value, str):
        return None
    value = value.strip().upper().replace(":60", ":59")
    head, dot, rest = value.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    text = f"{head}.{rest[: min(digits, 6)]}{rest[digits:]}" if dot else value
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
