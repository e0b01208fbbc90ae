"""Requests that no page of ours can have made."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

FORM = "application/x-www-form-urlencoded"


class NoNul:
    """A NUL in an address or in a form of the dashboard is answered with 400: PostgreSQL has no place for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._dashboard = f"/{settings.ADMIN_PATH}"

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", "") or self._in_form(request):
            return HttpResponse("a NUL has no place here\n", status=400, content_type="text/plain")
        return self.get_response(request)

    def _in_form(self, request: HttpRequest) -> bool:
        if request.method != "POST" or request.content_type != FORM or not request.path.startswith(self._dashboard):
            return False
        return any("\0" in value for values in request.POST.lists() for value in values[1])
