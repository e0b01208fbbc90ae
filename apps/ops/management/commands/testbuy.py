"""`testbuy`: the synthetic buyer buys now."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError

from apps.base.clock import shop_now
from apps.base.commands import ShopCommand, UsedWrongly
from apps.ops.monitoring import testbuy

STAGES = {
    "in": "its messages do not come in: is the web process up, and does PUBLIC_URL lead to it?",
    "order": "no order came of it: see the logs of web and worker",
    "goods": "its goods did not go out: see the logs of bot and worker",
}


class Command(ShopCommand):
    help = "Have the synthetic buyer buy now, on the real way, and wait for its goods. Exit 1 when they do not come."
    example = "manage.py testbuy"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rehearse",
            action="store_true",
            help="only in this process, and undo it: can this code sell on these tables?",
        )

        parser.add_argument(
            "--forget",
            action="store_true",
            help="buy nothing, delete its rows: older code would take them for unpaid orders",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["forget"]:
            testbuy.forget(shop_now())
            self.stdout.write("the test buyer's orders are forgotten")
            return
        began = time.monotonic()
        try:
            if options["rehearse"]:
                testbuy.rehearse()
            else:
                self.buy()
        except testbuy.CannotBuy as broken:
            self.stderr.write(f"The synthetic buyer could not buy: {STAGES[str(broken)]}")
            raise SystemExit(1) from broken
        except DatabaseError as error:
            raise UsedWrongly(f"The tables are not as this code believes: {str(error).splitlines()[0]}") from error
        self.stdout.write(f"sold in {time.monotonic() - began:.2f} s{' and undone' if options['rehearse'] else ''}")

    def buy(self) -> None:
        since = shop_now()
        testbuy.buy(testbuy.deliver)
        while not testbuy.has_goods(since):
            time.sleep(0.1)
