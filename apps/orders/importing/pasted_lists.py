"""Lists as sellers paste them from WhatsApp: numbering, bullets, names of the sender, invisible characters, prices in
thousands.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from apps.base.translate import said
from apps.orders.importing.table_files import BadFile, Row, decode
from apps.orders.money import parse_rupiah

# an ASCII bullet needs a space after it: a code may begin with a dash or a star
NUMBERING = re.compile(r"^\s*(?:\d{1,4}[.)]\s+|[-*>»]+\s+|[•·▪◦●➤✓✔✅🔹🔸➡→]+\s*)(?=\S)")
# `[24/11/26 10.21.33]` of an iPhone, `24/11/26 10.21 -` of Android, `2026-11-24, 10:21 -`, `24.11.26, 10:21 -` of
# others
STAMP = (
    r"\[?(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}(?:[-/.]\d{2,4})?)[, ]+(?:pukul |at )?"
    r"\d{1,2}[.:]?\d{2}(?:[.:]\d{2})?(?:\s?[ap]\.?\s?m\.?)?\]?(?:\s*[-–])?\s*"
)
SENDER = re.compile(rf"^{STAMP}[^:|\n]{{1,40}}:\s+", re.IGNORECASE)
STAMPED = re.compile(rf"^{STAMP}(?P<rest>.*)$", re.IGNORECASE)
# what the chat app itself writes between messages
OF_THE_APP = re.compile(
    r"end-to-end|enkripsi ujung ke ujung|terenkripsi|<?media (?:omitted|tidak"
    r" disertakan)>?|(?:gambar|video|stiker|audio|dokumen) "
    r"tidak disertakan|(?:image|video|sticker|audio|document) omitted|pesan ini (?:telah )?dihapus|this message was"
    r" deleted"
    r"|anda menghapus pesan|you deleted this|bergabung menggunakan|joined using|ditambahkan|added you|keluar$| left$"
    r"|(?:mengubah|changed) (?:the |ikon |subjek|subject|setelan|group)|panggilan (?:suara|video)|missed"
    r" (?:voice|video) call"
    r"|<(?:this message was edited|pesan ini diedit)>",
    re.IGNORECASE,
)
BOLD = re.compile(r"(?<!\w)[*_~](\S(?:[^*_~\n]*\S)?)[*_~](?!\w)")
AMOUNT = (
    r"rp\.?\s*[1-9]\d{0,2}(?:\.\d{3})+|(?:rp\.?\s*)?[1-9]\d{0,3}(?:[.,]\d{1,2})?\s?(?:k|rb|ribu|jt|juta)"
    r"|rp\.?\s*[1-9]\d{2,7}|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{3,7}"
)
PRICE = re.compile(
    rf"(?P<name>.*?)\s*(?P<mark>[-–—:=@|…]|\.{{2,}}|\s)\s*(?P<price>{AMOUNT})(?:,-|/[^\W\d]\w*)?(?:\s*idr)?\s*(?P<note>\([^()]*\))?",
    re.IGNORECASE,
)
SHORT = re.compile(r"(\d{1,4})(?:[.,](\d{1,2}))?\s?(k|rb|ribu|jt|juta)", re.IGNORECASE)
UNITS = {"k": 1_000, "rb": 1_000, "ribu": 1_000, "jt": 1_000_000, "juta": 1_000_000}
YEAR = re.compile(r"(?:19|20)\d\d")  # `Office 2021` has no price
# what looks like money: such a line is never taken for a heading
MONEY = re.compile(
    r"\brp\.?\s*\d|\d\s?(?:k|rb|ribu|jt|juta)\b|\d{1,3}(?:\.\d{3})+\b|\d{4,8}\s*(?:idr|$)", re.IGNORECASE
)
STRUCK = re.compile(r"~[^~\n]*\d[^~\n]*~")
SECOND = re.compile(  # `18k`, `Rp18.000`, and any number right before a sign that leads to another
    r"\brp\.?\s*\d[\d.]*|\d[\d.,]*\s?(?:k|rb|ribu|jt|juta)\b|\d[\d.,]*\s*(?:→|->|=>|s/d|sampai|~)\s*$|\d[\d.,]*\s*[-–/]\s*$",
    re.IGNORECASE,
)
PHONE = re.compile(r"(?:\+?62|\b0)8[\d\s-]{7,}")
# words that name a length or a manner, never a product: `1 bulan` under NETFLIX is `NETFLIX 1 bulan`
NAMELESS = re.compile(
    r"(?:\d+|bulan|bln|hari|minggu|tahun|thn|month|months|day|days|week|weeks|year|years|akun|slot|user|device|private"
    r"|sharing|shared|semi|lifetime|full|garansi|premium|vip|profile?|[\s&+.,'/()-])+",
    re.IGNORECASE,
)
NAME_CHARS = 60
KEPT = "\t\u200c\u200d"


def clean_line(line: str) -> str:
    """One pasted line without what chat and lists put around it; empty for a line of the chat app itself. Goods inside
    stay as they are, tabs and joiners too."""
    visible = "".join(c for c in line if c in KEPT or unicodedata.category(c) not in ("Cc", "Cf")).strip()
    said = SENDER.sub("", visible)
    if said == visible and (stamped := STAMPED.match(visible)):
        said = "" if OF_THE_APP.search(visible) else stamped.group("rest")
    elif said != visible and OF_THE_APP.search(said):
        said = ""
    return NUMBERING.sub("", said).strip()


@dataclass(frozen=True)
class _Line:
    """One line of a price list: `price` in rupiah, None for a heading."""

    number: int
    name: str
    price: int | None


def read_pasted_products(raw: bytes) -> list[Row]:
    """A pasted price list as rows of a product table: `Netflix 1 bulan - 32k`. Lines without a price are categories.

    A line that names no product (`1 bulan - 32k`), or the same as another, takes the heading above it into its name, so
    that a list pasted again in another order means the same products. Raises BadFile naming every line that looks like
    money and cannot be read, and every product that stands twice.
    """
    lines, problems, _ = _read(decode(raw))
    names = Counter(line.name.lower() for line in lines if line.price is not None)
    rows: list[Row] = []
    codes: dict[str, int] = {}
    heading = ""
    for line in lines:
        if line.price is None:
            heading = line.name
            continue
        unclear = names[line.name.lower()] > 1 or NAMELESS.fullmatch(line.name) is not None
        name = f"{heading} {line.name}".strip() if unclear else line.name
        code = _code(name)
        if code in codes:
            problems.append(
                said(
                    "line %(line)d: '%(name)s' stands in line %(other)d already",
                    line=line.number,
                    name=name,
                    other=codes[code],
                )
            )
        codes.setdefault(code, line.number)
        cells = {"code": code, "name": name[:NAME_CHARS], "price": str(line.price), "description": "",
                 "category": heading[:40], "terms": ""}  # fmt: skip
        rows.append(Row(line.number, cells))
    if not rows and not problems:
        problems.append(said("no line has a name and a price, such as: Netflix 1 bulan - 32.000"))
    if problems:
        raise BadFile(problems)
    return rows


def lines_left_out(raw: bytes) -> list[str]:
    """Lines with digits that become neither product nor heading, for the preview: a number of a telephone, a date."""
    _, _, left_out = _read(decode(raw))
    return left_out


def _read(text: str) -> tuple[list[_Line], list[str], list[str]]:
    """Products and headings, what cannot be read, and what is left out."""
    lines, problems, left_out = [], [], []
    for number, written in enumerate(text.split("\n"), 1):
        folded = unicodedata.normalize("NFKC", clean_line(written).replace("\t", " "))
        plain = _undecorated(BOLD.sub(r"\1", folded))
        found = PRICE.fullmatch(plain)
        if found and found.group("mark").isspace() and YEAR.fullmatch(found.group("price")):
            found = None
            sure = False
        else:
            sure = True
        name = _plain_name(f"{found.group('name')} {found.group('note') or ''}" if found else plain)
        if not name or PHONE.search(plain):
            if any(c.isdigit() for c in plain):
                left_out.append(said("line %(line)d: '%(text)s'", line=number, text=plain[:60]))
            continue
        if found is not None and (other := _other_amount(found.group("name"), folded)):
            problems.append(
                said(
                    "line %(line)d: '%(text)s' may be a price as well; leave one amount in the line",
                    line=number,
                    text=other,
                )
            )
            continue
        if found is None and sure and MONEY.search(plain):
            problems.append(said("line %(line)d: no price can be read in '%(text)s'", line=number, text=plain[:60]))
        else:
            lines.append(_Line(number, name, _rupiah(found.group("price")) if found else None))
    return lines, problems, left_out


def _other_amount(name: str, written: str) -> str:
    """A second amount that could be the price: struck out, leading to the other, or written as money."""
    if struck := STRUCK.search(written):
        return struck.group()
    second = SECOND.search(re.sub(r"\b[248]k\b(?=.)", "", name, flags=re.IGNORECASE))  # 4K is how sharp a picture is
    return second.group().strip(" -–/~→>") if second else ""


def _undecorated(text: str) -> str:
    """Without the emoji, colons and spaces at its ends."""
    while text and (text[-1] in " :" or unicodedata.category(text[-1]) in ("So", "Sk", "Mn", "Cf")):
        text = text[:-1]
    return text.strip(" :")


def _rupiah(text: str) -> int:
    """`32k`, `32,5rb`, `1,5jt`, `Rp32.000`, `32000`."""
    bare = re.sub(r"^rp\.?\s*", "", text.strip(), flags=re.IGNORECASE)
    if found := SHORT.fullmatch(bare):
        whole, part, unit = found.groups()
        scale = UNITS[unit.lower()]
        return int(whole) * scale + int(part or 0) * scale // 10 ** len(part or "")
    return parse_rupiah(bare)


def _plain_name(text: str) -> str:
    """Words and digits, without the emoji and rulers that decorate a list."""
    kept = "".join(c for c in text if unicodedata.category(c)[0] in "LNMZ" or c in "&+.,'/()-")
    return " ".join(kept.split()).strip(" -.,/=")


def _code(name: str) -> str:
    """A short code from the name, the same each time."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:40].strip("-") or "produk"
