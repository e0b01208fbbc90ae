"""Chat page and gateway page. They talk to the fakes' process through `api`, so that the browser needs one address."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

ASKABLE = re.compile(r"state|messages|users|say|press|upload|block|transactions|pay|faults|counters|file/[0-9a-f]{32}")
SECONDS = 10


def _page() -> dict[str, str]:
    return {"store": settings.STORE_NAME, "zone": settings.TIME_ZONE}


@require_safe
@ensure_csrf_cookie
def chat(request: HttpRequest) -> HttpResponse:
    return render(request, "sandbox/chat.html", _page())


@require_safe
@ensure_csrf_cookie
def gateway(request: HttpRequest) -> HttpResponse:
    return render(request, "sandbox/gateway.html", _page())


def api(request: HttpRequest, what: str) -> HttpResponse:
    """Pass one call on to the fakes; 502 while they restart."""
    if not ASKABLE.fullmatch(what):
        raise Http404
    query = request.META.get("QUERY_STRING", "")
    url = f"{settings.SANDBOX_URL}/control/{what}{'?' + query if query else ''}"
    data = request.body if request.method == "POST" else None
    call = urllib.request.Request(url, data=data, headers={"Content-Type": request.content_type or "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(call, timeout=SECONDS) as answer:  # noqa: S310  # nosec B310: our own loopback address
            body, status, kind = answer.read(), answer.status, answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        body, status, kind = error.read(), error.code, error.headers.get_content_type()
    except OSError:
        return HttpResponse("the sandbox restarts", status=502)
    if what.startswith("file/"):
        kind = picture_type(body)
    return HttpResponse(body, status=status, content_type=kind)


def picture_type(body: bytes) -> str:
    """Only pictures are shown by the browser; everything else is a download."""
    if body.startswith(b"\x89PNG"):
        return "image/png"
    return "image/jpeg" if body.startswith(b"\xff\xd8") else "application/octet-stream"
