"""Lanes: how fast one gateway may be called over all processes, and the breaker that spares a sick one."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models import F

from apps.base.clock import RealNow
from apps.base.incidents import raise_incident, resolve_incident
from apps.base.stored_settings import Setting
from apps.orders.gateways.base import GatewayError
from apps.orders.models import GatewayLane

OPENS_AT = Setting("gateway_failures", 3, "Gateway dianggap mati setelah gagal (kali berturut-turut)", least=1, most=20)
PROBE = Setting("gateway_probe_seconds", 30, "Coba gateway lagi setiap (detik)", least=5, most=600)

# a time further ahead than any of ours is of a clock that was set back since
SLOT = """
INSERT INTO orders_gatewaylane AS l (name, free_at, failures)
VALUES (%(name)s, clock_timestamp() + make_interval(secs => %(gap)s), 0)
ON CONFLICT (name) DO UPDATE SET free_at = LEAST(
    GREATEST(l.free_at + make_interval(secs => %(gap)s), clock_timestamp()),
    clock_timestamp() + make_interval(secs => %(gap)s))
WHERE NOT l.free_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute'
  AND (l.open_until IS NULL OR NOT l.open_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '10 minutes')
RETURNING 1
"""


def take_slot(name: str, gap: float) -> bool:
    """Whether the caller may call now; False: the lane is busy, or its breaker is open."""
    with connection.cursor() as cursor:
        cursor.execute(SLOT, {"name": name, "gap": gap})
        return cursor.fetchone() is not None


def is_open(name: str) -> bool:
    """Whether the breaker lets nothing through now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM orders_gatewaylane WHERE name = %s"
            " AND open_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '10 minutes'",
            [name],
        )
        return cursor.fetchone() is not None


def call_failed(gateway: str, lane: str, error: GatewayError) -> None:
    """Count a failure on the gateway's side; the third in a row opens the breaker. The owner hears of that,
    and of a call that is refused for good (a key, a project)."""
    if error.permanent:
        raise_incident(f"gateway.{gateway}.refuses", "gateway_refuses", gateway=gateway, said=error.message)
        GatewayLane.objects.filter(name=lane, failures=0).update(failures=1)  # the next call that works ends it
    if not error.theirs:
        return
    lanes = GatewayLane.objects.filter(name=lane)
    lanes.update(failures=F("failures") + 1)
    if lanes.filter(failures__gte=OPENS_AT.get()).exists():
        lanes.update(open_until=RealNow() + timedelta(seconds=PROBE.get()))
        raise_incident(f"gateway.{gateway}", "gateway_down", gateway=gateway)


def call_worked(gateway: str, lane: str) -> None:
    """The gateway answered: close the breaker."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_gatewaylane SET failures = 0, open_until = NULL WHERE name = %s AND failures > 0", [lane]
        )
        healed = cursor.rowcount
    if healed:
        resolve_incident(f"gateway.{gateway}")
        resolve_incident(f"gateway.{gateway}.refuses")
