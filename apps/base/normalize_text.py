"""Texts that look alike are alike: spaces, invisible characters and styled letters folded before anything is matched or
named.
"""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d\ufe0e\ufe0f"  # inside emoji and some scripts
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols that show nothing
SPACES = re.compile(r"\s+")


def is_hidden(c: str) -> bool:
    """Whether a character shows nothing and moves nothing: zero widths, marks of direction, soft hyphens, byte order
    marks.
    """
    return c in BLANKS or unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "Cs")


def tidy(text: str) -> str:
    """A name as it is kept: plain letters for styled ones (NFKC), single spaces, nothing hidden but the joiners of
    emoji.
    """
    plain = unicodedata.normalize("NFKC", text)
    kept = "".join(c for c in plain if c.isspace() or c in JOINERS or not is_hidden(c))
    return SPACES.sub(" ", kept).strip(" " + JOINERS)


def is_empty(text: str) -> bool:
    """Whether there is nothing to see."""
    return not any(not (c.isspace() or c in JOINERS or is_hidden(c)) for c in text)


def alike(text: str) -> str:
    """The key by which two names are the same."""
    return tidy(text).casefold()


def same_goods(text: str) -> str:
    """The key by which two pieces of goods are the same: edges, spaces, hidden characters and ways to compose a letter
    do not count; upper and lower case do."""
    lines = (
        SPACES.sub(" ", "".join(c for c in line if c in "\t" or (not is_hidden(c) and c not in JOINERS))).strip()
        for line in text.split("\n")
    )
    return unicodedata.normalize("NFC", "\n".join(lines).strip("\n"))
