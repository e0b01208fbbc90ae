"""How money and moments are written everywhere."""

from __future__ import annotations

from datetime import date, datetime

from django import template
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.base.health import words_for
from apps.base.incidents import Incident
from apps.bot.dialogue.texts import plain, render
from apps.bot.outbound.message_limits import cut

register = template.Library()

ZONES = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}


def zone_name() -> str:
    name = timezone.get_default_timezone_name()
    return ZONES.get(name, name)


@register.filter
def rupiah(amount: int) -> str:
    """12000 → `Rp12.000`."""
    return f"Rp{amount:,}".replace(",", ".")


@register.filter
def moment(at: datetime) -> str:
    """`24/11/2026 19.30 WIB`, in the shop's time zone."""
    return f"{timezone.localtime(at):%d/%m/%Y %H.%M} {zone_name()}"


@register.filter
def hour(at: datetime) -> str:
    """`19.30 WIB`."""
    return f"{timezone.localtime(at):%H.%M} {zone_name()}"


@register.filter
def day(at: datetime | date) -> str:
    """`24/11/2026`."""
    return f"{timezone.localtime(at) if isinstance(at, datetime) else at:%d/%m/%Y}"


@register.filter
def shortened(text: str, most: int) -> str:
    """At most so many units as Telegram counts them."""
    return cut(text, most)


@register.filter
def words_for_check(name: str) -> str:
    """What a health check tells the owner (apps/base/health.py)."""
    return words_for(name) or _("Server perlu dilihat.")


@register.filter
def as_alert(incident: Incident) -> str:
    """The first sentence of its alert, as its readers know it."""
    return (
        plain(render(f"alerts/{incident.text}", get_language() or "id", **incident.data)).split("\n")[0].split(". ")[0]
    )
