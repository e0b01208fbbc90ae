"""The page *Cadangan*: what there is, how old and how big, what is proven, and the two buttons."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.base.admin_base import actor_of, page_context, require
from apps.base.clock import shop_now
from apps.ops.backups.conf import offsite_is_named
from apps.ops.jobs.desk import ask_for
from apps.ops.models import Backup, Job

SHOWN = 60
FEW = 24  # bars; fewer are no wider
ASKED = {"backup": {"kind": "manual"}, "verifybackup": {}}  # what the buttons ask for


def page(request: HttpRequest) -> HttpResponse:
    """The list and the chart; posting `job` asks for one of the two."""
    require(request, "view_backup", app="ops")
    if request.method == "POST":
        require(request, "add_job", app="ops")
        name = request.POST.get("job", "")
        if name in ASKED:
            if name == "backup" and not settings.BACKUP_RECIPIENTS:
                messages.error(request, "Belum ada kunci cadangan. Isi BACKUP_RECIPIENTS dulu.")
            else:
                ask_for(name, ASKED[name], actor=actor_of(request))
                messages.success(request, "Dimulai. Kemajuannya ada di halaman Pekerjaan.")
        return redirect(request.path)
    rows = list(Backup.objects.order_by("-number")[:SHOWN])
    context = page_context(
        request,
        "Cadangan",
        rows=[_shown(row) for row in rows],
        bars=_bars(rows),
        has_key=bool(settings.BACKUP_RECIPIENTS),
        has_offsite=offsite_is_named(),
        running=Job.objects.filter(state__in=Job.OPEN).order_by("id").first(),
        newest=_newest(rows, "read_back_at"),
        proven=_newest(rows, "proven_at"),
        copied=_newest(rows, "offsite_at"),
    )
    return TemplateResponse(request, "admin/shop/backups.html", context)


def _newest(rows: list[Backup], mark: str) -> datetime | None:
    return max((row.started_at for row in rows if getattr(row, mark)), default=None)


def _shown(row: Backup) -> dict[str, Any]:
    return {
        "name": row.name, "kind": row.get_kind_display(), "at": row.started_at, "size": row.size, "error": row.error,
        "offsite": bool(row.offsite_at), "offsite_error": row.offsite_error, "proven": bool(row.proven_at),
        "seconds": row.proof.get("seconds"), "removed": bool(row.removed_at), "whole": row.ended_at is not None,
        "hours": (shop_now() - row.started_at).total_seconds() / 3600,
    }  # fmt: skip


def _bars(rows: list[Backup]) -> list[dict[str, Any]]:
    """For the chart: the sizes of those that are whole, oldest first, beside the biggest."""
    sized = [row for row in reversed(rows) if row.size]
    biggest = max((row.size or 0 for row in sized), default=1)
    width = 600 / max(len(sized), FEW)
    bars = []
    for n, row in enumerate(sized):
        height = max(2.0, 100 * (row.size or 0) / biggest)
        colour = "#15803d" if row.proven_at else "#64748b"
        bars.append({"x": n * width, "y": 100 - height, "width": width * 0.8, "height": height, "colour": colour,
                     "title": f"{row.name}: {row.size} byte"})  # fmt: skip
    return bars
