"""What must hold of orders, stock and money in every committed state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, Sum

from apps.base.clock import ShopNow
from apps.base.invariants import EVERYTHING, register
from apps.bot.testbuy_chat import without_synthetic
from apps.orders.kinds import BY_HAND, COUNTED, FOR_ALL
from apps.orders.models import LedgerEntry, Order, OrderLine, Seat
from apps.orders.states import LineState


@register("delivered", "every delivered line has what it sold, and its order has the money")
def delivered_without_cover(since: UUID = EVERYTHING) -> Iterable[str]:
    sold = Count("seats", filter=Q(seats__state__in=["sold", "quarantined"]))
    sent = OrderLine.objects.filter(pk__gte=since, state=LineState.SENT, ended_at__isnull=True).annotate(have=sold)
    counted = Q(product__kind__in=COUNTED) & ~Q(have=F("quantity"))
    content = Q(product__kind__in=FOR_ALL, content__isnull=True)
    made = Q(product__kind__in=BY_HAND, made_text__isnull=True, made_file__isnull=True)
    yield from map(str, sent.filter(counted | content | made).values_list("pk", flat=True))
    paid = Sum("payments__received", filter=Q(payments__received__isnull=False))
    short = Order.objects.filter(pk__gte=since, state__in=["paid", "delivered"], total__gt=0).annotate(money=paid)
    yield from short.filter(Q(money__isnull=True) | Q(money__lt=F("total"))).values_list("number", flat=True)


@register("seats", "no seat belongs to two running orders, and nothing sold once or taken off sale is for sale")
def seats_out_of_place(since: UUID = EVERYTHING) -> Iterable[str]:
    places = (  # each by its own index
        Q(state="available", is_shared=False, sold_at__isnull=False),
        Q(state="available", unit__off_sale_at__isnull=False),
        Q(state="reserved") & ~Q(line__order__state="awaiting_payment"),
        Q(state="sold", line__gte=since, line__order__paid_at__isnull=True),
    )
    for wrong in places:
        yield from map(str, Seat.objects.filter(wrong).values_list("pk", flat=True))
    over = OrderLine.objects.filter(pk__gte=since).annotate(have=Count("seats")).filter(have__gt=F("quantity"))
    yield from map(str, over.values_list("pk", flat=True))


@register("ledger", "money in equals money's homes, to the last rupiah")
def unbalanced_ledger(since: UUID = EVERYTHING) -> Iterable[str]:
    sources = Sum("amount", filter=Q(account__in=LedgerEntry.SOURCES), default=0)
    uses = Sum("amount", filter=Q(account__in=LedgerEntry.USES), default=0)
    by_order = (
        LedgerEntry.objects.filter(order__gte=since).values("order", "currency").annotate(sources=sources, uses=uses)
    )
    for row in by_order.exclude(sources=F("uses")):
        yield f"order {row['order']} {row['currency']}: {row['sources']} in, {row['uses']} placed"
    held = Sum("amount", filter=Q(account=LedgerEntry.Account.HELD), default=0)
    for order, amount in (
        LedgerEntry.objects.filter(order__gte=since).values_list("order").annotate(held=held).filter(held__lt=0)
    ):
        yield f"order {order}: {amount} held, more went out than came in"
    with connection.cursor() as cursor:
        cursor.execute(FORGOTTEN, {"since": since})
        for number, amount in cursor.fetchall():
            yield f"{number}: {amount} held although nothing waits for a hand"
        cursor.execute(COMPARE, {"since": since})
        for number, received, confirmed, sent, delivered in cursor.fetchall():
            yield f"{number}: received {received}, booked {confirmed}; sent {sent}, booked {delivered}"


FORGOTTEN = """
SELECT o.number, SUM(l.amount) FROM orders_ledgerentry l JOIN orders_order o ON o.id = l.order_id
WHERE l.order_id >= %(since)s AND l.account = 'held' AND o.state IN ('delivered', 'refunded')
  AND NOT EXISTS (SELECT 1 FROM orders_payment p WHERE p.order_id = o.id AND p.review <> '')
  AND NOT EXISTS (SELECT 1 FROM orders_orderline i WHERE i.order_id = o.id AND i.state = 'returned'
                  AND i.refunded_at IS NULL)
