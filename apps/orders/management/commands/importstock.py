"""`importstock CODE FILE`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand, UsedWrongly
from apps.orders.importing.stock import NoSuchVariant, choose_variant, import_stock, parse_units
from apps.orders.importing.tables import BadFile
from apps.orders.models import Product


class Command(ShopCommand):
    help = "Add stock to a product: one unit a line. Duplicates are skipped; a bad file is refused whole."
    example = "manage.py importstock netflix akun.txt --variant '1 bulan'"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", metavar="CODE", help="the product's code")
        parser.add_argument("file", metavar="FILE", help="the stock; - reads standard input")
        parser.add_argument("--variant", help="which variant, when the product has several")
        parser.add_argument("--separator", help="the line between units of several lines, such as ---")
        parser.add_argument("--clean", action="store_true", help="trim numbering, bullets and invisible characters")

    def handle(self, *args: Any, **options: Any) -> None:
        product = Product.objects.filter(code__iexact=options["code"]).first()
        if product is None:
            raise UsedWrongly(f"There is no product with the code {options['code']!r}.")
        raw = self.read_file(options["file"])
        try:
            variant = choose_variant(product, options["variant"])
            units = parse_units(raw, variant=variant, separator=options["separator"], clean=options["clean"])
            done = import_stock(units, variant=variant, actor="manage.py")
        except NoSuchVariant as error:
            raise UsedWrongly(f"{error}.") from error
        except BadFile as error:
            raise UsedWrongly(f"Nothing was imported.\n{error}") from error
        self.stdout.write(f"added {done.added}, skipped {done.skipped}")
