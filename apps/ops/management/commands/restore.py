"""`restore list|plan|stage|activate|undo|release`."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

import psycopg
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from apps.base.commands import ShopCommand, UsedWrongly
from apps.bot.templatetags.shop import rupiah
from apps.ops.backups import restore
from apps.ops.backups.conf import CannotBackUp
from apps.ops.backups.proof import NotProven
from host.backups.bundle import Damaged, WrongKey, read_identity
from host.backups.dump import DumpFailed
from host.backups.offsite import Unreachable
from host.restart_shop import restart_shop

SHOWN = 30
TROUBLE = (
    restore.CannotRestore, CannotBackUp, NotProven, Damaged, WrongKey, DumpFailed, Unreachable, psycopg.Error, OSError,
)  # fmt: skip


class Command(ShopCommand):
    help = (
        "Restore a backup: list shows them, plan what would come, stage restores beside the shop, activate puts it in "
        "the shop's place, undo goes back, release sells again what was held back."
    )
    example = "manage.py restore stage newest · manage.py restore activate"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["list", "plan", "stage", "activate", "undo", "release"])
        parser.add_argument("name", nargs="?", default="newest", help="of a backup; default: the newest")
        parser.add_argument(
            "--without-live", action="store_true",
            help="activate: the shop's database cannot be read, so hold back everything that is for sale",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['what']}")(options)
        except TROUBLE as refusal:
            raise CommandError(str(refusal).strip() or type(refusal).__name__) from refusal

    def _list(self, options: dict[str, Any]) -> None:
        every = restore.find_all()
        for each in every[:SHOWN]:
            at = timezone.localtime(each.record.moment)
            whole = "with files" if each.record.whole else "database"
            self.stdout.write(
                f"{at:%d/%m/%Y %H:%M}  {each.record.kind:<8}{whole:<12}{each.record.size / 2**20:9.1f} MB  "
                f"{each.where:<8}{each.record.name}"
            )
        if not every:
            self.stdout.write("There is no backup here or at the offsite.")

    def _plan(self, options: dict[str, Any]) -> None:
        found = restore.find(options["name"])
        hours = restore.age(found).total_seconds() / 3600
        self.stdout.write(f"{found.record.name}, {found.record.size / 2**20:.1f} MB, from {found.where}")
        self.stdout.write(f"What happened in the last {hours:.1f} hours is not in it.")
        self.stdout.write("1. restore stage: beside the shop, which goes on selling; asks for the private key.")
        self.stdout.write("2. restore activate: a few seconds; what was given away since is not sold again.")
        self.stdout.write("3. restore undo: back to the database of now, which is kept.")

    def _stage(self, options: dict[str, Any]) -> None:
        found = restore.find(options["name"])
        identity = self._identity()
        with tqdm(total=100, disable=not sys.stderr.isatty(), leave=False) as bar:

            def tell(percent: int, words: str) -> None:
                bar.set_description(words)
                bar.update(percent - bar.n)

            manifest = restore.stage(found, identity, tell)
        self.stdout.write(f"{found.record.name} stands beside the shop; its truths hold. The shop has not changed.")
        self._show_difference()
        self.stdout.write(f"Next: manage.py restore activate, and type {manifest['name']}")

    def _show_difference(self) -> None:
        for table, (here, there) in restore.difference().items():
            self.stdout.write(f"  {table:<32}{here:>10} rows now, {there:>10} in the backup")
        lost = restore.lost_orders()
        for number, total in lost[:SHOWN]:
            self.stdout.write(f"  paid since the backup: {number} ({rupiah(total)})")
        if len(lost) > SHOWN:
            self.stdout.write(f"  and {len(lost) - SHOWN} more paid orders")

    def _activate(self, options: dict[str, Any]) -> None:
        staged = restore.staged_now()
        if staged is None:
            raise restore.CannotRestore("Nothing is staged: manage.py restore stage NAME comes first.")
        self._confirm(staged.name)
        held = restore.activate(without_live=options["without_live"])
        self.stdout.write(f"The shop runs on {staged.name}. {held} seats are held back: restore release sells them.")
        self._restart()
        self.stdout.write("Next: manage.py reconcile --days 30, which asks the gateways about everything since.")

    def _undo(self, options: dict[str, Any]) -> None:
        self._confirm("undo")
        held = restore.undo()
        self.stdout.write(f"The shop runs on the database from before. {held} seats are held back.")
        self._restart()

    def _restart(self) -> None:
        """Whoever still thinks in the other database begins anew."""
        if restart_shop():
            self.stdout.write("Its processes were started anew.")
        else:
            self.stdout.write("It does not run here: start it when you like.")

    def _release(self, options: dict[str, Any]) -> None:
        self._confirm("release")
        self.stdout.write(f"{restore.release()} seats are for sale again.")

    def _confirm(self, word: str) -> None:
        """Typed, or on standard input. Raises UsedWrongly."""
        typed = input(f"Type {word} to go on: ") if sys.stdin.isatty() else sys.stdin.readline()
        if typed.strip() != word:
            raise UsedWrongly(f"Nothing was changed: to go on, {word} must be typed.")

    def _identity(self) -> Any:
        try:
            return read_identity(getpass("Private key: ") if sys.stdin.isatty() else sys.stdin.read())
        except ValueError as refusal:
            raise UsedWrongly(str(refusal)) from refusal
