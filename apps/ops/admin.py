"""Reports of drills in the dashboard."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString, mark_safe

from apps.base.admin_base import ReadOnlyAdmin
from apps.ops.drills.report import as_html
from apps.ops.models import DrillReport


@admin.register(DrillReport)
class DrillReportAdmin(ReadOnlyAdmin):
    list_display = ("ended_at", "name", "passed", "planted")
    list_filter = ("name", "passed")
    ordering = ("-id",)
    fields = ("page",)
    readonly_fields = ("page",)

    @admin.display(description="laporan")
    def page(self, row: DrillReport) -> SafeString:
        return mark_safe(as_html(row))  # noqa: S308  # nosec B703 B308: our template, escaped there
