"""The audit log in the dashboard, and the people who may enter it."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.base.admin_base import ReadOnlyAdmin
from apps.base.audit import SENTENCES, AuditRow, actor_name, sentence

HOLES = re.compile(r"\{\w+\}")

for queue_rows in (Schedule, Success, Failure, OrmQ):  # only bells: what matters are our own rows
    admin.site.unregister(queue_rows)
admin.site.unregister((User, Group))  # Django's own forms know nothing of unfold


@admin.register(User)
class AccountAdmin(UserAdmin, ModelAdmin):
    """Who may enter the dashboard."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "last_login")
    list_filter = ("is_active",)
    fieldsets = ((None, {"fields": ("username", "password", "email", "is_active", "is_staff", "is_superuser")}),)
    filter_horizontal = ()


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
    exact_fields = ("subject",)
    ordering = ("-id",)
    fields = ("at", "who", "what", "subject", "data")
    readonly_fields = ("who", "what")

    @admin.display(description="oleh")
    def who(self, row: AuditRow) -> str:
        return actor_name(row.actor)

    @admin.display(description="kejadian")
    def what(self, row: AuditRow) -> str:
        return sentence(row)
