"""What every process would load for itself after a fork: loaded before, so that it is shared."""

from __future__ import annotations

import gc
from pathlib import Path

from django.conf import settings
from django.template.loader import get_template
from django.utils.translation import gettext, override


def warm_up() -> None:
    """Load the translations of every language and compile the message templates."""
    for language, _ in settings.LANGUAGES:
        with override(language):
            gettext("Menu")
    folder = Path(settings.BASE_DIR) / "templates"
    for path in sorted((folder / "bot").rglob("*.html")):
        get_template(str(path.relative_to(folder)))


def loaded() -> None:
    """What is there by now is no garbage, and stays shared between the processes that are forked from here."""
    gc.freeze()
    gc.enable()
