"""Everything of the shop in open formats: CSV, text and pictures in one zip, so that nobody is locked in."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from apps.base import audit
from apps.base.audit import AuditRow
from apps.base.clock import shop_now
from apps.base.fields import DAMAGED, shown
from apps.base.stored_settings import StoredSetting
from apps.bot.models import Chat
from apps.bot.testbuy_chat import without_synthetic
from apps.orders.importing.stock import RULER
from apps.orders.importing.table_files import FORMULA
from apps.orders.models import Category, LedgerEntry, Order, OrderLine, Payment, Product, Seat, StockUnit, Variant
from apps.orders.states import SeatState
from apps.orders.testbuy_product import real_products
from apps.snk.models import Dispatch, Terms

CHUNK = 500
SEPARATOR = "---"

README = """\
Everything of {store}, exported on {at}.

products.csv      can be read back with: manage.py importproducts products.csv
stock/*.txt       what is still for sale, each file to be read back with its own command:
{commands}
stock.csv         every unit and seat that ever was, with its state and order; what is held for an unpaid order at this
                  moment is only here
contents.csv      what is the same for every buyer
product_details.csv, variants.csv, categories.csv, customers.csv, orders.csv, order_lines.csv, payments.csv, ledger.csv,
terms.csv, terms_sent.csv, audit.csv, settings.json
pictures/         photos of products, named by product code
made/             files made by hand, named by order

CSV is UTF-8 with commas. A cell that a spreadsheet would take for a formula begins with a quote (').
Amounts are whole rupiah, times are ISO 8601 with their zone. This file holds goods and names: keep it like money.
"""

Rows = Iterator[list[Any]]
Watch = Callable[[Iterable[Any], str], Iterator[Any]]


def export_shop(target: Path, *, actor: str, watch: Watch) -> dict[str, int]:
    """Write the zip (mode 0600; under its final name only when it is whole). Returns rows written by table, and under
    `damaged` how many values did not open: DAMAGED stands for them, and no stock file or made file holds them.

    All tables show one moment, though the shop goes on selling.

    `watch` wraps each table's rows to show progress. Raises OSError.
    """
    part = target.with_name(target.name + ".part")
    counts: Counter[str] = Counter()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with (
            one_moment(),
            os.fdopen(descriptor, "wb") as out,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, (columns, rows) in TABLES.items():
                _write_table(archive, name, columns, watch(rows(), name), counts)
            commands = _write_stock(archive, watch)
            counts["stock files"] = len(commands)
            _write_made(archive, watch, counts)
            counts["pictures"] = _write_pictures(archive, watch)
            values = {row.name: row.value for row in StoredSetting.objects.order_by("name")}
            archive.writestr("settings.json", json.dumps(values, indent=1, ensure_ascii=False))
            told = "\n".join(f"    {line}" for line in commands) or "    (nothing is for sale)"
            archive.writestr(
                "README.txt", README.format(store=settings.STORE_NAME, at=shop_now().isoformat(), commands=told)
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    said: dict[str, Any] = {name.replace(" ", "_"): n for name, n in counts.items()}
    audit.append("shop.exported", "shop", actor=actor, **said)
    return counts


@contextmanager
def one_moment() -> Iterator[None]:
    """Every query inside sees the database as it was at the first."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def guarded(value: Any) -> str:
    """A cell: times as ISO 8601, nothing as empty, and no text that is a formula (a negative amount is none)."""
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def _write_table(
    archive: zipfile.ZipFile, name: str, columns: list[str], rows: Iterable[list[Any]], counts: Counter[str]
) -> None:
    with archive.open(f"{name}.csv", "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([guarded(value) for value in row])
            counts[name] += 1
            counts["damaged"] += row.count(DAMAGED)


def _each(rows: QuerySet[Any]) -> Iterator[Any]:
    return rows.iterator(chunk_size=CHUNK)


def _variants_on_the_shelf() -> QuerySet[Variant]:
    every = Variant.objects.select_related("product").order_by("product__code", "position", "id")
    return real_products(every, "product__code")


def _products() -> Rows:
    for v in _each(_variants_on_the_shelf().select_related("product__category")):
        p = v.product
        yield [p.code, p.name, v.price, p.description, p.category.name if p.category else "", p.terms, p.kind, v.name,
               v.duration_days, v.seats_per_unit, v.cost, p.min_quantity, p.max_quantity, p.warranty_days, p.account_fields,
               json.dumps(p.questions, ensure_ascii=False) if p.questions else "", p.promised_minutes, v.content_limit,
               int(v.is_active and p.is_active)]  # fmt: skip


def _details() -> Rows:
    for p in _each(real_products(Product.objects.order_by("code"))):
        yield [p.code, p.account_fields, json.dumps(p.questions, ensure_ascii=False), p.promised_minutes, p.is_active,
               p.is_hidden, p.position]  # fmt: skip


def _variants() -> Rows:
    for v in _each(_variants_on_the_shelf()):
        yield [v.product.code, v.name, v.price, v.is_active, v.content_limit, v.position]


def _contents() -> Rows:
    """Units without seats: what every buyer of a content gets."""
    bare = (
        real_products(StockUnit.objects.filter(seats__isnull=True), "product__code")
        .select_related("variant__product")
        .order_by("id")
    )
    for unit in _each(bare):
        yield [unit.variant.product.code, unit.variant.name, shown(unit, "content"), unit.added_at, unit.withdrawn_at]


def _terms_sent() -> Rows:
    rows = Dispatch.objects.select_related("order", "product", "terms").order_by("id")
    for sent in _each(rows):
        yield [sent.order.number, sent.product.code, sent.terms.version, sent.queued_at]


def _seats() -> Rows:
    rows = Seat.objects.select_related("unit", "variant__product", "line__order").order_by("variant_id", "sequence")
    for s in _each(rows):
        number = s.line.order.number if s.line else ""
        yield [s.variant.product.code, s.variant.name, shown(s.unit, "content"), s.number, shown(s, "label"), s.state, number,
               s.unit.added_at, s.sold_at, stock_file(s.variant)]  # fmt: skip


def _customers() -> Rows:
    for c in _each(without_synthetic(Chat.objects.order_by("id"), "")):
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
    for o in _each(without_synthetic(Order.objects.select_related("buyer").order_by("id"), "buyer")):
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
    for n in _each(rows):
        answers = shown(n, "answers")
        if answers != DAMAGED:
            answers = json.dumps(answers, ensure_ascii=False) if answers else ""
        yield [n.order.number, n.product.code, n.variant.name, n.name, n.price, n.quantity, n.state, answers, shown(n, "made_text"),
               n.promised_at, n.sent_at, n.ends_at, n.ended_at, n.renews.order.number if n.renews else "", shown(n, "refund_to"),
               n.refunded_at]  # fmt: skip


def _payments() -> Rows:
    for p in _each(Payment.objects.select_related("order").order_by("id")):
        yield [p.reference, p.order.number, p.gateway, p.transaction, p.state, p.amount, p.total_payment, p.fee, p.received,
               p.review, p.created_at, p.confirmed_at, p.closed_at]  # fmt: skip


def _ledger() -> Rows:
    for e in _each(LedgerEntry.objects.select_related("order", "payment").order_by("id")):
        yield [e.at, e.account, e.amount, e.currency, e.order and e.order.number, e.payment and e.payment.reference]


def _terms() -> Rows:
    for t in _each(Terms.objects.select_related("product").order_by("product__code", "version")):
        yield [t.product.code, t.version, t.text, t.made_at]


def _audit() -> Rows:
    for row in _each(AuditRow.objects.order_by("id")):
        yield [row.at, row.actor, row.kind, row.subject, json.dumps(row.data, ensure_ascii=False), bytes(row.mac).hex()]


TABLES: dict[str, tuple[list[str], Callable[[], Rows]]] = {
    "products": (
        ["code", "name", "price", "description", "category", "terms", "kind", "variant", "duration_days", "seats", "cost",
         "min", "max", "warranty_days", "account_fields", "questions", "promised_minutes", "content_limit", "on_sale"],
        _products,
    ),
    "variants": (["code", "name", "price", "is_active", "content_limit", "position"], _variants),
    "contents": (["code", "variant", "content", "added_at", "withdrawn_at"], _contents),
    "terms_sent": (["order", "code", "version", "queued_at"], _terms_sent),
    "product_details": (
        ["code", "account_fields", "questions", "promised_minutes", "is_active", "is_hidden", "position"], _details,
    ),
    "categories": (["name", "emoji", "position"],
                   lambda: ([c.name, c.emoji, c.position] for c in Category.objects.order_by("position"))),
    "stock": (["code", "variant", "content", "seat", "label", "state", "order", "added_at", "sold_at", "file"], _seats),
    "customers": (["telegram_id", "name", "balance", "note", "language", "kind", "first_seen_at", "blocked_at"], _customers),
    "orders": (["number", "telegram_id", "state", "total", "review", "created_at", "expires_at", "paid_at", "ended_at"], _orders),
    "order_lines": (
        ["order", "code", "variant", "name", "price", "quantity", "state", "answers", "made_text", "promised_at", "sent_at",
         "ends_at", "ended_at", "renews", "refund_to", "refunded_at"], _lines,
    ),
    "payments": (
        ["reference", "order", "gateway", "transaction", "state", "amount", "total_payment", "fee", "received", "review",
         "created_at", "confirmed_at", "closed_at"], _payments,
    ),
    "ledger": (["at", "account", "amount", "currency", "order", "payment"], _ledger),
    "terms": (["code", "version", "text", "made_at"], _terms),
    "audit": (["at", "actor", "kind", "subject", "data", "mac"], _audit),
}  # fmt: skip


def stock_file(variant: Variant) -> str:
    """Where a variant's unsold stock stands in the zip."""
    return f"stock/{variant.product.code}-{variant.pk}.txt"


def _write_stock(archive: zipfile.ZipFile, watch: Watch) -> list[str]:
    """What is still for sale, verbatim; returns the command that reads each file back."""
    commands = []
    for variant in watch(Variant.objects.select_related("product").order_by("id"), "stock files"):
        blocks = list(_unsold(variant))
        if not blocks:
            continue
        name = stock_file(variant)
        command = f"manage.py importstock {variant.product.code} {name}"
        if variant.name:
            command += f" --variant {shlex.quote(variant.name)}"
        if variant.product.sold_as.shared or any("\n" in block or RULER.fullmatch(block.strip()) for block in blocks):
            ruler = _ruler(blocks)
            archive.writestr(name, f"\n{ruler}\n".join(blocks) + "\n")
            command += f" --separator={ruler}"
        else:
            archive.writestr(name, "\n".join(blocks) + "\n")
        commands.append(command)
    return commands


def _ruler(blocks: list[str]) -> str:
    """A line that stands in no unit."""
    lines = {line.strip() for block in blocks for line in block.split("\n")}
    ruler = SEPARATOR
    while ruler in lines:
        ruler += "-"
    return ruler


def _unsold(variant: Variant) -> Iterator[str]:
    """Each unit that has seats for sale; of a shared account the seats that are free, a line each."""
    units = StockUnit.objects.filter(variant=variant, off_sale_at__isnull=True, seats__state=SeatState.AVAILABLE)
    for unit in _each(units.distinct().prefetch_related("seats").order_by("id")):
        seats = sorted(unit.seats.all(), key=lambda seat: seat.number)
        free = [seat for seat in seats if seat.state == SeatState.AVAILABLE]
        content, labels = shown(unit, "content"), [label for seat in free if (label := shown(seat, "label"))]
        if DAMAGED in (content, *labels):
            continue  # nobody could use it
        if not labels and len(free) < len(seats):
            labels = [f"Slot {seat.number}" for seat in free]
        yield "\n".join([content, *labels])


def _write_made(archive: zipfile.ZipFile, watch: Watch, counts: Counter[str]) -> None:
    made = OrderLine.objects.filter(made_file__isnull=False).select_related("order").order_by("id")
    for line in watch(_each(made), "files made"):
        content = shown(line, "made_file")
        if content == DAMAGED:
            counts["damaged"] += 1
            continue
        name = f"made/{line.order.number}-{line.pk.hex[-6:]}-{Path(line.made_file_name or 'barang').name}"
        archive.writestr(name, bytes(content))
        counts["files made"] += 1


def _write_pictures(archive: zipfile.ZipFile, watch: Watch) -> int:
    count = 0
    for product in watch(Product.objects.filter(picture__isnull=False).select_related("picture"), "pictures"):
        if product.picture is not None:
            archive.writestr(f"pictures/{product.code}.jpg", bytes(product.picture.content))
            count += 1
    return count
