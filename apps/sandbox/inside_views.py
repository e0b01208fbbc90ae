"""`GET /sandbox/inside/?buyer=701` tells the story; `POST` lends a hand."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponseBadRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_http_methods

from apps.base.clock import shop_now
from apps.sandbox import actions
from apps.sandbox.order_story import story_of

ACTOR = "sandbox"


@require_http_methods(["GET", "POST"])
def inside(request: HttpRequest) -> HttpResponseBase:
    """JSON for the chat page's panel. 400 for what is not understood."""
    try:
        if request.method == "POST":
            return JsonResponse(_lend_a_hand(json.loads(request.body)))
        buyer = int(request.GET.get("buyer", 0))
    except (ValueError, KeyError, TypeError):
        return HttpResponseBadRequest("not understood")
    story = story_of(buyer) if buyer else {"order": "", "state": "", "steps": []}
    return JsonResponse({**_clock(), **story})


def _clock() -> dict[str, Any]:
    """Shop time, and by how many seconds it is ahead."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXTRACT(EPOCH FROM shop_now() - now())")
        ahead = round(cursor.fetchone()[0])
    return {"now": shop_now().timestamp(), "ahead": ahead}


def _lend_a_hand(body: dict[str, Any]) -> dict[str, Any]:
    """One of: clock (minutes), finish (order), stock (code, units), restart. Raises KeyError, ValueError."""
    what = body["do"]
    if what == "clock":
        actions.pass_time(int(body["minutes"]))
    elif what == "finish":
        return {"finished": actions.finish_order(str(body["order"]), ACTOR)}
    elif what == "stock":
        return {"free": actions.leave_units(str(body["code"]), int(body["units"]), ACTOR)}
    elif what == "restart":
        return {"killed": actions.kill_everything()}
    else:
        raise ValueError(what)
    return _clock()
