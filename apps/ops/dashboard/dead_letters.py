"""Dead letters of every room on one page, with a way back to life."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.base import audit
from apps.base.admin_base import actor_of, page_context, require
from apps.base.work.claimable import Claimable, revive
from apps.bot.models import OutboundMessage
from apps.bot.outbound import outbox

SHOWN = 100

audit.describe({"dead_letter.revived": "Pesan bermasalah dicoba lagi", "shop.exported": "Seluruh isi toko diekspor"})


def claimable_models() -> list[type[Claimable]]:
    """Every kind of row that can become a dead letter."""
    return [model for model in apps.get_models() if issubclass(model, Claimable)]


def dead_letters() -> list[Any]:
    """The newest dead rows of each kind."""
    found: list[Any] = []
    for model in claimable_models():
        found += model._default_manager.filter(dead_at__isnull=False).order_by("-dead_at")[:SHOWN]
    return sorted(found, key=lambda row: row.dead_at, reverse=True)[:SHOWN]


def _shown(row: Any) -> dict[str, Any]:
    return {
        "label": str(row._meta.verbose_name).capitalize(), "at": row.dead_at, "attempts": row.attempts,
        "error": row.last_error, "key": f"{row._meta.label}:{row.pk}",
    }  # fmt: skip


def page(request: HttpRequest) -> HttpResponse:
    """The list; posting `row` (`label:pk`) gives one a fresh life."""
    require(request, "change_outboundmessage", app="bot")
    if request.method == "POST":
        label, _, pk = request.POST.get("row", "").partition(":")
        for model in claimable_models():
            row = (
                model._default_manager.filter(pk=pk, dead_at__isnull=False).first()
                if model._meta.label == label
                else None
            )
            if row is not None:
                outbox.send_again(row) if isinstance(row, OutboundMessage) else revive(row)
                audit.append("dead_letter.revived", f"{label}:{pk}", actor=actor_of(request))
                messages.success(request, "Dicoba lagi dalam beberapa detik.")
        return redirect(request.path)
    rows = [_shown(row) for row in dead_letters()]
    context = page_context(request, "Pesan bermasalah", rows=rows)
    return TemplateResponse(request, "admin/shop/dead_letters.html", context)
