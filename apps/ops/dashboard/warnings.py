"""What the dashboard says in red on every page until somebody has seen to it."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from apps.bot.dialogue.texts import CONTACT


def environment(request: HttpRequest) -> list[str] | None:
    """django-unfold's ENVIRONMENT: a word at the top and its colour; nothing when all is well."""
    if not settings.BACKUP_RECIPIENTS and not settings.SANDBOX:
        return ["Belum ada kunci cadangan: toko ini tidak punya cadangan", "danger"]
    if not CONTACT.get():
        return ["Kontak penjual kosong: isi di Pengaturan", "danger"]
    return None
