"""The vocabulary: words of the code that people never see, and how to read what they do see."""

from __future__ import annotations

import html
import re

# the left column of the project's vocabulary
NEVER_SHOWN = (
    "ledger", "inbox", "outbox", "dead letter", "dead letters", "reconcile", "needs_review", "mismatch", "stock unit",
    "seat", "seats", "withdrawn", "quarantined", "claim", "claims", "proof", "proofs", "lease", "epoch", "burn rate",
    "drill", "drills", "preflight", "heartbeat", "incident", "incidents", "rotate", "backup recipient", "identity",
    "stage", "activate", "undo", "broadcast", "recipient", "erase", "made by hand",
)  # fmt: skip
LOOKS = re.compile(rf"(?<![\w.@/-])({'|'.join(map(re.escape, NEVER_SHOWN))})(?![\w@/-])", re.IGNORECASE)
HIDDEN = re.compile(  # icons are drawn by the name that stands in them
    r"<(script|style|template)\b.*?</\1>|<!--.*?-->|<(\w+)[^>]*material-symbols[^>]*>[^<]*</\2>", re.DOTALL
)
TAG = re.compile(r"<[^>]*>")
SPOKEN = re.compile(r'\b(?:placeholder|title|alt|aria-label)="([^"]*)"')


def forbidden(text: str) -> set[str]:
    """Words of the left column that stand in a text for Indonesian eyes."""
    return {found.lower() for found in LOOKS.findall(text)}


def visible(page: str) -> str:
    """What a reader or a screen reader gets of an HTML page."""
    shown = HIDDEN.sub(" ", page)
    spoken = " ".join(SPOKEN.findall(shown))
    return html.unescape(f"{TAG.sub(' ', shown)} {spoken}")
