"""Whole rupiah as integers."""

from __future__ import annotations

import re

from apps.base.translate import said

PLAIN = re.compile(r"(?:rp\.?\s*)?([0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)", re.IGNORECASE)

LIMIT = 1_000_000_000  # rupiah; nothing we sell costs more, so it is a slip


class NotAPrice(ValueError):
    """The text is not a whole amount of rupiah."""


def parse_rupiah(text: str) -> int:
    """`12000`, `12.000` and `Rp12.000` are twelve thousand. Raises NotAPrice; decimals are refused."""
    found = PLAIN.fullmatch(text.strip())
    if found is None:
        raise NotAPrice(said("'%(text)s' is not a whole rupiah amount such as 12000, 12.000 or Rp12.000", text=text))
    amount = int(found.group(1).replace(".", ""))
    if amount >= LIMIT:
        raise NotAPrice(said("'%(text)s' is more than anything here can cost", text=text))
    return amount
