"""Files of sellers as rows: comma, semicolon or tab, with or without BOM, or .xlsx. Refused whole when bad."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from apps.base.normalize_text import alike, is_empty
from apps.base.translate import said
from apps.base.uploads import LIST_BYTES
from apps.base.work.named_locks import StillBusy
from host.limited_subprocess import UNREADABLE, run_child

ROWS = 50_000
FORMULA = ("=", "+", "-", "@", "\t", "\0")  # how a formula begins (CWE-1236)
EDGES = " \t\n\r\v\f\xa0\u200b\u200e\u200f\u2060\ufeff"
SHOWN = 10  # problems named before the rest is only counted
ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|#+)")
SHORTENED = re.compile(r"[+-]?\d(?:[.,]\d+)?E\+\d{1,3}")
SEPARATOR = re.compile(r"sep=.?", re.IGNORECASE)
WRONG: dict[str, Callable[..., str]] = {  # what a workbook may hold that cannot be taken as it stands
    "sheet": lambda **where: said(
        "the sheet '%(sheet)s' has data too (%(cell)s): leave one sheet in the file, or import them one by one", **where
    ),
    "hidden sheet": lambda **where: said("the sheet '%(sheet)s' is hidden: show it or take it out", **where),
    "hidden row": lambda **where: said("row %(row)d is hidden: show it or delete it", **where),
    "hidden column": lambda **where: said("column %(column)s is hidden: show it or delete it", **where),
    "merged": lambda **where: said("%(cell)s are merged: separate them, so that each row is complete", **where),
    "formula": lambda **where: said(
        "cell %(cell)s: the formula has no value; open the file in the spreadsheet, save it, and try again", **where
    ),
    "error": lambda **where: said("cell %(cell)s: '%(text)s' is an error of the spreadsheet", **where),
    "changed": lambda **where: said(
        "cell %(cell)s: the spreadsheet made '%(text)s' of it; format the column as text and type it again", **where
    ),
}


class BadFile(Exception):
    """Everything found wrong, each with line and column. Nothing was imported."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.shown(SHOWN)))

    def shown(self, most: int) -> list[str]:
        """The first problems, and how many there are beside them."""
        left = len(self.problems) - most
        return self.problems[:most] + ([said("… and %(more)d more", more=left)] if left > 0 else [])


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """An import that meets another says what to do. Raises BadFile, and then nothing was changed."""
    try:
        yield
    except (StillBusy, OperationalError) as busy:
        if isinstance(busy, OperationalError) and not isinstance(busy.__cause__, DeadlockDetected | LockNotAvailable):
            raise
        raise BadFile([said("another import or edit is going on; wait until it has ended, then try again")]) from busy


@dataclass(frozen=True)
class Row:
    """One line of the table: its number in the file, and its cells by column name."""

    line: int
    cells: dict[str, str]

    def get(self, column: str) -> str:
        """The cell without what cannot be seen at its ends."""
        return self.cells.get(column, "").strip(EDGES)


def _refuse_large(raw: bytes) -> None:
    if len(raw) > LIST_BYTES:
        raise BadFile(
            [
                said(
                    "the file has %(size)s MB; at most %(most)s MB are taken at once",
                    size=len(raw) // 10**6,
                    most=LIST_BYTES // 10**6,
                )
            ]
        )


FOREIGN = (  # how files begin that are no plain text, and what they are
    (rb"{\rtf", "RTF"),
    (b"%PDF", "PDF"),
    (b"\xd0\xcf\x11\xe0", ".xls / .doc"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"\x1f\x8b", "gzip"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"<!doctype", "HTML"),
    (b"<html", "HTML"),
    (b"<?xml", "XML"),
    (b"<table", "HTML"),
    (b"bplist", "plist"),
)


