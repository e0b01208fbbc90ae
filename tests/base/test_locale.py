"""Labels: Indonesian in the code, English complete."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.compile_locale import ROOT, compiled, read_po

PO = ROOT / "locale" / "en" / "LC_MESSAGES" / "django.po"


def labels(path: Path) -> set[str]:
    """Every literal handed to gettext."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "gettext_lazy"):
            first = node.args[0]
            if isinstance(first, ast.Constant):
                found.add(str(first.value))
    return found


def test_every_label_has_its_english() -> None:
    used = set().union(*(labels(path) for path in (ROOT / "apps").rglob("*.py")))
    known = read_po(PO)
    assert used - set(known) == set()
    assert set(known) - used - {""} == set(), "nothing left over"
    assert all(known.values())


def test_the_compiled_file_is_fresh() -> None:
    assert PO.with_suffix(".mo").read_bytes() == compiled(read_po(PO)), "run: make locale"
