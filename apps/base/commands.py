"""How every command behaves: exit 0 done, 1 found something wrong, 2 used wrongly; errors are plain sentences."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError
from django.utils import translation
from psycopg.errors import UndefinedTable
from tqdm import tqdm

NEVER_STARTED = (
    "The shop has no tables for this yet: start it once with `make run`, on a server with `autoorder prepare`."
)

T = TypeVar("T")


class UsedWrongly(CommandError):
    """Exit 2 with this sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=2)


class ShopCommand(BaseCommand):
    """A command with an example in its help."""

    example = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, epilog=f"Example: {self.example}", **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """On the command line a wrong use is its sentence and exit 2, without the name of a class before it."""
        try:
            return self._execute_in_english(*args, **options)
        except UsedWrongly as refusal:
            if not getattr(self, "_called_from_command_line", False):
                raise
            self.stderr.write(str(refusal))
            sys.exit(2)

    def _execute_in_english(self, *args: Any, **options: Any) -> str | None:
        """Raises UsedWrongly, also where the shop has never been started."""
        try:
            with translation.override("en"):
                return super().execute(*args, **options)
        except ProgrammingError as error:
            if not isinstance(error.__cause__, UndefinedTable):
                raise
            raise UsedWrongly(NEVER_STARTED) from error

    def read_file(self, name: str) -> bytes:
        """The bytes of a file, or of standard input for `-`."""
        try:
            return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            raise UsedWrongly(f"{name} cannot be read: {error.strerror}.") from error

    def progress(self, items: Iterable[T], what: str) -> Iterator[T]:
        """The items, with a bar on a terminal."""
        yield from tqdm(items, desc=what, disable=not sys.stderr.isatty(), leave=False)
