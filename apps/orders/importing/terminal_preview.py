"""What an import would bring, on the terminal; asked for only where somebody can answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from apps.base.commands import ShopCommand

SHOWN = 12
CHARS = 60


def show(command: ShopCommand, rows: Sequence[Sequence[str]], total: str) -> None:
    """The first rows, and how many there are."""
    for row in rows[:SHOWN]:
        command.stdout.write("  " + " · ".join(cell[:CHARS] for cell in row if cell))
    if len(rows) > SHOWN:
        command.stdout.write(f"  … and {len(rows) - SHOWN} more")
    command.stdout.write(f"{total}; nothing has been stored yet")


def ask(command: ShopCommand, file: str) -> bool:
    """Whether to go on. Without a terminal, or with the file on standard input, nobody is asked."""
    if file == "-" or not sys.stdin.isatty():
        return True
    command.stdout.write("Import this? [y/N] ", ending="")
    command.stdout.flush()
    agreed = sys.stdin.readline().strip().lower() in ("y", "yes", "ya")
    if not agreed:
        command.stdout.write("Nothing was imported.")
    return agreed
