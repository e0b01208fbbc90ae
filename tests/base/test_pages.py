"""The pages that people read: every link between them leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/SOP/*.md"), ROOT / "bench/README.md"]
PLACE = re.compile(r"`((?:host|fakes|autoorder|apps|deploy|docs|tests)/[\w/.-]+\w)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_named_files_are_there(page: Path) -> None:
    for place in PLACE.findall(page.read_text()):
        assert (ROOT / place).exists(), place
