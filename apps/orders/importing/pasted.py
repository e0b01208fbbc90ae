"""Lists as sellers paste them from WhatsApp: numbering, bullets, names of the sender, invisible characters, prices in thousands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from apps.base.words import said
from apps.orders.importing.tables import BadFile, Row, decode
from apps.orders.money import NotAPrice, parse_rupiah

# an ASCII bullet needs a space after it: a code may begin with a dash or a star
NUMBERING = re.compile(r"^\s*(?:\d{1,4}[.)]\s+|[-*>»]+\s+|[•·▪◦●➤✓✔✅🔹🔸➡→]+\s*)(?=\S)")
# `[24/11/26 10.21.33] Budi: …` of an iPhone, `24/11/26 10.21 - Budi: …` of Android
SENDER = re.compile(
    r"^\[?\d{1,2}/\d{1,2}(?:/\d{2,4})?[, ]+\d{1,2}[.:]\d{2}(?:[.:]\d{2})?(?:\s?[AP]M)?\]?(?:\s*-)?\s*[^:|]{1,40}:\s",
    re.IGNORECASE,
)
BOLD = re.compile(r"(?<!\w)[*_~](\S(?:[^*_~\n]*\S)?)[*_~](?!\w)")
PRICE = re.compile(
    r"(?P<name>.*?)\s*(?:[-–—:=@|…]|\.{2,}|\s)\s*"
    r"(?P<price>rp\.?\s*\d[\d.]*(?:k|rb|ribu)?|\d{1,4}\s?(?:k|rb|ribu)|\d{1,3}(?:\.\d{3})+|\d{4,8})(?:,-|/\w+)?\s*$",
    re.IGNORECASE,
)
THOUSANDS = re.compile(r"(\d{1,4})\s?(?:k|rb|ribu)", re.IGNORECASE)
NAME_CHARS = 60


def clean_line(line: str) -> str:
    """One pasted line without what chat and lists put around it. Goods inside stay as they are."""
    visible = "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cf"))
    return NUMBERING.sub("", SENDER.sub("", visible)).strip()


def read_pasted_products(raw: bytes) -> list[Row]:
    """A pasted price list as rows of a product table: `Netflix 1 bulan - 32k`. Lines without a price are categories.

    Raises BadFile when no line has a price.
    """
    rows: list[Row] = []
    category = ""
    codes: set[str] = set()
    for number, name, price in _priced_lines(decode(raw)):
        if price is None:
            category = name[:40]
            continue
        cells = {"code": _code(name, codes), "name": name[:NAME_CHARS], "price": str(price), "description": "",
                 "category": category, "terms": ""}  # fmt: skip
        rows.append(Row(number, cells))
    if not rows:
        raise BadFile([said("no line has a name and a price, such as: Netflix 1 bulan - 32.000")])
    return rows


def _priced_lines(text: str) -> Iterator[tuple[int, str, int | None]]:
    """(line number, name, rupiah or None for a heading)."""
    for number, line in enumerate(text.split("\n"), 1):
        plain = BOLD.sub(r"\1", clean_line(line)).strip(" :")
        found = PRICE.fullmatch(plain)
        name = _plain_name(found.group("name") if found else plain)
        if not name:
            continue
        try:
            yield number, name, _rupiah(found.group("price")) if found else None
        except NotAPrice:
            continue


def _rupiah(text: str) -> int:
    """`32k`, `32rb`, `Rp32.000`, `32000`."""
    bare = re.sub(r"^rp\.?\s*", "", text.strip(), flags=re.IGNORECASE)
    if found := THOUSANDS.fullmatch(bare):
        return int(found.group(1)) * 1000
    return parse_rupiah(bare)


def _plain_name(text: str) -> str:
    """Words and digits, without the emoji and rulers that decorate a list."""
    kept = "".join(c for c in text if unicodedata.category(c)[0] in "LNMZ" or c in "&+.,'/()-")
    return " ".join(kept.split()).strip(" -.,/=")


def _code(name: str, taken: set[str]) -> str:
    """A short code from the name, new in this list."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:36] or "produk"
    code, number = base, 2
    while code in taken:
        code, number = f"{base}-{number}", number + 1
    taken.add(code)
    return code
