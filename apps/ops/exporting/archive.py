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

from apps.base import audit
from apps.base.clock import shop_now
from apps.base.fields import DAMAGED, shown
from apps.base.stored_settings import StoredSetting
from apps.ops.exporting.tables import TABLES, each, stock_file
from apps.orders.importing.stock import RULER
from apps.orders.importing.table_files import FORMULA
from apps.orders.models import OrderLine, Product, StockUnit, Variant
from apps.orders.states import SeatState

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
    for unit in each(units.distinct().prefetch_related("seats").order_by("id")):
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
    for line in watch(each(made), "files made"):
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
