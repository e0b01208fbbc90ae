"""What a long history costs: a database filled by SQL (`ORDERS` orders, four messages and ten audit rows each), then
every look, list and proof that people or processes ask for, timed.

    ONLY=history make bench              a million orders (some minutes, 12 GB of disk)
    HISTORY=100000 ONLY=history make bench
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.inside import Row, database

BATCH = 5000
ORDERS = int(os.environ.get("HISTORY") or 1_000_000)

# keys as ours grow: 48 bits of milliseconds, one order a second up to now
KEY = (
    "(lpad(to_hex(({now} - ({n} - g) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(g % 4096), 3, '0') || '8' ||"
    " {tag} || lpad(to_hex(g), 14, '0'))::uuid"
)
FILL = """
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO bot_chat (id, telegram_hash, telegram_id, kind, language, window_actions)
  SELECT {chat}, decode(lpad(to_hex(g), 66, '0'), 'hex'), '\\x00', 'private', 'id', 0 FROM generate_series(1, {n} / 10) g;
INSERT INTO orders_order (id, number, buyer_id, state, total, token, review, created_at, expires_at, paid_at, attempts, last_error, next_at)
  SELECT {order}, 'AO-' || lpad(to_hex(g), 7, '0'), {buyer}, 'delivered', 18000, 'h' || g, '', {at}, {at}, {at}, 0, '', NULL
  FROM generate_series(1, {n}) g;
INSERT INTO orders_orderline (id, order_id, product_id, variant_id, name, price, quantity, state, made_file_name, untold, attempts, last_error, next_at, sent_at)
  SELECT {line}, {order}, {product}, {variant}, 'Spotify Premium', 18000, 1, 'sent', '', false, 0, '', NULL, {at} FROM generate_series(1, {n}) g;
INSERT INTO orders_stockunit (id, product_id, variant_id, content, content_hash, added_at)
  SELECT {unit}, {product}, {variant}, '\\x00', decode(lpad(to_hex(g), 66, '0'), 'hex'), {at} FROM generate_series(1, {n}) g;
INSERT INTO orders_seat (id, unit_id, variant_id, number, sequence, is_shared, state, line_id, sold_at)
  SELECT {seat}, {unit}, {variant}, 1, g, false, 'sold', {line}, {at} FROM generate_series(1, {n}) g;
INSERT INTO orders_payment (id, order_id, gateway, reference, transaction, state, amount, total_payment, fee, received, review, trouble_told, created_at, confirmed_at, closed_at, attempts, last_error, next_at)
  SELECT {payment}, {order}, 'pakasir', 'AO-' || lpad(to_hex(g), 7, '0'), 'h_' || g, 'confirmed', 18000, 18436, 436, 18000, '', false, {at}, {at}, {at}, 0, '', NULL
  FROM generate_series(1, {n}) g;
INSERT INTO orders_ledgerentry (id, at, account, amount, currency, order_id, payment_id)
  SELECT {key}, {at}, v.account, v.amount, 'IDR', {order}, {payment} FROM generate_series(1, {n}) g,
  (VALUES ('confirmed', 18000, 'a'), ('held', 18000, 'b'), ('held', -18000, 'c'), ('delivered', 18000, 'd')) AS v(account, amount, tag);
INSERT INTO bot_inboundupdate (id, bot, update_id, chat_id, kind, body, outcome, attempts, last_error, stored_at, next_at)
  SELECT {update}, 1, g, {buyer}, 'message', '\\x00', 'command:start', 0, '', {at}, NULL FROM generate_series(1, {n}) g;
INSERT INTO bot_outboundmessage (id, chat_id, kind, urgency, method, payload, file_name, state, plainness, unknowns, epoch, on_sent, on_failed, about, attempts, last_error, queued_at, sent_at, next_at)
  SELECT {message}, {buyer}, 'reply', 1, 'sendMessage', '\\x00', '', 'sent', 0, 0, 1, '', '', '', 1, '', {at}, {at}, NULL
  FROM generate_series(1, {n}) g, (VALUES ('1'), ('2'), ('3'), ('4')) AS v(tag);
INSERT INTO orders_gatewayevent (id, gateway, accepted, reason, transaction, reference, status, body, times, asked, stored_at, attempts, last_error, next_at)
  SELECT {event}, 'pakasir', true, '', 'h_' || g, 'AO-' || lpad(to_hex(g), 7, '0'), 'completed', '\\x00', 1, 1, {at}, 0, '', NULL FROM generate_series(1, {n}) g;
INSERT INTO base_auditrow (id, at, actor, kind, subject, data, mac)
  SELECT {audit}, {at}, 'shop', 'goods.sent', 'order:AO-' || lpad(to_hex(g), 7, '0'), '{{}}', '\\x00' FROM generate_series(1, {n}) g,
  (VALUES ('0'), ('1'), ('2'), ('3'), ('4'), ('5'), ('6'), ('7'), ('8'), ('9')) AS v(tag);
