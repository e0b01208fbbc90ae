"""Files of sellers as rows: comma, semicolon or tab, with or without BOM, or .xlsx. Refused whole when bad."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from apps.base.named_locks import StillBusy
from apps.base.words import said

FILE_BYTES = 20_000_000
ROWS = 50_000
FORMULA = ("=", "+", "-", "@", "\t", "\0")  # how a formula begins (CWE-1236)
DIGITS = 15  # that a spreadsheet keeps of a number
SHOWN = 10  # problems named before the rest is only counted


class BadFile(Exception):
    """Everything found wrong, each with line and column. Nothing was imported."""

    def __init__(self, problems: Sequence[str]) -> None:
        shown = list(problems[:SHOWN])
        if len(problems) > SHOWN:
            shown.append(said("… and %(more)d more", more=len(problems) - SHOWN))
        super().__init__("\n".join(shown))
        self.problems = list(problems)


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
        return self.cells.get(column, "").strip()


def _refuse_large(raw: bytes) -> None:
    if len(raw) > FILE_BYTES:
        raise BadFile(
            [
                said(
                    "the file has %(size)s MB; at most %(most)s MB are taken at once",
                    size=len(raw) // 10**6,
                    most=FILE_BYTES // 10**6,
                )
            ]
        )


def decode(raw: bytes) -> str:
    """UTF-8 text with LF. Raises BadFile naming the line that is not UTF-8, or a NUL."""
    _refuse_large(raw)
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
    lines = list(_xlsx(raw) if is_workbook(raw) else _delimited(decode(raw)))
    if not lines:
        raise BadFile([said("the file is empty")])
    header_line, header = lines[0]
    names = [name.strip().lower() for name in header]
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
        if len(cells) > len(names)
    ]
    if too_wide:
        raise BadFile(too_wide)
    return [Row(n, dict(zip(names, map(_without_guard, cells), strict=False))) for n, cells in lines[1:]]


def _without_guard(cell: str) -> str:
    """Our own export guards what a spreadsheet would take for a formula with a quote; here it goes again."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA else cell


def is_workbook(raw: bytes) -> bool:
    """Whether the bytes are an .xlsx (a zip) rather than text."""
    return raw[:4] == b"PK\x03\x04"


def read_sheet(raw: bytes) -> list[list[str]]:
    """The rows of a workbook's first sheet as goods, without empty cells at their ends. Raises BadFile.

    A cell that a spreadsheet has changed already (a long number, a date) or that has several lines is refused.
    """
    rows = list(_xlsx(raw))
    broken = [
        said("row %(row)d, column %(column)d: the cell has several lines", row=n, column=column)
        for n, cells in rows
        for column, cell in enumerate(cells, 1)
        if "\n" in cell or "\r" in cell
    ]
    if broken:
        raise BadFile(broken)
    return [_trimmed(cells) for _, cells in rows]


def _delimited(text: str) -> Iterator[tuple[int, list[str]]]:
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadFile([said("line %(line)d: the quotes do not match (%(why)s)", line=line, why=error)]) from error
        if any(cell.strip() for cell in cells):
            yield line, cells


def _xlsx(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    # only now: it is a tenth of the web process's start, and a start that takes over 3 s costs a buyer Telegram's third try
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _refuse_large(raw)
    problems: list[str] = []
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > 10 * FILE_BYTES:
                raise BadFile([said("the .xlsx unpacks to more than is taken at once")])
        sheet = load_workbook(io.BytesIO(raw), read_only=True, data_only=True).worksheets[0]
        rows = [
            (n, [_cell(cell, n, column, problems) for column, cell in enumerate(row, 1)])
            for n, row in enumerate(sheet.iter_rows(), 1)
        ]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        raise BadFile([said("not a readable .xlsx file")]) from error
    if problems:
        raise BadFile(problems)
    width = max((len(_trimmed(cells)) for _, cells in rows), default=0)
    for n, cells in rows:
        if any(cells):
            yield n, cells[:width]


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    return cells


def _cell(cell: Any, row: int, column: int, problems: list[str]) -> str:
    """A cell as its owner sees it. What a spreadsheet may have changed by itself becomes a problem."""
    value, shown = cell.value, str(getattr(cell, "number_format", "") or "")
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    long = isinstance(value, int | float) and not isinstance(value, bool) and len(str(value)) > DIGITS
    if long or isinstance(value, bool | date | time | timedelta):
        problems.append(
            said("row %(row)d, column %(column)d: the spreadsheet made '%(text)s' of it; format the column as text and type it again",
                 row=row, column=column, text=value)
        )  # fmt: skip
    if isinstance(value, int) and shown.strip("0") == "" and len(shown) > 1:
        return str(value).zfill(len(shown))  # `0417` is kept as the number 417 and a format of four zeros
    return str(value)