GROUP BY o.id, o.number HAVING SUM(l.amount) <> 0
"""

COMPARE = """
SELECT o.number, p.received, l.confirmed, i.sent, l.delivered
FROM orders_order o
LEFT JOIN (SELECT order_id, SUM(received) AS received FROM orders_payment
  WHERE order_id >= %(since)s GROUP BY 1) p ON p.order_id = o.id
LEFT JOIN (SELECT order_id, SUM(amount) FILTER (WHERE account = 'confirmed') AS confirmed,
                  SUM(amount) FILTER (WHERE account = 'delivered') AS delivered
           FROM orders_ledgerentry WHERE order_id >= %(since)s GROUP BY 1) l ON l.order_id = o.id
LEFT JOIN (SELECT order_id, SUM(price * quantity) AS sent FROM orders_orderline
  WHERE order_id >= %(since)s AND state = 'sent' GROUP BY 1) i
       ON i.order_id = o.id
WHERE o.id >= %(since)s
  AND (COALESCE(p.received, 0) <> COALESCE(l.confirmed, 0) OR COALESCE(i.sent, 0) <> COALESCE(l.delivered, 0))
"""


@register("paid lines", "every paid line has goods queued or sent, a promise, a review, or a refund")
def paid_without_goods(since: UUID = EVERYTHING) -> Iterable[str]:
    waiting = OrderLine.objects.filter(pk__gte=since, state=LineState.WAITING, order__state__in=["paid", "delivered"])
    yield from map(str, waiting.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(UNSENT)
        yield from (str(row[0]) for row in cursor.fetchall())


UNSENT = """
SELECT l.id FROM orders_orderline l
WHERE l.state = 'allocated' AND NOT EXISTS (
  SELECT 1 FROM bot_outboundmessage m
  WHERE m.about IN ('goods:' || l.order_id::text, 'made:' || l.id::text) AND m.about <> ''
    AND m.state IN ('queued', 'sending', 'sent')
) AND NOT EXISTS (
  SELECT 1 FROM base_errand e WHERE e.key IN ('goods:' || l.order_id::text, 'made:' || l.id::text)
)
"""


@register("work", "every order, payment and line that is not final has a next time")
def forgotten_work(since: UUID = EVERYTHING) -> Iterable[str]:
    with connection.cursor() as cursor:
        cursor.execute(FORGOTTEN_WORK, {"since": since})
        yield from (row[0] for row in cursor.fetchall())


FORGOTTEN_WORK = """
SELECT number FROM orders_order WHERE state = 'awaiting_payment' AND next_at IS NULL AND dead_at IS NULL
UNION ALL
SELECT reference FROM orders_payment WHERE id >= %(since)s AND closed_at IS NULL AND next_at IS NULL AND dead_at IS NULL
UNION ALL
SELECT id::text FROM orders_orderline
WHERE id >= %(since)s AND ends_at IS NOT NULL AND ended_at IS NULL AND next_at IS NULL AND dead_at IS NULL
"""


@register("late goods", "no paid line over 60 s old is still on its way", truth=False)
def late_goods(since: UUID = EVERYTHING) -> Iterable[str]:
    """Those of the synthetic buyer (free) ring by themselves, where it broke."""
    old = ShopNow() - timedelta(seconds=60)
    late = OrderLine.objects.filter(state=LineState.ALLOCATED, order__paid_at__lt=old, order__total__gt=0)
    yield from map(str, late.values_list("pk", flat=True))


@register("money owed", "no money that a buyer wants back waits for over a day", truth=False)
def owed_for_long(since: UUID = EVERYTHING) -> Iterable[str]:
    old = ShopNow() - timedelta(days=1)
    owed = OrderLine.objects.filter(state=LineState.RETURNED, refunded_at__isnull=True, promised_at__lt=old)
    yield from map(str, owed.values_list("pk", flat=True))


@register("promises", "no promise of something made by hand has passed", truth=False)
def broken_promises(since: UUID = EVERYTHING) -> Iterable[str]:
    late = OrderLine.objects.filter(state=LineState.BY_HAND, promised_at__lt=ShopNow())
    yield from map(str, late.values_list("pk", flat=True))


@register("free", "what costs nothing was ordered by the synthetic buyer alone")
def given_away(since: UUID = EVERYTHING) -> Iterable[str]:
    free = Order.objects.filter(Q(total=0) | Q(lines__price=0), pk__gte=since).distinct()
    yield from without_synthetic(free, "buyer").values_list("number", flat=True)
