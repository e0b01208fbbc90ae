"""Reports of drills, long work and backups in the dashboard."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.base.admin_base import ReadOnlyAdmin
from apps.base.audit import actor_name
from apps.ops.drills.report import as_html
from apps.ops.jobs.desk import label_of
from apps.ops.models import Backup, DrillReport, Job


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


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Long work: what runs, how far it is, and how the last ones ended."""

    list_display = ("asked_at", "what", "state", "bar", "words", "who")
    list_filter = ("state",)
    ordering = ("-id",)
    fields = ("what", "state", "bar", "words", "who", "asked_at", "started_at", "ended_at")
    readonly_fields = ("what", "bar", "who")

    @admin.display(description="pekerjaan")
    def what(self, job: Job) -> str:
        return label_of(job)

    @admin.display(description="diminta oleh")
    def who(self, job: Job) -> str:
        return actor_name(job.asked_by)

    @admin.display(description="kemajuan")
    def bar(self, job: Job) -> SafeString:
        return format_html(
            '<progress max="100" value="{}" aria-label="kemajuan">{} %</progress>', job.progress, job.progress
        )


@admin.register(Backup)
class BackupAdmin(ReadOnlyAdmin):
    """One backup as it went; the page *Cadangan* shows them together."""

    list_display = ("started_at", "kind", "name", "size", "read_back_at", "offsite_at", "proven_at", "error")
    list_filter = ("kind",)
    ordering = ("-id",)
    exclude = ("proof",)
