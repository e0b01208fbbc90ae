"""Payments, what gateways told us, and the lanes by which we may ask them."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.base.clock import ShopNow
from apps.base.fields import EncryptedTextField
from apps.base.ids import uuid7
from apps.base.work.claimable import Claimable, dead_index, due_index
from apps.orders.models.order import Order
from apps.orders.states import PaymentState


class Payment(Claimable):
    """One invoice at one gateway. Asked about until completed or 25 h are over (`closed_at`)."""

    BELL = "apps.orders.tasks.tend_payment"
    STEP = timedelta(seconds=15)
    LEASE = timedelta(seconds=30)
    DELAYS: ClassVar[tuple[int, ...]] = (2, 5, 10, 30, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 28800)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments", verbose_name="pesanan")
    gateway = models.CharField("lewat", max_length=20)
    reference = models.CharField("nomor tagihan", max_length=20, unique=True)  # the gateway's order_id
    transaction = models.CharField("nomor di gateway", max_length=80, blank=True, default="")  # the gateway's own id
    state = models.CharField("status", max_length=12, choices=PaymentState, default=PaymentState.CREATED)
    amount = models.PositiveIntegerField("tagihan (rupiah)")  # rupiah we ask for: what is compared
    # rupiah the buyer pays, says the gateway
    total_payment = models.PositiveIntegerField("dibayar pembeli (rupiah)", null=True, blank=True)
    fee = models.PositiveIntegerField("biaya layanan (rupiah)", default=0)
    received = models.PositiveIntegerField("diterima (rupiah)", null=True, blank=True)  # rupiah the gateway confirmed
    qr = EncryptedTextField(column_name="payment.qr", null=True)
    # the earlier of our hold and the gateway's own
    pay_before = models.DateTimeField("batas bayar", null=True, blank=True)
    shown_at = models.DateTimeField("QR ditampilkan", null=True, blank=True)
    # last status call, shared by all askers
    asked_at = models.DateTimeField("terakhir ditanyakan", null=True, blank=True)
    # we told the gateway that nobody will pay
    cancel_asked_at = models.DateTimeField("minta dibatalkan", null=True, blank=True)
    # late, double, mismatch: money without a home yet
    review = models.CharField("perlu dicek", max_length=12, blank=True, default="")
    # its order ended because the gateway was sick, and the buyer waits to hear that it works again
    trouble_told = models.BooleanField(default=False)
    created_at = models.DateTimeField("dibuat", db_default=ShopNow())
    confirmed_at = models.DateTimeField("diterima pada", null=True, blank=True)
    closed_at = models.DateTimeField("selesai", null=True, blank=True)

    class Meta:
        verbose_name = "pembayaran"
        verbose_name_plural = "pembayaran"
        indexes = [
            due_index("payment_due"),
            dead_index("payment_dead"),
            models.Index(fields=["gateway", "transaction"], name="payment_transaction", condition=~Q(transaction="")),
            models.Index(fields=["id"], name="payment_uncreated", condition=Q(state="created")),
            models.Index(fields=["review"], name="payment_review", condition=~Q(review="")),
            models.Index(fields=["id"], name="payment_waits", condition=Q(state="failed", trouble_told=True)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(received__isnull=False, confirmed_at__isnull=False),
                name="confirmed_has_money",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def buyer_paid(self) -> int | None:
        """Rupiah that left the buyer's account, fee included; what the gateway told when it is another amount."""
        return self.total_payment if self.received == self.amount else self.received


class GatewayEvent(Claimable):
    """What somebody told us at a webhook: only a doorbell. Refused ones are kept with the reason."""

    BELL = "apps.orders.tasks.settle_event"
    STEP = timedelta(seconds=15)
    LEASE = timedelta(seconds=30)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.CharField("lewat", max_length=20)
    accepted = models.BooleanField("dipercaya")
    reason = models.CharField("alasan", max_length=80, blank=True, default="")
    transaction = models.CharField("nomor di gateway", max_length=80, blank=True, default="")
    reference = models.CharField("nomor tagihan", max_length=80, blank=True, default="")
    status = models.CharField("isi kabar", max_length=40, blank=True, default="")
    body = EncryptedTextField(column_name="gateway_event.body")
    times = models.PositiveIntegerField("kali", default=1)
    asked = models.PositiveSmallIntegerField("kali ditanyakan", default=0)  # status calls this bell has caused
    stored_at = models.DateTimeField("disimpan", db_default=ShopNow())

    class Meta:
        verbose_name = "kabar gateway"
        verbose_name_plural = "kabar gateway"
        indexes = [
            due_index("event_due"),
            dead_index("event_dead"),
            models.Index(fields=["reference"], name="event_reference"),
            models.Index(fields=["-id"], name="event_refused", condition=Q(accepted=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "transaction", "status"], condition=Q(accepted=True), name="event_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.gateway} · {self.reference or self.reason}"


class RefusedCount(models.Model):
    """How many webhooks one gateway's address refused in one hour; only the first 100 are kept whole."""

    gateway = models.CharField(max_length=20)
    hour = models.DateTimeField()
    times = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "hour"], name="refused_once")]


class GatewayLane(models.Model):
    """How fast we may call one gateway for one purpose, over all processes; and its breaker."""

    name = models.CharField(primary_key=True, max_length=40)  # `pakasir:make`, `pakasir:ask`
    free_at = models.DateTimeField()  # database time of the next free slot
    failures = models.PositiveIntegerField(default=0)  # gateway-side, in a row
    open_until = models.DateTimeField(null=True, blank=True)  # the breaker lets nothing through before
