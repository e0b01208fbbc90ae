"""SNK: keeping versions, sending them after the goods."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.base import audit
from apps.bot.dialogue.texts import render
from apps.bot.models import OutboundMessage
from apps.bot.outbound import outbox
from apps.bot.outbound.message_limits import TEXT, seen
from apps.orders.models import Order, Product
from apps.orders.states import LineState
from apps.snk.models import Dispatch, Terms


def keep_terms(*, product_id: Any) -> Terms | None:
    """The version that says what the product's text says now, made when it is new. None without a text."""
    with transaction.atomic():
        product = Product.objects.select_for_update(no_key=True).get(pk=product_id)
        latest = Terms.objects.filter(product=product).order_by("-version").first()
        if not product.terms.strip():
            return None
        if latest is not None and latest.text == product.terms:
            return latest
        version = latest.version + 1 if latest else 1
        terms = Terms.objects.create(product=product, version=version, text=product.terms)
        audit.append("terms.version", f"product:{product.code}", version=version)
        return terms


def dispatch_terms(*, order_id: Any) -> int:
    """Queue the SNK of every product of the order whose goods are on their way, once each. Returns how many."""
    order = Order.objects.select_related("buyer").get(pk=order_id)
    on_the_way = order.lines.exclude(state__in=[LineState.WAITING, LineState.BY_HAND])
    products = {line.product_id: line.product for line in on_the_way.select_related("product").order_by("id")}
    sent = 0
    for product in products.values():
        terms = keep_terms(product_id=product.pk)
        if terms is not None:
            sent += _dispatch(order, product, terms)
    return sent


def _dispatch(order: Order, product: Product, terms: Terms) -> int:
    with transaction.atomic():
        made = Dispatch.objects.bulk_create(
            [Dispatch(order=order, product=product, terms=terms)], ignore_conflicts=True
        )
        if not Dispatch.objects.filter(pk=made[0].pk).exists():
            return 0
        text = render("terms", order.buyer.language, product=product.name, text=terms.text)
        long = seen(text) > TEXT
        if long:
            text = render("terms", order.buyer.language, product=product.name, text="")
        snk = OutboundMessage.Kind.SNK
        if long:
            payload = {"caption": text, "parse_mode": "HTML"}
            name = f"SNK-{product.code}.txt"
            outbox.send(order.buyer, "sendDocument", payload, kind=snk, file=terms.text.encode(), file_name=name)
        else:
            outbox.send_text(order.buyer, text, kind=snk)
        audit.append("terms.sent", f"order:{order.number}", version=terms.version, product=product.code)
    return 1
