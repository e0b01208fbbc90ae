"""`python -m apps.orders.importing.xlsx_reader`: an .xlsx from standard input, as JSON on standard output.

    {"rows": [[1, ["a@b.id", "0417"]], …], "problems": [["error", {"cell": "B3", "text": "#N/A"}], …]}

A cell is as its owner sees it, or a problem with its address; nothing is left out silently. A process of its own with
bounds, since a few kilobytes may unpack to gigabytes. The cost follows what stands in cells, not how far a sheet
reaches. Exit 3: too much; 4: no readable workbook."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Any

from host.limited_subprocess import TOO_LARGE, UNREADABLE, bound_me

MEMORY = 350_000_000  # bytes of address space
UNPACKED = 60_000_000  # bytes
CELLS = 200_000
DIGITS = 15  # that a spreadsheet keeps of a number
MOST = 50  # problems told

Problem = tuple[str, dict[str, Any]]


class TooMuch(Exception):
    """More cells or bytes than are taken at once."""


def main() -> int:
    """The exit status."""
    bound_me(memory=MEMORY, seconds=20)
    try:
        rows, problems = read(sys.stdin.buffer.read())
    except (TooMuch, MemoryError):
        return TOO_LARGE
    except Exception:  # noqa: BLE001 - whatever a stranger's file breaks in the library, it is no readable workbook
        return UNREADABLE
    sys.stdout.write(json.dumps({"rows": rows, "problems": problems[:MOST]}))
    return 0


def read(raw: bytes) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    """Rows of the first sheet with something to see, and what is wrong in the whole book."""
    from openpyxl import load_workbook

    count_cells(raw)
    written = load_workbook(io.BytesIO(raw))
    sheet, *others = written.worksheets
    problems = list(further_sheets(others)) + list(hidden_and_merged(sheet))
    formulas = [cell for cell in sheet._cells.values() if cell.data_type == "f"]
    shown = load_workbook(io.BytesIO(raw), data_only=True).worksheets[0] if formulas else sheet
    rows: dict[int, dict[int, str]] = {}
    for (row, column), cell in sorted(sheet._cells.items()):
        text = text_of(shown._cells.get((row, column), cell), is_formula=cell.data_type == "f", problems=problems)
        if text.strip():
            rows.setdefault(row, {})[column] = text
    return [(n, [found.get(c, "") for c in range(1, max(found) + 1)]) for n, found in rows.items()], problems


def count_cells(raw: bytes) -> None:
    """Before anything is built of them. Raises TooMuch, BadZipFile."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > UNPACKED:
            raise TooMuch
        cells = 0
        for entry in archive.infolist():
            if entry.filename.startswith("xl/worksheets/"):
                with archive.open(entry) as sheet:
                    while chunk := sheet.read(1 << 20):
                        cells += chunk.count(b"<c ") + chunk.count(b"<c>")
                        if cells > CELLS:
                            raise TooMuch


def further_sheets(sheets: list[Any]) -> Iterator[Problem]:
    for sheet in sheets:
        filled = [cell for cell in getattr(sheet, "_cells", {}).values() if str(cell.value or "").strip()]
        if filled:
            yield "sheet", {"sheet": sheet.title, "cell": filled[0].coordinate}


def hidden_and_merged(sheet: Any) -> Iterator[Problem]:
    """What its owner does not see, or sees once for several cells."""
    if sheet.sheet_state != "visible":
        yield "hidden sheet", {"sheet": sheet.title}
    filled = {(row, column) for (row, column), cell in sheet._cells.items() if str(cell.value or "").strip()}
    for number in sorted({row for row, _ in filled}):
        if sheet.row_dimensions[number].hidden:
            yield "hidden row", {"row": number}
    for letters, dimension in sorted(sheet.column_dimensions.items()):
        if dimension.hidden and any(dimension.min <= column <= dimension.max for _, column in filled):
            yield "hidden column", {"column": letters}
    for merged in sheet.merged_cells.ranges:
        yield "merged", {"cell": merged.coord}


def text_of(cell: Any, *, is_formula: bool, problems: list[Problem]) -> str:
    """A cell as its owner sees it."""
    value, shown = cell.value, str(getattr(cell, "number_format", "") or "")
    address = cell.coordinate
    if value is None:
        if is_formula:
            problems.append(("formula", {"cell": address}))
        return ""
    if cell.data_type == "e":
        problems.append(("error", {"cell": address, "text": str(value)}))
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**DIGITS:
        value = int(value)
    long = isinstance(value, int | float) and not isinstance(value, bool) and len(str(value)) > DIGITS
    if long or isinstance(value, bool | date | time | timedelta):
        problems.append(("changed", {"cell": address, "text": str(value)}))
    if isinstance(value, int) and shown.strip("0") == "" and len(shown) > 1:
        return str(value).zfill(len(shown))  # `0417` is kept as the number 417 and a format of four zeros
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
