"""The synthetic buyer's hidden product: free, the same for everybody, seen by nobody else."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from apps.orders.kinds import Content
from apps.orders.models import Product, StockUnit, Variant
from apps.orders.models.stock import content_hash
from apps.orders.services import stock

CODE = "autoorder-uji"


def real_products(rows: QuerySet[Any], code: str = "code") -> QuerySet[Any]:
    """What people can buy; `code` is the way from a row to its product's code."""
    return rows.exclude(**{code: CODE})


def free_variant() -> Variant:
    """The variant that costs nothing, made when it is missing and mended when somebody changed it."""
    with transaction.atomic():
        wanted: dict[str, Any] = {
            "is_active": True,
            "kind": Content.word,
            "terms": "",
            "questions": [],
            "min_quantity": 1,
        }
        product, _ = Product.objects.update_or_create(
            code=CODE, defaults={**wanted, "name": "Pembeli uji", "is_hidden": True}
        )
        variant, _ = Variant.objects.update_or_create(
            product=product, name="", defaults={"price": 0, "is_active": True, "content_limit": None}
        )
        if stock.content_unit(variant) is None:
            StockUnit.objects.create(product=product, variant=variant, content="uji", content_hash=content_hash("uji"))
        return variant
