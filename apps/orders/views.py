"""The gateways' webhook."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.base.fast_rows import through_a_restart
from apps.bot.views import STORE_TRIES, read_body
from apps.orders.gateways.base import Refused
from apps.orders.services import gateway_events

log = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def payment_webhook(request: HttpRequest, gateway: str) -> HttpResponse:
    """200 stored or known, however odd; 401 bad secret; 400; 404 no such gateway; 413; 503 could not store (they come
    again).
    """
    raw = read_body(request)
    if raw is None:
        return HttpResponse(status=413)
    try:
        through_a_restart(lambda: gateway_events.receive(gateway, request.headers, raw), tries=STORE_TRIES)
    except KeyError:
        return HttpResponse(status=404)
    except Refused as refusal:
        return HttpResponse(status=refusal.status)
    except (OperationalError, InterfaceError):
        log.exception("a gateway event could not be stored", extra={"action": "store_failed"})
        return HttpResponse(status=503)
    except Exception:
        log.exception("a gateway event cannot be read", extra={"action": "unreadable_event"})
        return _keep_as_it_came(gateway, raw)
    return HttpResponse(status=200)


def _keep_as_it_came(gateway: str, raw: bytes) -> HttpResponse:
    try:
        gateway_events.keep_unreadable(gateway, raw)
    except DatabaseError:
        return HttpResponse(status=503)
    return HttpResponse(status=200)
