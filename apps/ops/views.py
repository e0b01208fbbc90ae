"""Health addresses. Issue 03 deepens them; their answers are fixed by the contract."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """200 without touching the database."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """503 only when this host must not get traffic: the database cannot be written."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            standby = cursor.fetchone()[0]
    except DatabaseError:
        standby = True
    return JsonResponse({"database": "failing" if standby else "ok"}, status=503 if standby else 200)
