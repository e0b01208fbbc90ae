"""`export [FILE]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apps.base.clock import shop_now
from apps.base.commands import ShopCommand, UsedWrongly
from apps.base.fields import DAMAGED
from apps.ops.exporting.archive import export_shop


class Command(ShopCommand):
    help = (
        "Everything of the shop in open formats (CSV, text, pictures) in one zip: products, stock, customers, orders, "
        "payments, ledger, SNK, audit. It holds goods and names in clear: keep it like money."
    )
    example = "manage.py export · manage.py export /root/toko.zip"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", nargs="?", help="where to (default: autoorder-DATE.zip here)")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["file"] or f"autoorder-{timezone.localtime(shop_now()):%Y%m%d-%H%M}.zip"
        target = Path(name).absolute()
        if target.exists():
            raise UsedWrongly(f"{name} is there already: name another file.")
        try:
            counts = export_shop(target, actor="manage.py", watch=self.progress)
        except OSError as error:
            raise UsedWrongly(f"{name} cannot be written: {error.strerror}.") from error
        damaged = counts.pop("damaged", 0)
        self.stdout.write(", ".join(f"{n} {what}" for what, n in counts.items() if n) or "an empty shop")
        self.stdout.write(f"written to {name}")
        if damaged:
            self.stderr.write(f"{damaged} values do not open and read {DAMAGED}: a backup may still hold them.")
