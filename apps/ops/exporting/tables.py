"""What an export holds: each table's columns and its rows, one by one, whatever their number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet

from apps.base.audit import AuditRow
from apps.base.fields import DAMAGED, shown
from apps.bot.models import Chat
from apps.bot.testbuy_chat import without_synthetic
from apps.orders.models import Category, LedgerEntry, Order, OrderLine, Payment, Product, Seat, StockUnit, Variant
from apps.orders.testbuy_product import real_products
from apps.snk.models import Dispatch, Terms

CHUNK = 500

Rows = Iterator[list[Any]]


def stock_file(variant: Variant) -> str:
    """Where a variant's unsold stock stands in the zip."""
    return f"stock/{variant.product.code}-{variant.pk}.txt"


def each(rows: QuerySet[Any]) -> Iterator[Any]:
    return rows.iterator(chunk_size=CHUNK)


def _variants_on_the_shelf() -> QuerySet[Variant]:
    every = Variant.objects.select_related("product").order_by("product__code", "position", "id")
    return real_products(every, "product__code")


def _products() -> Rows:
    for v in each(_variants_on_the_shelf().select_related("product__category")):
        p = v.product
        yield [
            p.code,
            p.name,
            v.price,
            p.description,
            p.category.name if p.category else "",
            p.terms,
            p.kind,
            v.name,
            v.duration_days,
            v.seats_per_unit,
            v.cost,
            p.min_quantity,
            p.max_quantity,
            p.warranty_days,
            p.account_fields,
            json.dumps(p.questions, ensure_ascii=False) if p.questions else "",
            p.promised_minutes,
            v.content_limit,
            int(v.is_active and p.is_active),
        ]


def _details() -> Rows:
    for p in each(real_products(Product.objects.order_by("code"))):
        yield [p.code, p.account_fields, json.dumps(p.questions, ensure_ascii=False), p.promised_minutes, p.is_active,
               p.is_hidden, p.position]  # fmt: skip


def _variants() -> Rows:
    for v in each(_variants_on_the_shelf()):
        yield [v.product.code, v.name, v.price, v.is_active, v.content_limit, v.position]


def _contents() -> Rows:
    """Units without seats: what every buyer of a content gets."""
    bare = (
        real_products(StockUnit.objects.filter(seats__isnull=True), "product__code")
        .select_related("variant__product")
        .order_by("id")
    )
    for unit in each(bare):
        yield [unit.variant.product.code, unit.variant.name, shown(unit, "content"), unit.added_at, unit.withdrawn_at]


def _terms_sent() -> Rows:
    rows = Dispatch.objects.select_related("order", "product", "terms").order_by("id")
    for sent in each(rows):
        yield [sent.order.number, sent.product.code, sent.terms.version, sent.queued_at]


def _seats() -> Rows:
    rows = Seat.objects.select_related("unit", "variant__product", "line__order").order_by("variant_id", "sequence")
    for s in each(rows):
        number = s.line.order.number if s.line else ""
        yield [
            s.variant.product.code,
            s.variant.name,
            shown(s.unit, "content"),
            s.number,
            shown(s, "label"),
            s.state,
            number,
            s.unit.added_at,
            s.sold_at,
            stock_file(s.variant),
        ]


def _customers() -> Rows:
    for c in each(without_synthetic(Chat.objects.order_by("id"), "")):
        yield [
            shown(c, "telegram_id"),
            shown(c, "name"),
            0,
            shown(c, "username"),
            c.language,
            c.kind,
            c.first_seen_at,
            c.blocked_at,
        ]


def _orders() -> Rows:
    for o in each(without_synthetic(Order.objects.select_related("buyer").order_by("id"), "buyer")):
        yield [
            o.number,
            shown(o.buyer, "telegram_id"),
            o.state,
            o.total,
            o.review,
            o.created_at,
            o.expires_at,
            o.paid_at,
            o.ended_at,
        ]


