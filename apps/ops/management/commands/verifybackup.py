"""`verifybackup`."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from apps.base.commands import ShopCommand, UsedWrongly
from apps.ops.backups.conf import CannotBackUp
from apps.ops.backups.verify import verify
from host.backups.bundle import read_identity


class Command(ShopCommand):
    help = (
        "Look at every backup here and at the offsite: size, content and signed record. With --key it asks for the "
        "private key and reads each to its end. Exit 1 when one is not what it should be."
    )
    example = "manage.py verifybackup · manage.py verifybackup --key < kunci.txt"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--key", action="store_true", help="ask for the private key (or read it from standard input)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        identity = self._identity() if options["key"] else None
        with tqdm(total=100, disable=not sys.stderr.isatty(), leave=False) as bar:

            def tell(percent: int, words: str) -> None:
                bar.set_description(words)
                bar.update(percent - bar.n)

            try:
                faults = list(verify(tell, identity=identity))
            except CannotBackUp as refusal:
                raise UsedWrongly(str(refusal)) from refusal
        for fault in faults:
            self.stderr.write(f"{fault.name} ({fault.where}): {fault.sentence}")
        if faults:
            raise CommandError(f"{len(faults)} faults were found.")
        self.stdout.write("Every backup is what its record says.")

    def _identity(self) -> Any:
        try:
            return read_identity(getpass("Private key: ") if sys.stdin.isatty() else sys.stdin.read())
        except ValueError as refusal:
            raise UsedWrongly(str(refusal)) from refusal
