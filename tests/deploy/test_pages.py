"""The pages people follow when something is gone: the same commands in both languages, and readable shell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parent.parent.parent / "deploy/SOP"
BLOCK = re.compile(r"^ *```(sh(?: run)?)\n(.*?)^ *```$", re.S | re.M)


def blocks(name: str) -> list[tuple[str, str]]:
    return BLOCK.findall((PAGES / name).read_text())


@pytest.mark.parametrize("page", ["standby", "dns-and-proxy", "banned-bot"])
def test_both_languages_have_the_same_commands(page: str) -> None:
    assert blocks(f"{page}.md") == blocks(f"{page}.id.md")
    texts = [(PAGES / name).read_text() for name in (f"{page}.md", f"{page}.id.md")]
    inline = [sorted(set(re.findall(r"`(autoorder \w[^`]*|systemctl [^`]*|sh deploy/[^`]*)`", text))) for text in texts]
    assert inline[0] == inline[1]


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_blocks_can_be_read_by_sh(page: Path) -> None:
    for _kind, script in blocks(page.name):
        shown = re.sub(r"^   ", "", script, flags=re.M)  # as a reader copies it out of a list
        assert subprocess.run(["sh", "-n"], input=shown, text=True, check=False).returncode == 0, script


def test_what_the_drill_executes_is_marked() -> None:
    assert [kind for kind, _ in blocks("dns-and-proxy.md")].count("sh run") == 5
