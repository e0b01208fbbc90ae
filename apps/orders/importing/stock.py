"""Stock from a text: one unit a line, or blocks between separators. Goods are taken verbatim."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from django.db import transaction

from apps.base.normalize_text import JOINERS, alike, is_empty, is_hidden, same_goods
from apps.base.translate import said
from apps.orders.importing.pasted_lists import clean_line
from apps.orders.importing.table_files import BadFile, damage, decode, is_workbook, one_at_a_time, read_sheet
from apps.orders.models import Product, StockUnit, Variant
from apps.orders.models.stock import content_hash
from apps.orders.services import stock
from apps.orders.services.stock import Added, NewUnit

UNIT_BYTES = 3500
RULER = re.compile(r"([-=_*#~+])\1{2,}")

BLANK = " \t\n\r\xa0"  # a line of these alone is a blank one
CELLS = "|"  # between the cells of a row that a workbook brings


class NoSuchVariant(Exception):
    """One sentence that says which variants there are."""


def choose_variant(product: Product, name: str | None) -> Variant:
    """The named variant, or the only one. Raises NoSuchVariant."""
    variants = list(product.variants.select_related("product"))
    fitting = [v for v in variants if name is None or alike(v.name) == alike(name)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(repr(v.name) for v in variants) or said("none")
    raise NoSuchVariant(said("%(code)s has the variants %(names)s: name one", code=product.code, names=names))


def parse_units(raw: bytes, *, variant: Variant, separator: str | None = None, clean: bool = False) -> list[NewUnit]:
    """Every unit of the file, checked. Raises BadFile naming each line.

    A row of a workbook (.xlsx) is a unit too, its cells joined by `|`.
    A shared unit may come as a block between separators: the account first, then one line for each seat.
    """
    text = as_text(raw)
    problems = _read_wrongly(text, variant, separator)
    units = []
    for line, piece in _pieces(text, separator):
        content = _cleaned(piece) if clean else piece
        if not content.strip(BLANK):
            continue
        if problem := _problem(content, multi_line=separator is not None):
            problems.append(said("line %(line)d: %(why)s", line=line, why=problem))
        units.append(_unit(content, variant, blocks=separator is not None))
    if not units and not problems:
        problems.append(said("the file is empty"))
    if variant.product.sold_as.by_hand:
        problems = [said("this product is made by hand and has no stock")]
    if variant.product.sold_as.for_all and len(units) > 1:
        problems.append(
            said(
                "this product has one content for everybody: give one unit (with a separator it may have several lines)"
            )
        )
    if problems:
        raise BadFile(problems)
    return units


def _read_wrongly(text: str, variant: Variant, separator: str | None) -> list[str]:
    """What would put lines on sale that are no goods: blocks read as single lines, and a line of column names."""
    first = text.split("\n", 1)[0]
    names = [alike(name) for name in variant.product.account_fields.split(CELLS)]
    if any(names) and [alike(cell) for cell in first.split(CELLS)] == names:
        return [said("line 1 names the columns: take it out, each line is sold as it stands")]
    rulers = [n for n, line in enumerate(text.split("\n"), 1) if RULER.fullmatch(line.strip())]
    if separator is None and rulers and variant.product.sold_as.counted:
        return [
            said("line %(line)d: '%(text)s' looks like a line between units; name it as the separator",
                 line=rulers[0], text=text.split("\n")[rulers[0] - 1].strip())
        ]  # fmt: skip
    return []


def unfitting(units: list[NewUnit], variant: Variant) -> list[NewUnit]:
    """Units with more or fewer parts than the product's account template names."""
    names = [name for name in variant.product.account_fields.split(CELLS) if name.strip()]
    return [unit for unit in units if names and unit.content.count(CELLS) + 1 != len(names)]


def twins(units: list[NewUnit]) -> list[NewUnit]:
    """Units of the list that differ from another only in upper and lower case: perhaps one, perhaps two."""
    seen: dict[str, str] = {}
    found = []
    for unit in units:
        key = same_goods(unit.content)
        if seen.setdefault(key.casefold(), key) != key:
            found.append(unit)
    return found


def as_text(raw: bytes) -> str:
    """The file as lines, a workbook's rows with their cells joined. Raises BadFile."""
    return "\n".join(CELLS.join(cells) for cells in read_sheet(raw)) if is_workbook(raw) else decode(raw)


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
    if is_empty(content):
        return said("nothing in this line can be seen; take it out")
    for column, c in enumerate(content, 1):
        if c in "\u2028\u2029" or (unicodedata.category(c) == "Cc" and c not in allowed):
            return said("column %(column)d: the control character %(code)s", column=column, code=f"U+{ord(c):04X}")
        if is_hidden(c) and c not in allowed + JOINERS:
            return said(
                "column %(column)d: the invisible character %(code)s; take it out, or have the text cleaned",
                column=column, code=f"U+{ord(c):04X}",
            )  # fmt: skip
    if why := damage(content):
        return why
    if len(content.encode()) > UNIT_BYTES:
        return said("%(size)d bytes; a unit may have %(most)d", size=len(content.encode()), most=UNIT_BYTES)
    return ""


def _cleaned(content: str) -> str:
    """Without list numbers, bullets, senders and invisible characters, as pasted texts have them."""
    return "\n".join(clean_line(line) for line in content.split("\n")).strip()


def _unit(content: str, variant: Variant, *, blocks: bool) -> NewUnit:
    if not variant.product.sold_as.shared:
        return NewUnit(content)
    head, *seats = [line for line in content.split("\n") if line.strip()] or [""]
    if blocks and seats:
        return NewUnit(head, seats)
    return NewUnit(content, [""] * variant.seats_per_unit)


def known_units(units: list[NewUnit], variant: Variant) -> list[bool]:
    """For each unit whether the product has it already, or the list had it before."""
    marks = [content_hash(unit.content) for unit in units]
    live = StockUnit.objects.filter(product_id=variant.product_id, withdrawn_at__isnull=True, content_hash__in=marks)
    seen = {bytes(mark) for mark in live.values_list("content_hash", flat=True)}
    known = []
    for mark in marks:
        known.append(mark in seen)
        seen.add(mark)
    return known


def import_stock(units: list[NewUnit], *, variant: Variant, actor: str) -> Added:
    """Write what `parse_units` found. Raises BadFile when another import of this product goes on for too long."""
    with one_at_a_time():
        if variant.product.sold_as.for_all:
            with transaction.atomic():
                before = stock.content_unit(variant)
                same = before is not None and before.content == units[0].content
                stock.set_content(variant=variant, content=units[0].content, actor=actor)
            return Added(0 if same else 1, 1 if same else 0)
        return stock.add_units(variant=variant, units=units, actor=actor)
