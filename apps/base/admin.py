"""The audit log in the dashboard."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success

from apps.base.adminpages import ReadOnlyAdmin
from apps.base.audit import SENTENCES, AuditRow, actor_name, sentence

HOLES = re.compile(r"\{\w+\}")

for queue_rows in (Schedule, Success, Failure, OrmQ):  # only bells: what matters are our own rows
    admin.site.unregister(queue_rows)


class KindFilter(admin.SimpleListFilter):
    """Kinds by what they say."""

    title = "kejadian"
    parameter_name = "kejadian"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, HOLES.sub("…", text)) for kind, text in sorted(SENTENCES.items(), key=lambda item: item[1])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRow]) -> QuerySet[AuditRow]:
        return queryset.filter(kind=self.value()) if self.value() in SENTENCES else queryset


@admin.register(AuditRow)
class AuditRowAdmin(ReadOnlyAdmin):
    list_display = ("at", "who", "what", "subject")
    list_filter = (KindFilter,)
    search_fields = ("subject__iexact",)
    ordering = ("-id",)
    fields = ("at", "who", "what", "subject", "data")
    readonly_fields = ("who", "what")

    @admin.display(description="oleh")
    def who(self, row: AuditRow) -> str:
        return actor_name(row.actor)

    @admin.display(description="kejadian")
    def what(self, row: AuditRow) -> str:
        return sentence(row)
