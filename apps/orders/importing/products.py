"""Products from a table: checked whole first, then written in one transaction."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Lower

from apps.base import audit
from apps.base.normalize_text import alike, is_empty, tidy
from apps.base.translate import said
from apps.base.work.deferred_calls import send_errand
from apps.base.work.named_locks import hold_lock
from apps.orders.importing.pasted_lists import read_pasted_products
from apps.orders.importing.table_files import BadFile, Row, damage, one_at_a_time, read_table
from apps.orders.kinds import KINDS
from apps.orders.models import Category, Product, Variant
from apps.orders.money import NotAPrice, parse_rupiah
from apps.orders.selectors import keeps_kind

REQUIRED = ("code", "name", "price", "description", "category", "terms")
OPTIONAL = ("kind", "variant", "duration_days", "seats", "cost", "min", "max", "warranty_days",
            "account_fields", "questions", "promised_minutes", "content_limit", "on_sale")  # fmt: skip
OF_THE_PRODUCT = ("name", "kind", "min", "max")  # the same in every row of one code
NAMES = ("code", "name", "variant", "category", "kind")  # matched as they look
CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")

# column → least, most
WHOLE = {"duration_days": (1, 3650), "seats": (1, 100), "min": (1, 1000), "max": (1, 1000), "warranty_days": (0, 3650),
         "promised_minutes": (1, 43_200), "content_limit": (1, 100_000), "on_sale": (0, 1)}  # fmt: skip
LONGEST = {"name": 60, "description": 2000, "category": 40, "terms": 20_000, "variant": 40, "account_fields": 200}


@dataclass(frozen=True)
class Imported:
    """Counts for the person who imported."""

    products_added: int = 0
    products_changed: int = 0
    variants_added: int = 0
    variants_changed: int = 0


@dataclass(frozen=True)
class Entry:
    """One checked row."""

    row: Row
    price: int
    cost: int | None
    numbers: dict[str, int]
    questions: list[dict[str, str]] | None = None


def check_products(raw: bytes, *, pasted: bool = False) -> list[Entry]:
    """Read and check the whole file, a table or a pasted price list. Raises BadFile with every problem's line and
    column.
    """
    rows = read_pasted_products(raw) if pasted else read_table(raw, required=REQUIRED, known=(*REQUIRED, *OPTIONAL))
    problems = [problem for row in rows for problem in _damaged_cells(row)]
    rows = [replace(row, cells={n: tidy(c) if n in NAMES else c for n, c in row.cells.items()}) for row in rows]
    entries = [_check(row, problems) for row in rows]
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row.get("code").lower(), row.get("variant").lower())
        if key in seen:
            problems.append(_at(row, "code", said("the same code and variant as line %(other)d", other=seen[key])))
        seen.setdefault(key, row.line)
    problems += _kinds_that_may_not_change(rows)
    problems += _contradictions(rows)
    if problems:
        raise BadFile(problems)
    return entries


def _kinds_that_may_not_change(rows: list[Row]) -> list[str]:
    """A product with stock or orders keeps its kind, here as in the dashboard."""
    given = [row for row in rows if row.get("kind")]
    codes = {row.get("code").lower() for row in given}
    fixed = keeps_kind(Product.objects.annotate(low=Lower("code")).filter(low__in=codes))
    known = {product.code.lower(): product.kind for product in fixed}
    return [
        _at(
            row,
            "kind",
            said("%(code)s has stock or orders and stays '%(kind)s'", code=row.get("code"), kind=known[code]),
        )
        for row in given
        if (code := row.get("code").lower()) in known and known[code] != row.get("kind")
    ]


def _contradictions(rows: list[Row]) -> list[str]:
    """What belongs to the product, and not to its variant, must be the same in all its rows."""
    first: dict[tuple[str, str], Row] = {}
    problems = []
    for row in rows:
        for column in OF_THE_PRODUCT:
            if row.get(column):
                other = first.setdefault((row.get("code").lower(), column), row)
                if other.get(column) != row.get(column):
                    problems.append(
                        _at(
                            row,
                            column,
                            said("line %(other)d says '%(text)s'", other=other.line, text=other.get(column)),
                        )
                    )
    return problems


def _at(row: Row, column: str, why: str) -> str:
    return said("line %(line)d, column %(column)s: %(why)s", line=row.line, column=column, why=why)


def _check(row: Row, problems: list[str]) -> Entry:
    def wrong(column: str, why: str) -> None:
        problems.append(_at(row, column, why))

    _check_words(row, wrong)
    price = _amount(row, "price", wrong) or 0
    if price == 0 and row.get("price").strip("0rRpP. ") == "":
        wrong("price", said("a price above zero is needed"))
    cost = _amount(row, "cost", wrong) if row.get("cost") else None
    numbers = {}
    for column, (least, most) in WHOLE.items():
        text = row.get(column)
        if text and not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            wrong(
                column,
                said("'%(text)s' is not a whole number from %(least)d to %(most)d", text=text, least=least, most=most),
            )
        elif text:
            numbers[column] = int(text)
    if numbers.get("min", 1) > numbers.get("max", 1000):
        wrong("min", said("more than max"))
    return Entry(row, price, cost, numbers, _questions(row, wrong))


def _questions(row: Row, wrong: Callable[[str, str], None]) -> list[dict[str, str]] | None:
    """As `export` writes them: a list of {"label": …, "kind": …}."""
    if not row.get("questions"):
        return None
    try:
        found = json.loads(row.get("questions"))
        if isinstance(found, list) and all(isinstance(q, dict) and isinstance(q.get("label"), str) for q in found):
            return found
    except ValueError:
        pass
    wrong("questions", said("not a list of questions as export writes it"))
    return None


def _damaged_cells(row: Row) -> Iterator[str]:
    """Cells as they came, before what is invisible is taken off."""
    for column, cell in row.cells.items():
        bad = next((c for c in cell if unicodedata.category(c) == "Cc" and c not in "\t\n"), None)
        if bad is not None:
            yield _at(row, column, said("the control character %(code)s", code=f"U+{ord(bad):04X}"))
        if why := damage(cell):
            yield _at(row, column, why)
        if cell.strip() and column in NAMES and is_empty(cell):
            yield _at(row, column, said("nothing in this cell can be seen"))


def _check_words(row: Row, wrong: Callable[[str, str], None]) -> None:
    if not CODE.fullmatch(row.get("code")):
        wrong("code", said("1 to 40 letters, digits, - or _ are needed"))
    if not row.get("name"):
        wrong("name", said("a name is needed"))
    for column, most in LONGEST.items():
        if len(row.get(column)) > most:
            wrong(column, said("longer than %(most)d characters", most=most))
    if row.get("kind") and row.get("kind") not in KINDS:
        wrong("kind", said("'%(kind)s' is none of %(kinds)s", kind=row.get("kind"), kinds=", ".join(KINDS)))


def _amount(row: Row, column: str, wrong: Any) -> int | None:
    try:
        return parse_rupiah(row.get(column))
    except NotAPrice as error:
        wrong(column, str(error))
        return None


def import_products(raw: bytes, *, actor: str, pasted: bool = False) -> Imported:
    """Upsert by code (and variant). Raises BadFile, and then nothing was changed.

    A pasted list knows names and prices only: of a product that is here already it changes nothing else.
    """
    entries = check_products(raw, pasted=pasted)
    counts = {"products_added": 0, "products_changed": 0, "variants_added": 0, "variants_changed": 0}
    with one_at_a_time(), transaction.atomic():
        hold_lock("catalogue")
        known: dict[str, Product] = {}
        for entry in entries:
            code = entry.row.get("code")
            if code.lower() not in known:
                known[code.lower()], added = _write_product(entry, keep=pasted)
                counts["products_added" if added else "products_changed"] += 1
            added = _write_variant(known[code.lower()], entry)
            counts["variants_added" if added else "variants_changed"] += 1
        for product in known.values():
            send_errand(settings.TERMS_SET, product.pk)
        audit.append("products.imported", "catalogue", actor=actor, **dict[str, Any](counts))
    return Imported(**counts)


def _category(name: str) -> Category | None:
    """By name; a new one comes after those there are."""
    if not name:
        return None
    last = Category.objects.order_by("-position").values_list("position", flat=True).first()
    known = next((row for row in Category.objects.all() if alike(row.name) == alike(name)), None)
    return known or Category.objects.create(name=name, position=0 if last is None else last + 1)


def _write_product(entry: Entry, *, keep: bool) -> tuple[Product, bool]:
    row, numbers = entry.row, entry.numbers
    product = Product.objects.filter(code__iexact=row.get("code")).first()
    added = product is None
    if product is not None and keep:
        return product, False
    category = _category(row.get("category"))
    product = product or Product(code=row.get("code"))
    product.name, product.description, product.category = row.get("name"), row.get("description"), category
    product.terms = row.get("terms")
    if row.get("kind"):
        product.kind = row.get("kind")
    product.min_quantity = numbers.get("min", product.min_quantity)
    product.max_quantity = max(numbers.get("max", product.max_quantity), product.min_quantity)
    product.warranty_days = numbers.get("warranty_days", product.warranty_days)
    product.promised_minutes = numbers.get("promised_minutes", product.promised_minutes)
    product.account_fields = row.get("account_fields") or product.account_fields
    product.questions = product.questions if entry.questions is None else entry.questions
    product.save()
    return product, added


def _write_variant(product: Product, entry: Entry) -> bool:
    row = entry.row
    wanted = alike(row.get("variant"))
    variant = next((known for known in product.variants.all() if alike(known.name) == wanted), None)
    added = variant is None
    variant = variant or Variant(product=product, name=row.get("variant"))
    variant.price = entry.price
    if entry.cost is not None:
        variant.cost = entry.cost
    if "duration_days" in entry.numbers:
        variant.duration_days = entry.numbers["duration_days"]
    if "seats" in entry.numbers:
        variant.seats_per_unit = entry.numbers["seats"]
    if "content_limit" in entry.numbers:
        variant.content_limit = entry.numbers["content_limit"]
    if "on_sale" in entry.numbers:
        variant.is_active = bool(entry.numbers["on_sale"])
    variant.save()
    return added


def prices_before(entries: list[Entry]) -> list[int | None]:
    """For each entry what its variant costs now (rupiah); None when it is new."""
    codes = {entry.row.get("code").lower() for entry in entries}
    known = Variant.objects.annotate(code=Lower("product__code")).filter(code__in=codes)
    prices = {(code, name.lower()): price for code, name, price in known.values_list("code", "name", "price")}
    return [prices.get((entry.row.get("code").lower(), entry.row.get("variant").lower())) for entry in entries]