def _refuse_foreign(raw: bytes) -> None:
    """What is no list at all is refused by its name."""
    begin = raw[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for mark, kind in FOREIGN:
        if begin.startswith(mark.lower()):
            raise BadFile(
                [said("this is a %(kind)s file; save it as plain text (UTF-8), CSV or .xlsx and try again", kind=kind)]
            )


def decode(raw: bytes) -> str:
    """UTF-8 text with LF. Raises BadFile for what is no plain text, naming what it is or the line that is not UTF-8."""
    _refuse_large(raw)
    _refuse_foreign(raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadFile(
            [said("line %(line)d: not UTF-8 text; save the file as UTF-8 and try again", line=line)]
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_table(raw: bytes, *, required: Sequence[str], known: Sequence[str]) -> list[Row]:
    """The rows under the header line. Raises BadFile for an empty file, unknown or missing columns."""
    lines = list(_xlsx(raw) if is_workbook(raw) else _delimited(decode(raw), required))
    if not lines:
        raise BadFile([said("the file is empty")])
    if len(lines) > 1 and _is_title(lines[0][1], required):
        del lines[0]
    header_line, header = lines[0]
    names = [alike(name) for name in header]
    problems = [
        said("line %(line)d: the column '%(name)s' is missing", line=header_line, name=name)
        for name in required
        if name not in names
    ]
    problems += [
        said("line %(line)d: the column '%(name)s' is not known", line=header_line, name=name)
        for name in names
        if name and name not in known
    ]
    problems += [
        said("line %(line)d: the column '%(name)s' stands twice", line=header_line, name=name)
        for name in set(names)
        if names.count(name) > 1 and name
    ]
    if problems:
        raise BadFile(problems)
    if len(lines) == 1:
        raise BadFile([said("the file has a header and no rows")])
    if len(lines) > ROWS:
        raise BadFile(
            [said("the file has %(rows)d rows; at most %(most)d are taken at once", rows=len(lines), most=ROWS)]
        )
    too_wide = [
        said("line %(line)d: more cells than the header has columns", line=n)
        for n, cells in lines[1:]
        if any(not is_empty(cell) for cell in cells[len(names) :])  # Excel ends rows with separators
    ]
    if too_wide:
        raise BadFile(too_wide)
    return [Row(n, dict(zip(names, map(_without_guard, cells), strict=False))) for n, cells in lines[1:]]


def _is_title(cells: Sequence[str], required: Sequence[str]) -> bool:
    """A line of one cell above the names of the columns."""
    filled = [cell for cell in cells if not is_empty(cell)]
    return len(filled) == 1 and alike(filled[0]) not in required


def _without_guard(cell: str) -> str:
    """Our own export guards what a spreadsheet would take for a formula with a quote; here it goes again."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA else cell


def damage(text: str) -> str:
    """Why a cell or line was damaged before it came here: an error or a shortened number of a spreadsheet, a lost
    character. Empty when it was not."""
    for part in text.split("|"):
        if ERROR.fullmatch(part.strip()):
            return said("'%(text)s' is an error of the spreadsheet", text=part.strip())
        if SHORTENED.fullmatch(part.strip()):
            return said(
                "'%(text)s' is a number that the spreadsheet shortened; format the column as text and type it again",
                text=part.strip(),
            )
    if "\ufffd" in text:
        return said("column %(column)d: a character was lost (\ufffd)", column=text.index("\ufffd") + 1)
    return ""


def is_workbook(raw: bytes) -> bool:
    """Whether the bytes are an .xlsx (a zip) rather than text."""
    return raw[:4] == b"PK\x03\x04"


def read_sheet(raw: bytes) -> list[list[str]]:
    """The rows of a workbook's only sheet as goods. Raises BadFile with the address of what is not as its owner sees
    it, or has several lines."""
    rows = list(_xlsx(raw))
    broken = [
        said("row %(row)d, column %(column)d: the cell has several lines", row=n, column=column)
        for n, cells in rows
        for column, cell in enumerate(cells, 1)
        if "\n" in cell or "\r" in cell
    ]
    if broken:
        raise BadFile(broken)
    return [cells for _, cells in rows]


def _delimited(text: str, required: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every line with something in it. The separator is that of the line which names the
    columns.
    """
    lines = text.split("\n")
    named = next((line for line in lines if all(name in alike(line) for name in required[:2])), lines[0])
    delimiter = max(",;\t", key=named.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadFile([said("line %(line)d: the quotes do not match (%(why)s)", line=line, why=error)]) from error
        if SEPARATOR.fullmatch(delimiter.join(cells)):
            continue  # `sep=;`, by which Excel is told
        if any(not is_empty(cell) for cell in cells):
            yield line, cells


def _xlsx(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) of a workbook, read in a child with bounds. Raises BadFile."""
    _refuse_large(raw)
    ended = run_child("apps.orders.importing.xlsx_reader", given=raw)
    if ended.status not in (0, UNREADABLE):
        raise BadFile([said("the .xlsx unpacks to more than is taken at once")])
    if ended.status == UNREADABLE:
        raise BadFile([said("not a readable .xlsx file")])
    found = json.loads(ended.out)
    if found["problems"]:
        raise BadFile([WRONG[kind](**where) for kind, where in found["problems"]])
    yield from ((n, cells) for n, cells in found["rows"])
