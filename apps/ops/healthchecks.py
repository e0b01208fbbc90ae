"""Health of what the roof does by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.base.clock import shop_now
from apps.base.health import Figures, ServiceUnavailable, ServiceWarning, health_check
from apps.ops.models import Routine

OLD = timedelta(minutes=15)  # since the synthetic buyer last got its goods


@health_check("buyer")
def buyer() -> Figures | None:
    """The synthetic buyer; nothing to say before its first round."""
    routine = Routine.objects.filter(name="synthetic").first()
    if routine is None or not routine.memory:
        return None
    if routine.memory.get("failed", 0) > 1:
        raise ServiceUnavailable("the synthetic buyer does not get its goods: manage.py testbuy says where it breaks")
    if "well_at" not in routine.memory:
        return None
    ago = shop_now() - datetime.fromisoformat(routine.memory["well_at"])
    if ago > OLD:
        raise ServiceWarning(f"the synthetic buyer last got its goods {ago.total_seconds() / 60:.0f} min ago")
    return {"seconds_ago": ago.total_seconds()}
