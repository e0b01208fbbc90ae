"""SNK versions in the dashboard."""

from __future__ import annotations

from django.contrib import admin

from apps.base import audit
from apps.base.admin_base import ReadOnlyAdmin
from apps.snk.models import Terms

audit.describe({"terms.version": "SNK versi {version} disimpan", "terms.sent": "SNK {product} versi {version} dikirim"})


@admin.register(Terms)
class TermsAdmin(ReadOnlyAdmin):
    list_display = ("product", "version", "made_at")
    list_filter = ("product",)
    ordering = ("-id",)
