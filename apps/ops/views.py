"""Health addresses. Names and answers are fixed by the contract."""

from __future__ import annotations

import hmac
import threading
import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from apps.base.health import Finding, examine
from apps.ops.monitoring import metrics
from host.heartbeats import left_lately

BORN = time.time()
FRESH = 2.0  # seconds: however often somebody asks, the checks run this often in a process

_lock = threading.Lock()
_known: tuple[float, list[Finding]] | None = None


def findings() -> list[Finding]:
    """What the checks found, at most FRESH seconds ago."""
    global _known
    with _lock:
        if _known is None or time.monotonic() - _known[0] > FRESH:
            _known = (time.monotonic(), examine())
        return _known[1]


def may_see_details(request: HttpRequest) -> bool:
    """`Authorization: Bearer METRICS_TOKEN`; without a token configured nobody may."""
    given = request.headers.get("Authorization", "")
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(
        given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()
    )


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """200 without touching the database."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """503 only when this host must not get traffic; everything else is a warning with 200."""
    found = findings()
    if left_lately("web", time.time() - BORN):  # of this process alone: no other could say it of us
        found = [*found, Finding("stopping", 2, "this process was told to stop", True, {})]
    blocked = any(finding.gates and finding.level == 2 for finding in found)
    if may_see_details(request):
        body: dict[str, Any] = {f.name: f.details() for f in found}
    else:
        body = {f.name: f.word for f in found}
    return JsonResponse(body, status=503 if blocked else 200)


@require_safe
def openmetrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus; 401 without the token."""
    if not may_see_details(request):
        return HttpResponse("a token is needed\n", status=401, content_type="text/plain")
    return HttpResponse(metrics.exposition(findings()), content_type=metrics.CONTENT_TYPE)
