"""What a payment gateway is to the shop: about six methods, whose defaults refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """The gateway's own answer. `CANCELED` is not final: a QR may still be paid."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"  # a word we do not know: review, never delivery


@dataclass(frozen=True)
class Invoice:
    """A transaction that a buyer can pay. Rupiah."""

    transaction: str
    total_payment: int
    fee: int
    qr: str
    pay_before: datetime | None


@dataclass(frozen=True)
class Truth:
    """What a status call said. Rupiah."""

    transaction: str
    reference: str
    amount: int
    status: Status
    is_sandbox: bool | None  # None: it did not say so as documented
    word: str = ""  # the status as the gateway wrote it


@dataclass(frozen=True)
class Doorbell:
    """What a verified webhook claims: enough to find the payment, never enough to deliver."""

    transaction: str
    reference: str
    status: str


class GatewayError(Exception):
    """A call failed. `theirs`: on the gateway's side (counts for the breaker); `retry_after` in seconds."""

    def __init__(self, message: str, *, permanent: bool = False, theirs: bool = True, retry_after: float = 0) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.theirs = theirs
        self.retry_after = retry_after


class Unreadable(GatewayError):
    """An answer came, but not one that we can read; the words go to the owner."""

    def __init__(self, message: str) -> None:
        super().__init__(message, theirs=False)


class Refused(Exception):
    """A webhook that is not to be believed; the reason is kept. `status` is the HTTP answer."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Gateway:
    """Base whose defaults refuse. One small class for each gateway, found by name in `registry`."""

    slug = ""
    label = ""  # on the button by which a buyer chooses it
    can_cancel = False
    least, most = 1, 10**9  # rupiah of one payment
    make_gap = 0.5  # seconds between creates and cancels, over all processes
    ask_gap = 0.5  # seconds between the schedule's status calls; those of a webhook or a button go at once

    def is_ready(self) -> bool:
        """Whether its keys are set."""
        return False

    def create(self, reference: str, amount: int) -> Invoice:
        """Find or create the transaction `reference`. Raises GatewayError."""
        raise GatewayError("this gateway cannot take payments", permanent=True, theirs=False)

    def status(self, transaction: str, reference: str) -> Truth:
        """The truth about one transaction. Raises GatewayError."""
        raise GatewayError("this gateway cannot be asked", permanent=True, theirs=False)

    def cancel(self, transaction: str, reference: str) -> None:
        """Tell the gateway that nobody will pay. Raises GatewayError."""
        raise GatewayError("this gateway cannot cancel", permanent=True, theirs=False)

    def read_webhook(self, headers: Mapping[str, str], raw: bytes) -> Doorbell:
        """Verify and read a webhook. Raises Refused."""
        raise Refused("this gateway has no webhook", 401)

    def expects(self, truth: Truth) -> bool:
        """Whether the mode (live or sandbox) is the configured one."""
        return False
