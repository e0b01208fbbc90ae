"""The demo catalogue of the sandbox: what a small Indonesian shop sells. Nothing here is real."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from apps.base.work.deferred_calls import send_errand
from apps.bot.dialogue.texts import CONTACT
from apps.bot.pictures import keep_picture
from apps.orders.demo.demo_products import PRODUCTS, DemoProduct
from apps.orders.demo.pictures import draw
from apps.orders.kinds import KINDS
from apps.orders.models import Category, Product, Variant
from apps.orders.services import stock
from apps.orders.services.stock import NewUnit


def seed() -> int:
    """Fill an empty shop; a shop with products is left alone. Returns how many products were made."""
    if Product.objects.exists():
        return 0
    with transaction.atomic():
        for position, demo in enumerate(PRODUCTS):
            _make(demo, position)
        CONTACT.set("WA 0812-0000-0000 (contoh)", actor="demo")
    return len(PRODUCTS)


def _make(demo: DemoProduct, position: int) -> None:
    category, _ = Category.objects.get_or_create(
        name=demo.category, defaults={"emoji": demo.emoji, "position": position}
    )
    product = Product.objects.create(
        code=demo.code, name=demo.name, description=demo.description, category=category, kind=demo.kind,
        picture=keep_picture(draw(demo.name, demo.colour)), terms=demo.terms,
        questions=demo.questions, position=position, max_quantity=demo.max_quantity,
    )  # fmt: skip
    for order, (name, price, days) in enumerate(demo.variants):
        variant = Variant.objects.create(
            product=product, name=name, price=price, duration_days=days, position=order, seats_per_unit=demo.seats or 1
        )
        _stock(demo, variant)
    send_errand(settings.TERMS_SET, product.pk)


def _stock(demo: DemoProduct, variant: Variant) -> None:
    tag = (variant.name or demo.code).replace(" ", "").lower()
    kind = KINDS[demo.kind]
    if kind.for_all:
        stock.set_content(variant=variant, content=demo.sample.format(n=1, tag=tag), actor="demo")
    elif kind.shared:
        labels = [f"Profil {n} | PIN {(n * 1117 + 3301) % 9000 + 1000}" for n in range(1, demo.seats + 1)]
        units = [NewUnit(demo.sample.format(n=n, tag=tag), labels) for n in range(1, demo.units + 1)]
        stock.add_units(variant=variant, units=units, actor="demo")
    elif kind.counted:
        units = [NewUnit(demo.sample.format(n=n, tag=tag)) for n in range(1, demo.units + 1)]
        stock.add_units(variant=variant, units=units, actor="demo")