def _lines() -> Rows:
    every = OrderLine.objects.select_related("order", "product", "variant", "renews__order").order_by("id")
    rows = real_products(every, "product__code")
    for n in each(rows):
        answers = shown(n, "answers")
        if answers != DAMAGED:
            answers = json.dumps(answers, ensure_ascii=False) if answers else ""
        yield [
            n.order.number,
            n.product.code,
            n.variant.name,
            n.name,
            n.price,
            n.quantity,
            n.state,
            answers,
            shown(n, "made_text"),
            n.promised_at,
            n.sent_at,
            n.ends_at,
            n.ended_at,
            n.renews.order.number if n.renews else "",
            shown(n, "refund_to"),
            n.refunded_at,
        ]


def _payments() -> Rows:
    for p in each(Payment.objects.select_related("order").order_by("id")):
        yield [
            p.reference,
            p.order.number,
            p.gateway,
            p.transaction,
            p.state,
            p.amount,
            p.total_payment,
            p.fee,
            p.received,
            p.review,
            p.created_at,
            p.confirmed_at,
            p.closed_at,
        ]


def _ledger() -> Rows:
    for e in each(LedgerEntry.objects.select_related("order", "payment").order_by("id")):
        yield [e.at, e.account, e.amount, e.currency, e.order and e.order.number, e.payment and e.payment.reference]


def _terms() -> Rows:
    for t in each(Terms.objects.select_related("product").order_by("product__code", "version")):
        yield [t.product.code, t.version, t.text, t.made_at]


def _audit() -> Rows:
    for row in each(AuditRow.objects.order_by("id")):
        yield [row.at, row.actor, row.kind, row.subject, json.dumps(row.data, ensure_ascii=False), bytes(row.mac).hex()]


TABLES: dict[str, tuple[list[str], Callable[[], Rows]]] = {
    "products": (
        [
            "code",
            "name",
            "price",
            "description",
            "category",
            "terms",
            "kind",
            "variant",
            "duration_days",
            "seats",
            "cost",
            "min",
            "max",
            "warranty_days",
            "account_fields",
            "questions",
            "promised_minutes",
            "content_limit",
            "on_sale",
        ],
        _products,
    ),
    "variants": (["code", "name", "price", "is_active", "content_limit", "position"], _variants),
    "contents": (["code", "variant", "content", "added_at", "withdrawn_at"], _contents),
    "terms_sent": (["order", "code", "version", "queued_at"], _terms_sent),
    "product_details": (
        ["code", "account_fields", "questions", "promised_minutes", "is_active", "is_hidden", "position"],
        _details,
    ),
    "categories": (
        ["name", "emoji", "position"],
        lambda: ([c.name, c.emoji, c.position] for c in Category.objects.order_by("position")),
    ),
    "stock": (["code", "variant", "content", "seat", "label", "state", "order", "added_at", "sold_at", "file"], _seats),
    "customers": (
        ["telegram_id", "name", "balance", "note", "language", "kind", "first_seen_at", "blocked_at"],
        _customers,
    ),
    "orders": (
        ["number", "telegram_id", "state", "total", "review", "created_at", "expires_at", "paid_at", "ended_at"],
        _orders,
    ),
    "order_lines": (
        [
            "order",
            "code",
            "variant",
            "name",
            "price",
            "quantity",
            "state",
            "answers",
            "made_text",
            "promised_at",
            "sent_at",
            "ends_at",
            "ended_at",
            "renews",
            "refund_to",
            "refunded_at",
        ],
        _lines,
    ),
    "payments": (
        [
            "reference",
            "order",
            "gateway",
            "transaction",
            "state",
            "amount",
            "total_payment",
            "fee",
            "received",
            "review",
            "created_at",
            "confirmed_at",
            "closed_at",
        ],
        _payments,
    ),
    "ledger": (["at", "account", "amount", "currency", "order", "payment"], _ledger),
    "terms": (["code", "version", "text", "made_at"], _terms),
    "audit": (["at", "actor", "kind", "subject", "data", "mac"], _audit),
}
