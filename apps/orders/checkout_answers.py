"""What a question at checkout takes for an answer: plain kinds, never a pattern of somebody's own, since one can hang
the shop.

In a seller's words: `bebas`, `angka`, `huruf`, each perhaps with a length (`angka 6-12`), `email`, `telepon`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

ANSWER_CHARS = 100
WORDS = ("bebas", "angka", "huruf", "email", "telepon")
KIND = re.compile(r"(bebas|angka|huruf)(?: (\d{1,3})(?:-(\d{1,3}))?)?|(email|telepon)")
# how questions were kept before there were kinds
DIGITS_PATTERN = re.compile(r"(?:\\d|\[0-9\])\{(\d{1,3})(?:,(\d{1,3}))?\}")
OLD_PATTERNS = {"": "bebas", r"\d+": "angka", "[0-9]+": "angka", r"[^@\s]+@[^@\s]+\.[^@\s]+": "email"}


@dataclass(frozen=True)
class Kind:
    """One kind of answer and its length in characters."""

    word: str = "bebas"
    least: int = 1
    most: int = ANSWER_CHARS

    def __str__(self) -> str:
        if (self.least, self.most) == (1, ANSWER_CHARS):
            return self.word
        return f"{self.word} {self.least}" + (f"-{self.most}" if self.most != self.least else "")

    def takes(self, text: str) -> bool:
        """Whether a text is such an answer. The time it takes grows with the text alone."""
        if "\n" in text or not self.least <= len(text) <= self.most:
            return False
        return CHECKS[self.word](text)


def _is_email(text: str) -> bool:
    name, at, domain = text.partition("@")
    plain = not any(c.isspace() or c == "@" for c in name + domain)
    return bool(name and at and plain) and "." in domain.strip(".") and domain == domain.strip(".")


def _is_phone(text: str) -> bool:
    digits = text.removeprefix("+").translate(str.maketrans("", "", " -().,"))
    return digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 15


CHECKS = {
    "bebas": lambda text: bool(text.strip()),
    "angka": lambda text: text.isascii() and text.isdigit(),
    "huruf": lambda text: all(c.isalpha() or c == " " for c in text) and bool(text.strip()),
    "email": _is_email,
    "telepon": _is_phone,
}


def read_kind(text: str) -> Kind | None:
    """`angka 6-12` and the like; None when it is none of ours."""
    found = KIND.fullmatch(" ".join(text.lower().split()) or "bebas")
    if found is None:
        return None
    word, least, most, fixed = found.groups()
    if fixed:
        return Kind(fixed)
    if least is None:
        return Kind(word)
    longest = int(most or least)
    return Kind(word, max(1, int(least)), min(longest, ANSWER_CHARS)) if int(least) <= longest else None


def kind_of(question: Mapping[str, str]) -> Kind:
    """What a kept question takes; one with a pattern of its own, from before, takes any line."""
    if "kind" in question:
        return read_kind(question["kind"]) or Kind()
    pattern = question.get("pattern", "")
    if found := DIGITS_PATTERN.fullmatch(pattern):
        return Kind("angka", int(found.group(1)), int(found.group(2) or found.group(1)))
    return Kind(OLD_PATTERNS.get(pattern, "bebas"))


def as_typed(text: str) -> str:
    """An answer with plain letters and digits for styled ones, without spaces around it."""
    return unicodedata.normalize("NFKC", text).strip()
