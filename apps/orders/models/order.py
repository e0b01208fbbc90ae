"""Orders and their lines."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import models
from django.db.models import Q

from apps.base.clock import ShopNow
from apps.base.fields import EncryptedBytesField, EncryptedJSONField, EncryptedTextField
from apps.base.ids import uuid7
from apps.base.work.claimable import Claimable, dead_index, due_index
from apps.bot.models import Chat
from apps.orders.models.catalogue import Product, Variant
from apps.orders.models.stock import StockUnit
from apps.orders.states import LineState, OrderState

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is misread or misheard


def order_number() -> str:
    """`AO-7F3K2X`: short enough to say on the phone, random so that nobody counts our sales."""
    return "AO-" + "".join(secrets.choice(ALPHABET) for _ in range(6))


def order_token() -> str:
    return secrets.token_urlsafe(24)


class Order(Claimable):
    """What one buyer asked for. While it awaits payment its `next_at` is the deadline."""

    BELL = "apps.orders.tasks.tend_order"
    STEP = timedelta(seconds=30)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.CharField("nomor", max_length=12, unique=True, default=order_number)
    buyer = models.ForeignKey(Chat, on_delete=models.PROTECT, related_name="orders", verbose_name="pembeli")
    state = models.CharField("status", max_length=20, choices=OrderState, default=OrderState.AWAITING_PAYMENT)
    total = models.PositiveIntegerField("total (rupiah)")
    token = models.CharField(max_length=40, unique=True, default=order_token)
    review = models.CharField("alasan dicek", max_length=20, blank=True, default="")
    created_at = models.DateTimeField("dibuat", db_default=ShopNow())
    expires_at = models.DateTimeField("batas bayar")
    paid_at = models.DateTimeField("dibayar", null=True, blank=True)
    ended_at = models.DateTimeField("ditutup", null=True, blank=True)  # expired or cancelled: the hold on stock ended

    class Meta:
        verbose_name = "pesanan"
        verbose_name_plural = "pesanan"
        indexes = [
            due_index("order_due"),
            dead_index("order_dead"),
            models.Index(fields=["buyer", "-created_at"], name="order_of_buyer"),
            models.Index(fields=["buyer"], name="order_open", condition=Q(state="awaiting_payment")),
            models.Index(fields=["paid_at"], name="order_paid", condition=Q(paid_at__isnull=False)),
            models.Index(fields=["state"], name="order_in_work", condition=Q(state__in=["paid", "needs_review"])),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["paid", "delivered"]) | Q(paid_at__isnull=False), name="paid_has_a_time"
            )
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(Claimable):
    """One variant in an order; fulfilment lives here. `next_at` is the next reminder, end of a duration, or promise."""

    BELL = "apps.orders.tasks.tend_line"
    STEP = timedelta(minutes=5)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=110)  # as it was called when it was bought
    price = models.PositiveIntegerField()  # rupiah for one; 0 is the synthetic buyer's
    quantity = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=14, choices=LineState, default=LineState.WAITING)
    content = models.ForeignKey(StockUnit, null=True, on_delete=models.PROTECT, related_name="+")
    answers = EncryptedJSONField(column_name="order_line.answers", null=True)
    made_text = EncryptedTextField(column_name="order_line.made_text", null=True)
    made_file = EncryptedBytesField(column_name="order_line.made_file", null=True)
    made_file_name = models.CharField(max_length=80, blank=True, default="")
    duration_days = models.PositiveSmallIntegerField(null=True, blank=True)
    # goes on with its seats
    renews = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="renewals")
    promised_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True)  # half of a promise, or some days before the end
    # where the buyer wants the money back
    refund_to = EncryptedTextField(column_name="order_line.refund_to", null=True)
    refunded_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    # the seller changed the account and the holder could not be told
    untold = models.BooleanField(default=False)

    class Meta:
        verbose_name = "baris pesanan"
        verbose_name_plural = "baris pesanan"
        indexes = [
            due_index("line_due"),
            dead_index("line_dead"),
            models.Index(
                fields=["state"], name="line_in_work", condition=Q(state__in=["allocated", "by_hand", "undeliverable"])
            ),
            models.Index(fields=["id"], name="line_untold", condition=Q(untold=True)),
            models.Index(fields=["id"], name="line_owed", condition=Q(state="returned", refunded_at__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "variant"], name="line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="line_amounts"),
        ]

    @property
    def amount(self) -> int:
        """Rupiah for the whole line."""
        return self.price * self.quantity

    def __str__(self) -> str:
        return f"{self.name} × {self.quantity}"


class StockAlert(models.Model):
    """Somebody wants to hear when a variant can be bought again. Told once, then gone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="+")
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["variant", "chat"], name="stock_alert_once")]


class CartItem(models.Model):
    """What a buyer has put aside; holds no stock."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="cart")
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="+")
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chat", "variant"], name="cart_item_once")]

    @property
    def subtotal(self) -> int:
        """Rupiah at today's price."""
        return self.variant.price * self.quantity
