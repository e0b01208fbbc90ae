"""Telegram's measure: lengths in UTF-16 units of the text a reader sees (Bot API: text 1-4096, caption 0-1024 after
entities parsing), and how an HTML text is shortened to it with every tag closed."""

from __future__ import annotations

import html
import re

from apps.bot.dialogue.texts import plain

TEXT = 4096
CAPTION = 1024
ANSWER = 200  # of a pressed button
BUTTON = 60  # of a label; Telegram shows no more anyhow
BUTTONS = 100  # of one message
FILE_NAME = 60  # letters of a document's name
MORE = "…"
PIECE = re.compile(r"<(/?)([a-z-]+)[^>]*>|&(?:#\d+|#x[0-9a-fA-F]+|\w+);|.", re.DOTALL)


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def seen(text: str) -> int:
    """Length of a Telegram HTML text as it is measured."""
    return units(plain(text))


def cut(text: str, most: int) -> str:
    """A plain text of at most `most` units; what is left out shows as an ellipsis."""
    if units(text) <= most:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (most - 1)].decode("utf-16-le", "ignore")
    return kept.rstrip() + MORE


def file_name(name: str, otherwise: str) -> str:
    """A file's name within Telegram's 60 letters, its ending kept; `otherwise` when there is none."""
    name = "".join(c for c in name.strip() if c.isprintable() and c not in "/\\") or otherwise
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10 or not stem:
        return name[:FILE_NAME]
    return f"{stem[: FILE_NAME - len(ending) - 1]}.{ending}"


def cut_html(text: str, most: int) -> str:
    """A Telegram HTML text of at most `most` units, its open tags closed."""
    if seen(text) <= most:
        return text
    out: list[str] = []
    open_tags: list[str] = []
    left = most - units(MORE)
    for piece in PIECE.finditer(text):
        closing, tag = piece.group(1), piece.group(2)
        if tag:
            open_tags.pop() if closing and open_tags else open_tags.append(tag)
        else:
            left -= units(html.unescape(piece.group()))
            if left < 0:
                break
        out.append(piece.group())
    return "".join(out).rstrip() + MORE + "".join(f"</{tag}>" for tag in reversed(open_tags))
