"""Message texts: templates per language, escaped for Telegram's HTML by Django's autoescape."""

from __future__ import annotations

import html
import re
from typing import Any

from django.conf import settings
from django.template.loader import select_template
from django.utils import translation

from apps.base.stored_settings import Setting

CONTACT = Setting(
    "contact",
    "",
    "Kontak penjual",
    "Dilihat pembeli kalau ada yang perlu ditanyakan, misalnya @budi atau WA 0812…",
    most=100,
)
VERBATIM = re.compile(r"(<code>.*?</code>)", re.DOTALL)  # goods: not a character of them is touched
TAG = re.compile(r"<[^>]+>")


def render(name: str, language: str, /, **context: Any) -> str:
    """The message `templates/bot/<language>/<name>.html` as Telegram HTML; Indonesian when a language lacks it."""
    template = select_template([f"bot/{language}/{name}.html", f"bot/id/{name}.html"])
    with translation.override(language):
        text = template.render(
            {"store": settings.STORE_NAME, "command": settings.COMMAND, "contact": CONTACT.get, **context}
        )
    return "".join(part if part.startswith("<code>") else _tidy(part) for part in VERBATIM.split(text)).strip()


def _tidy(text: str) -> str:
    """Without the blank lines and spaces that a template's tags leave behind."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text))


def plain(text: str) -> str:
    """Telegram HTML as the text that a reader sees."""
    return html.unescape(TAG.sub("", text))
