"""Health of selling: gateways, goods on their way, promises."""

from __future__ import annotations

from itertools import islice

from apps.base.clock import RealNow
from apps.base.health import Figures, ServiceUnavailable, ServiceWarning, health_check
from apps.orders import invariants
from apps.orders.gateways.registry import first_ready
from apps.orders.models import GatewayLane

COUNTED = 100


@health_check("gateway")
def gateway() -> None:
    if first_ready() is None:
        raise ServiceWarning("no payment gateway is set up: nobody can pay")
    closed = GatewayLane.objects.filter(open_until__gt=RealNow()).values_list("name", flat=True)
    if names := sorted(closed):
        raise ServiceUnavailable(f"the gateway does not answer: {', '.join(names)} rests and is tried every 30 s")


@health_check("goods")
def goods() -> Figures:
    late = len(list(islice(invariants.late_goods(), COUNTED)))
    if late:
        raise ServiceUnavailable(f"{late} paid lines are on their way for over 60 s")
    return {"late": late}


@health_check("promises")
def promises() -> Figures:
    past = len(list(islice(invariants.broken_promises(), COUNTED)))
    owed = len(list(islice(invariants.owed_for_long(), COUNTED)))
    if past or owed:
        raise ServiceWarning(f"{past} promises are past, {owed} buyers wait for money for over a day")
    return {"past": past, "owed": owed}
