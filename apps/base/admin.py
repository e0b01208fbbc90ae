"""Incidents and the audit log in the dashboard."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success

from apps.base.adminpages import ReadOnlyAdmin
from apps.base.audit import AuditRow
from apps.base.incidents import Incident, resolve_incident

for queue_rows in (Schedule, Success, Failure, OrmQ):  # only bells: what matters are our own rows
    admin.site.unregister(queue_rows)


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ("opened_at", "key", "state", "times", "last_at", "resolved_at")
    search_fields = ("key__iexact",)
    list_filter = ("state",)
    ordering = ("-id",)
    actions = ("resolve",)

    @admin.action(description="Tandai selesai")
    def resolve(self, request: HttpRequest, incidents: QuerySet[Incident]) -> None:
        for incident in incidents:
            resolve_incident(incident.key)
        messages.success(request, "Gangguan ditandai selesai.")


@admin.register(AuditRow)
class AuditRowAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "kind", "subject", "data")
    list_filter = ("kind",)
    search_fields = ("subject__iexact",)
    ordering = ("-id",)
    exclude = ("mac",)
