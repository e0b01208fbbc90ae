"""Units of stock and their seats. What is sold is always a seat; a plain unit has one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.base.clock import ShopNow
from apps.base.fields import EncryptedTextField
from apps.base.ids import sequence_number, uuid7
from apps.base.normalize_text import same_goods
from apps.base.sealing import lookup_hash
from apps.orders.models.catalogue import Product, Variant
from apps.orders.states import SeatState


def content_hash(content: str) -> bytes:
    """The lookup column by which a duplicate is found, however its spaces and hidden characters differ (33 bytes)."""
    return lookup_hash("stock_unit", same_goods(content))


class StockUnit(models.Model):
    """One account, code or file content. Encrypted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.ForeignKey(Product, verbose_name="produk", on_delete=models.PROTECT, related_name="units")
    variant = models.ForeignKey(Variant, verbose_name="varian", on_delete=models.PROTECT, related_name="units")
    content = EncryptedTextField(column_name="stock_unit.content")
    content_hash = models.BinaryField(max_length=33)
    # the seller took it back: no seat is sold any more
    off_sale_at = models.DateTimeField("berhenti dijual", null=True, blank=True)
    # and none of its seats was ever given to a buyer
    withdrawn_at = models.DateTimeField("ditarik", null=True, blank=True)
    added_at = models.DateTimeField("ditambahkan", db_default=ShopNow())

    class Meta:
        verbose_name = "isi stok"
        verbose_name_plural = "isi stok"
        constraints = [
            models.UniqueConstraint(
                fields=["product", "content_hash"], condition=Q(withdrawn_at__isnull=True), name="unit_once"
            )
        ]

    def __str__(self) -> str:
        return f"…{self.pk.hex[-8:]}"


class Seat(models.Model):
    """What one buyer gets of a unit. The oldest is sold first, by `sequence`: a column of its own, so that the planner
    cannot walk the primary key over everything that was ever sold."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    unit = models.ForeignKey(StockUnit, on_delete=models.PROTECT, related_name="seats")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="seats")
    number = models.PositiveSmallIntegerField(default=1)
    sequence = models.BigIntegerField(default=sequence_number, editable=False)
    label = EncryptedTextField(column_name="seat.label", null=True)  # its own line, such as profile and PIN
    is_shared = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=SeatState, default=SeatState.AVAILABLE)
    line = models.ForeignKey("orders.OrderLine", null=True, on_delete=models.PROTECT, related_name="seats")
    sold_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "slot"
        verbose_name_plural = "slot"
        indexes = [
            models.Index(fields=["variant", "sequence"], name="seat_available", condition=Q(state="available")),
            models.Index(fields=["variant"], name="seat_reserved", condition=Q(state="reserved")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["unit", "number"], name="seat_once"),
            models.CheckConstraint(
                condition=Q(state__in=["reserved", "sold"], line__isnull=False)
                | Q(state__in=["available", "withdrawn"], line__isnull=True)
                | Q(state="quarantined"),
                name="seat_bound_when_taken",
            ),
            models.CheckConstraint(condition=~Q(state="sold") | Q(sold_at__isnull=False), name="sold_has_a_time"),
        ]
        # plain_stays_sold and seats_are_kept (migrations): a plain unit once sold stays sold, and no seat is ever
        # deleted

    def __str__(self) -> str:
        return f"{self.number} · {self.get_state_display()}"
