"""`importproducts FILE`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand, UsedWrongly
from apps.orders.importing.products import import_products
from apps.orders.importing.tables import BadFile


class Command(ShopCommand):
    help = (
        "Add or change products from a table (.csv with comma, semicolon or tab, or .xlsx). Columns: code, name, price, "
        "description, category, terms; optional kind, variant, duration_days, seats, cost, min, max, warranty_days."
    )
    example = "manage.py importproducts produk.csv"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the table; - reads standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = import_products(self.read_file(options["file"]), actor="manage.py")
        except BadFile as error:
            raise UsedWrongly(f"Nothing was imported.\n{error}") from error
        self.stdout.write(
            f"products: {done.products_added} added, {done.products_changed} changed; "
            f"variants: {done.variants_added} added, {done.variants_changed} changed"
        )
