"""`importstock CODE FILE`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand, UsedWrongly
from apps.orders.importing.stock import (
    NoSuchVariant,
    choose_variant,
    import_stock,
    known_units,
    parse_units,
    twins,
    unfitting,
)
from apps.orders.importing.table_files import BadFile
from apps.orders.importing.terminal_preview import ask, show
from apps.orders.models import Product, Variant
from apps.orders.services.stock import NewUnit


class Command(ShopCommand):
    help = (
        "Add stock to a product: one unit a line, or one row of an .xlsx (cells joined by |). "
        "Duplicates are skipped; a bad file is refused whole."
    )
    example = (
        "manage.py importstock netflix akun.txt --variant '1 bulan' · manage.py importstock netflix wa.txt --clean"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", metavar="CODE", help="the product's code")
        parser.add_argument("file", metavar="FILE", help="the stock; - reads standard input")
        parser.add_argument("--variant", help="which variant, when the product has several")
        parser.add_argument("--separator", help="the line between units of several lines, such as ---")
        parser.add_argument(
            "--clean", action="store_true", help="trim numbering, bullets, senders, invisible characters"
        )
        parser.add_argument("--preview", action="store_true", help="show what would be added, and change nothing")

    def run_from_argv(self, argv: list[str]) -> None:
        """`--separator ---` too: argparse takes a value of dashes only behind a `=`."""
        for place, word in enumerate(argv[:-1]):
            if word == "--separator":
                argv = [*argv[:place], f"--separator={argv[place + 1]}", *argv[place + 2 :]]
                break
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        product = Product.objects.filter(code__iexact=options["code"]).first()
        if product is None:
            near = get_close_matches(options["code"].lower(), Product.objects.values_list("code", flat=True), 1, 0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsedWrongly(f"There is no product with the code {options['code']!r}.{hint}")
        raw = self.read_file(options["file"])
        try:
            variant = choose_variant(product, options["variant"])
            units = parse_units(raw, variant=variant, separator=options["separator"], clean=options["clean"])
            if options["preview"] or options["clean"]:
                self.preview(units, variant)
                if options["preview"] or not ask(self, options["file"]):
                    return
            done = import_stock(units, variant=variant, actor="manage.py")
        except NoSuchVariant as error:
            raise UsedWrongly(f"{error} with --variant.") from error
        except BadFile as error:
            raise UsedWrongly(f"Nothing was imported.\n{error}") from error
        self.stdout.write(f"added {done.added}, skipped {done.skipped}")

    def preview(self, units: list[NewUnit], variant: Variant) -> None:
        """Every unit as it would be stored; those the product has are marked."""
        known = known_units(units, variant)
        rows = [
            (unit.content.replace("\n", " ⏎ "), "already there" if again else "")
            for unit, again in zip(units, known, strict=True)
        ]
        show(self, rows, f"{len(units)} units, {sum(known)} of them already there or given twice")
        if alike := twins(units):
            self.stdout.write(
                f"Look again: {len(alike)} differ from another only in capitals, the first: {alike[0].content[:60]}"
            )
        if odd := unfitting(units, variant):
            parts = variant.product.account_fields
            self.stdout.write(f"Look again: {len(odd)} have other parts than {parts}, the first: {odd[0].content[:60]}")
