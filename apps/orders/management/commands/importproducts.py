"""`importproducts FILE`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand, UsedWrongly
from apps.orders.importing.pasted_lists import lines_left_out
from apps.orders.importing.products import check_products, import_products, prices_before
from apps.orders.importing.table_files import BadFile
from apps.orders.importing.terminal_preview import ask, show


class Command(ShopCommand):
    help = (
        "Add or change products from a table (.csv with comma, semicolon or tab, or .xlsx). Columns: code, name, price,"
        " description, category, terms; optional kind, variant, duration_days, seats, cost, min, max, warranty_days,"
        " account_fields, questions, promised_minutes, content_limit, on_sale. With --clean, from a price list pasted"
        " from WhatsApp: one product a line, a line without a price is a category."
    )
    example = "manage.py importproducts produk.csv · manage.py importproducts daftar.txt --clean --preview"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the table; - reads standard input")
        parser.add_argument("--clean", action="store_true", help="the file is a pasted price list, not a table")
        parser.add_argument("--preview", action="store_true", help="show what would come of it, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        raw, pasted = self.read_file(options["file"]), options["clean"]
        try:
            if options["preview"] or pasted:
                entries = check_products(raw, pasted=pasted)
                rows = [
                    (e.row.get("category"), e.row.get("name"), e.row.get("variant"), _price(e.price, was))
                    for e, was in zip(entries, prices_before(entries), strict=True)
                ]
                show(self, rows, f"{len(entries)} products")
                for line in lines_left_out(raw) if pasted else ():
                    self.stdout.write(f"Left out: {line}")
                if options["preview"] or not ask(self, options["file"]):
                    return
            done = import_products(raw, actor="manage.py", pasted=pasted)
        except BadFile as error:
            raise UsedWrongly(f"Nothing was imported.\n{error}") from error
        self.stdout.write(
            f"products: {done.products_added} added, {done.products_changed} changed; "
            f"variants: {done.variants_added} added, {done.variants_changed} changed"
        )


def _price(price: int, was: int | None) -> str:
    """The new price, and what it was where it changes."""
    if was is None:
        return f"Rp{price:,} (new)"
    return f"Rp{price:,}" if price == was else f"Rp{was:,} → Rp{price:,}"
