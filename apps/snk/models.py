"""SNK: the terms of a product, in versions, and to which order they went."""

from __future__ import annotations

from django.db import models

from apps.base.clock import ShopNow
from apps.base.ids import uuid7
from apps.orders.models import Order, Product


class Terms(models.Model):
    """One version of a product's SNK. Never changed: a new text is a new version."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.ForeignKey(Product, verbose_name="produk", on_delete=models.PROTECT, related_name="terms_versions")
    version = models.PositiveIntegerField("versi")
    text = models.TextField("isi")
    made_at = models.DateTimeField("dibuat", db_default=ShopNow())

    class Meta:
        verbose_name = "SNK"
        verbose_name_plural = "SNK"
        constraints = [models.UniqueConstraint(fields=["product", "version"], name="terms_version_once")]

    def __str__(self) -> str:
        return f"{self.product} v{self.version}"


class Dispatch(models.Model):
    """The SNK of one product sent for one order, once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="dispatches")
    terms = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    queued_at = models.DateTimeField(db_default=ShopNow())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "product"], name="dispatch_once")]
