"""Compile locale/*/LC_MESSAGES/django.po: `make locale`. The .mo is committed, since a user has no msgfmt."""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STRING = r'((?:"(?:[^"\\]|\\.)*"\n?)+)'
ENTRY = re.compile(rf"msgid {STRING}(?:msgid_plural {STRING})?msgstr(?:\[0\])? {STRING}")


def texts(quoted: str) -> str:
    return "".join(ast.literal_eval(line) for line in quoted.strip().split("\n"))


def read_po(path: Path) -> dict[str, str]:
    """msgid → msgstr; a plural's msgid as gettext keeps it, both forms with a NUL between."""
    found = ENTRY.findall(path.read_text())
    return {"\0".join(texts(part) for part in (one, many) if part): texts(said) for one, many, said in found}


def compiled(messages: dict[str, str]) -> bytes:
    """The .mo of GNU gettext: a header, two tables of (length, offset), the texts."""
    pairs = [(k.encode(), v.encode()) for k, v in sorted(messages.items()) if v]
    tables = 28
    start = tables + 16 * len(pairs)
    ids, strings, body = b"", b"", b""
    for which in (0, 1):
        for pair in pairs:
            entry = struct.pack("<II", len(pair[which]), start + len(body))
            ids, strings = (ids + entry, strings) if which == 0 else (ids, strings + entry)
            body += pair[which] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), tables, tables + 8 * len(pairs), 0, 0)
    return head + ids + strings + body


def main() -> None:
    for path in (ROOT / "locale").rglob("django.po"):
        path.with_suffix(".mo").write_bytes(compiled(read_po(path)))


if __name__ == "__main__":
    main()
