"""The ledger: append-only lines of whole rupiah."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.base.clock import ShopNow
from apps.base.ids import uuid7
from apps.base.triggers import append_only
from apps.orders.models.order import Order
from apps.orders.models.payment import Payment


class LedgerEntry(models.Model):
    """One line. Sources (money confirmed, opening balances, vouchers, credit used) equal uses, to the last unit."""

    class Account(models.TextChoices):
        CONFIRMED = "confirmed", "Uang masuk"
        OPENING = "opening", "Saldo awal"
        VOUCHER = "voucher", "Voucher"
        CREDIT_USED = "credit_used", "Saldo dipakai"
        DELIVERED = "delivered", "Barang terkirim"
        CREDIT_GIVEN = "credit_given", "Saldo diberikan"
        REFUNDED = "refunded", "Dikembalikan"
        HELD = "held", "Ditahan"
        FEE = "fee", "Biaya gateway"  # beside the sum

    SOURCES = ("confirmed", "opening", "voucher", "credit_used")
    USES = ("delivered", "credit_given", "refunded", "held")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField("waktu", db_default=ShopNow())
    account = models.CharField("pos", max_length=14, choices=Account)
    amount = models.BigIntegerField("jumlah (rupiah)")
    currency = models.CharField("mata uang", max_length=3, default="IDR")
    order = models.ForeignKey(Order, verbose_name="pesanan", null=True, on_delete=models.PROTECT, related_name="ledger")
    payment = models.ForeignKey(
        Payment, verbose_name="pembayaran", null=True, on_delete=models.PROTECT, related_name="ledger"
    )

    class Meta:
        verbose_name = "baris buku kas"
        verbose_name_plural = "buku kas"
        constraints = [models.CheckConstraint(condition=~Q(amount=0), name="ledger_amount")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.get_account_display()} {self.amount}"
