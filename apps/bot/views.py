"""The webhook: secret, store, handle, answer."""

from __future__ import annotations

import json
import logging

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.base.credentials import credential
from apps.base.fast_rows import through_a_restart
from apps.bot.connection import webhook_probe
from apps.bot.inbound import inbox
from apps.bot.inbound.incoming import NotAnUpdate
from apps.bot.models import InboundUpdate
from apps.bot.outbound.outbox import bot_id

log = logging.getLogger(__name__)

BODY_BYTES = 1_000_000
TRIES = 6  # to handle what is stored, three seconds in all: a database that restarts takes one or two
STORE_TRIES = 4  # a second in all; then Telegram comes again


def read_body(request: HttpRequest, limit: int = BODY_BYTES) -> bytes | None:
    """The body, or None when it is longer than `limit` bytes (chunked ones too)."""
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    # Django takes a body without a length for empty; gunicorn ends the stream where the last chunk ends
    stream = request.META["wsgi.input"] if chunked else request
    body = stream.read(limit + 1)
    return None if len(body) > limit else body


def knows_secret(given: str) -> bool:
    """Whether it is the secret in force; one that was rotated a moment ago is looked up, at most once a second."""
    return any(
        secret and constant_time_compare(given, secret)
        for secret in (credential("TELEGRAM_WEBHOOK_SECRET", fresh=age) for age in (5.0, 1.0))
    )


@csrf_exempt
@require_POST
def telegram_webhook(request: HttpRequest) -> HttpResponse:
    """200 stored or known; 401 bad secret, before the body is read; 400, 413, 503 as the contract says."""
    try:
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not through_a_restart(lambda: knows_secret(given), tries=STORE_TRIES):
            return HttpResponse(status=401)
        raw = read_body(request)
        if raw is None:
            return HttpResponse(status=413)
        body = json.loads(raw)
        if webhook_probe.is_probe(body):
            return JsonResponse(webhook_probe.answer(body))
        update = through_a_restart(lambda: inbox.receive(bot_id(), body), tries=STORE_TRIES)
    except (NotAnUpdate, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return HttpResponse(status=400)
    except DatabaseError:
        log.exception("an update could not be stored", extra={"action": "store_failed"})
        return HttpResponse(status=503)
    return _handled(update)


def _handled(update: InboundUpdate | None) -> HttpResponse:
    """Stored is stored: whatever handling does, Telegram hears 200."""
    answer = None
    if update is not None and update.next_at is not None:
        try:
            answer = inbox.handle_surely(update.chat_id, update, tries=TRIES)
        except Exception:
            log.exception("handling broke off; the clock rings it again", extra={"action": "handle_failed"})
    return JsonResponse(answer) if answer else HttpResponse(status=200)
