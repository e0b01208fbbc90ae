"""Stock from a text: one unit a line, or blocks between separators. Goods are taken verbatim."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from django.db import transaction

from apps.orders.importing.tables import BadFile, decode
from apps.orders.models import Kind, Product, Variant
from apps.orders.services import stock
from apps.orders.services.stock import Added, NewUnit

UNIT_BYTES = 3500
NUMBERING = re.compile(r"^\s*(?:\d{1,4}[.)]\s+|[-*•·▪◦●➤✓✔]\s+)")


class NoSuchVariant(Exception):
    """One sentence that says which variants there are."""


def choose_variant(product: Product, name: str | None) -> Variant:
    """The named variant, or the only one. Raises NoSuchVariant."""
    variants = list(product.variants.select_related("product"))
    fitting = [v for v in variants if name is None or v.name.lower() == name.lower()]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(repr(v.name) for v in variants) or "none"
    raise NoSuchVariant(f"{product.code} has the variants {names}: name one with --variant")


def parse_units(raw: bytes, *, variant: Variant, separator: str | None = None, clean: bool = False) -> list[NewUnit]:
    """Every unit of the file, checked. Raises BadFile naming each line.

    A shared unit may come as a block between separators: the account first, then one line for each seat.
    """
    text = decode(raw)
    problems: list[str] = []
    units = []
    for line, piece in _pieces(text, separator):
        content = _cleaned(piece) if clean else piece
        if not content.strip():
            continue
        if problem := _problem(content, multi_line=separator is not None):
            problems.append(f"line {line}: {problem}")
        units.append(_unit(content, variant, blocks=separator is not None))
    if not units and not problems:
        problems.append("the file is empty")
    if variant.product.kind == Kind.MANUAL:
        problems = ["this product is made by hand and has no stock"]
    if variant.product.kind == Kind.CONTENT and len(units) > 1:
        problems.append("this product has one content for everybody: give one unit (use --separator for several lines)")
    if problems:
        raise BadFile(problems)
    return units


def _pieces(text: str, separator: str | None) -> Iterator[tuple[int, str]]:
    """(line number, unit) pairs."""
    if separator is None:
        yield from enumerate(text.split("\n"), 1)
        return
    block: list[str] = []
    start = 1
    for number, line in enumerate([*text.split("\n"), separator], 1):
        if line.strip() == separator.strip():
            yield start, "\n".join(block).strip("\n")
            block, start = [], number + 1
        else:
            block.append(line)


def _problem(content: str, *, multi_line: bool) -> str:
    allowed = "\t\n" if multi_line else "\t"
    bad = next((c for c in content if unicodedata.category(c) == "Cc" and c not in allowed), None)
    if bad is not None:
        return f"column {content.index(bad) + 1}: the control character U+{ord(bad):04X}"
    if len(content.encode()) > UNIT_BYTES:
        return f"{len(content.encode()):,} bytes; a unit may have {UNIT_BYTES:,}"
    return ""


def _cleaned(content: str) -> str:
    """Without list numbers, bullets and invisible characters, as pasted texts have them."""
    lines = [NUMBERING.sub("", line) for line in content.split("\n")]
    return "".join(c for c in "\n".join(lines) if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf")).strip()


def _unit(content: str, variant: Variant, *, blocks: bool) -> NewUnit:
    if variant.product.kind != Kind.SHARED:
        return NewUnit(content)
    head, *seats = [line for line in content.split("\n") if line.strip()] or [""]
    if blocks and seats:
        return NewUnit(head, seats)
    return NewUnit(content, [""] * variant.seats_per_unit)


def import_stock(units: list[NewUnit], *, variant: Variant, actor: str) -> Added:
    """Write what `parse_units` found."""
    if variant.product.kind == Kind.CONTENT:
        with transaction.atomic():
            before = stock.content_unit(variant)
            same = before is not None and before.content == units[0].content
            stock.set_content(variant=variant, content=units[0].content, actor=actor)
        return Added(0 if same else 1, 1 if same else 0)
    return stock.add_units(variant=variant, units=units, actor=actor)
