"""What our dashboard pages share: read-only lists, and actions behind a confirmation that is posted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from apps.base.uploads import LIST_BYTES

COUNTED = 10_000  # rows; a longer list says so many, and its pages end there: filter or search to find older ones
FOUND = 1000  # rows that one search shows at the most


class BoundedPaginator(Paginator):
    """Counts no further than COUNTED: the cost of a list does not grow with history."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: COUNTED + 1].count())


class BoundedList:
    """A list whose cost does not grow with history. `exact_fields`: the only ways to search, each by an index of its
    own; a way over other tables is asked for itself, since no index serves two tables at once."""

    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    exact_fields: tuple[str, ...] = ()

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return self.exact_fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows of which a field is the term, as written or in capitals."""
        term = search_term.strip()
        if not term or not self.exact_fields:
            return queryset, False
        found: set[Any] = set()
        for field in self.exact_fields:
            rows = queryset.model._default_manager.filter(**{f"{field}__in": {term, term.upper()}})
            found |= set(rows.values_list("pk", flat=True)[:FOUND])
        return queryset.filter(pk__in=found), False


class ReadOnlyAdmin(BoundedList, ModelAdmin):
    """A list to look at: nothing is added, changed or deleted by field."""

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
    return upload.read(LIST_BYTES + 1)  # one byte more than is taken: whoever reads it says so


def actor_of(request: HttpRequest) -> str:
    """Who acts, for the audit."""
    return f"user:{request.user.pk}"


def page_context(request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
    """What the templates of our own pages need."""
    return {**admin.site.each_context(request), "title": title, **more}
