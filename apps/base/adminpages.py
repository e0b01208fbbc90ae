"""What our dashboard pages share: read-only lists, and actions behind a confirmation that is posted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from unfold.admin import ModelAdmin

UPLOAD_BYTES = 20_000_000


class ReadOnlyAdmin(ModelAdmin):
    """A list to look at: nothing is added, changed or deleted by field."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """For actions (`permissions=["act"]`) on rows that nobody edits by field: whoever may change them."""
        return may(request, f"change_{self.opts.model_name}", app=self.opts.app_label)


def may(request: HttpRequest, *rights: str, app: str) -> bool:
    """Whether the account has every one of these rights of a room."""
    return all(request.user.has_perm(f"{app}.{right}") for right in rights)


def require(request: HttpRequest, *rights: str, app: str) -> None:
    """Raises PermissionDenied: being allowed into the dashboard is no right to do anything there."""
    if not may(request, *rights, app=app):
        raise PermissionDenied


class NamedFields:
    """For tables of fields, whose labels stand in the head only: each field says its own to a screen reader."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if field is not None:
            field.widget.attrs["aria-label"] = str(db_field.verbose_name)
        return field


def sent_bytes(request: HttpRequest) -> bytes:
    """What a form brought: its file, else its text."""
    upload: Any = request.FILES.get("file")
    if upload is None:
        return request.POST.get("text", "").encode()
    return upload.read(UPLOAD_BYTES + 1)  # one byte more than is taken: whoever reads it says so


def actor_of(request: HttpRequest) -> str:
    """Who acts, for the audit."""
    return f"user:{request.user.pk}"


def page_context(request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
    """What the templates of our own pages need."""
    return {**admin.site.each_context(request), "title": title, **more}