ANALYZE
"""


def fill(live: Any, orders: int) -> None:
    """A history of so many orders, one a second until three days ago, so that the newest rows are the shop's own."""
    from django.db import connection

    ((product, variant),) = live.sql("SELECT product_id, id FROM orders_variant WHERE price > 0 ORDER BY id LIMIT 1")
    now = int((time.time() - 3 * 86400) * 1000)

    def key(tag: str) -> str:
        return KEY.format(now=now, n=orders, tag=tag)

    names = {
        "order": key("'0'"),
        "line": key("'1'"),
        "unit": key("'2'"),
        "seat": key("'3'"),
        "payment": key("'4'"),
        "update": key("'5'"),
        "event": key("'6'"),
        "chat": key("'7'"),
        "message": key("v.tag"),
        "audit": key("v.tag"),
        "key": key("v.tag"),
        "buyer": buyer_key(now, orders),
    }
    at = f"(to_timestamp({now} / 1000.0) - make_interval(secs => {orders} - g))"
    with connection.cursor() as cursor:
        for statement in FILL.format(n=orders, at=at, product=product, variant=variant, **names).split(";\n"):
            cursor.execute(statement)
        cursor.execute("RESET session_replication_role")
    seal_chats()


def seal_chats() -> None:
    """Their numbers are shown in lists, and sealed for their key: SQL cannot make them."""
    from django.db import connection

    from apps.base.sealing import seal

    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM bot_chat WHERE length(telegram_id) = 1")
        rows = [(seal(b"700000001", column="chat.telegram_id", pk=pk), pk) for (pk,) in cursor.fetchall()]
        for start in range(0, len(rows), BATCH):
            sealed, those = zip(*rows[start : start + BATCH], strict=True)
            cursor.execute(
                "UPDATE bot_chat SET telegram_id = new.sealed FROM unnest(%s::bytea[], %s::uuid[]) AS new(sealed, id)"
                " WHERE bot_chat.id = new.id",
                [list(sealed), list(those)],
            )


def buyer_key(now: int, orders: int) -> str:
    """The key of one of the people who order, each of them ten times."""
    person = f"(1 + g % ({orders} / 10))"
    made = KEY.format(now=now, n=orders, tag="'7'")
    return (
        made.replace(" g)", f" {person})")
        .replace("(g)", f"({person})")
        .replace("(g %", f"({person} %")
        .replace("(g,", f"({person},")
    )


def timed(job: Callable[[], Any]) -> float:
    """Milliseconds of the better of two runs."""
    took = []
    for _ in range(2):
        begun = time.perf_counter()
        job()
        took.append((time.perf_counter() - begun) * 1000)
    return min(took)


def history(folder: Path) -> Iterator[Row]:
    live = database(folder)
    try:
        begun = time.monotonic()
        fill(live, ORDERS)
        yield f"a history of {ORDERS:,} orders made", f"{time.monotonic() - begun:.0f} s", "—"
        yield from looks()
        yield from lists()
        yield from proofs()
    finally:
        from django.db import connections

        connections.close_all()
        live.stop()


def looks() -> Iterator[Row]:
    from apps.base.health import REGISTRY, examine
    from apps.ops.dashboard.dead_letters import dead_letters

    for check in REGISTRY:
        took = timed(lambda check=check: _quietly(check.look_once))
        if took > 5:
            yield f"history: the look `{check.name}`", f"{took:.0f} ms", "< 50 ms"
    yield "history: all looks of `/healthz/ready`", f"{timed(examine):.0f} ms", "< 200 ms"
    yield "history: dead letters", f"{timed(dead_letters):.0f} ms", "< 50 ms"


def _quietly(look: Callable[[], Any]) -> None:
    from health_check.exceptions import HealthCheckException

    try:
        look()
    except HealthCheckException:
        pass


def lists() -> Iterator[Row]:
    from django.contrib import admin
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.urls import get_resolver, reverse

    get_resolver().url_patterns  # noqa: B018  (only then the dashboard is there)
    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.filter(is_superuser=True).first())
    slowest = ("", 0.0)
    for model in admin.site._registry:
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for query in ("", "?q=AO-00000a1"):
            took = timed(lambda page=page, query=query: client.get(page + query))
            slowest = max(slowest, (f"{model._meta.model_name}{query}", took), key=lambda found: found[1])
    yield f"history: the slowest list or search of the dashboard ({slowest[0]})", f"{slowest[1]:.0f} ms", "< 500 ms"


def proofs() -> Iterator[Row]:
    from apps.base.invariants import REGISTRY
    from apps.ops.monitoring.invariant_watch import prove

    took = {rule.name: timed(lambda rule=rule: prove(rule)) for rule in REGISTRY if rule.is_truth}
    name, longest = max(took.items(), key=lambda found: found[1])
    yield f"history: the slowest hourly proof ({name})", f"{longest:.0f} ms", "< 10,000 ms"


QUESTIONS = [history]
