"""What operators read on a terminal in English and owners on the dashboard in Indonesian (locale/id)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext


def said(text: str, /, **values: Any) -> str:
    """An English sentence in the language in force; `%(name)s` are filled from `values`."""
    return gettext(text) % values
