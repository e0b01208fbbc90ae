"""Health of what the roof does by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.base.clock import shop_now
from apps.base.health import Figures, ServiceUnavailable, ServiceWarning, health_check
from apps.ops.models import Routine

OLD = timedelta(minutes=15)  # since the synthetic buyer last got its goods


def _memory() -> dict[str, Any]:
    routine = Routine.objects.filter(name="synthetic").first()
    return routine.memory if routine else {}


@health_check("buyer")
def buyer() -> None:
    """The synthetic buyer; it rings by itself (apps.ops.monitoring.testbuy)."""
    if _memory().get("failed", 0) > 1:
        raise ServiceUnavailable("the synthetic buyer does not get its goods: manage.py testbuy says where it breaks")


@health_check("buyer age", tells=_("Pembeli uji sudah lama tidak belanja, jadi gangguan bisa tidak ketahuan."))
def buyer_age() -> Figures | None:
    """Whether it still goes shopping at all; nothing to say before its first goods."""
    memory = _memory()
    if memory.get("failed") or "well_at" not in memory:
        return None
    ago = shop_now() - datetime.fromisoformat(memory["well_at"])
    if ago > OLD:
        raise ServiceWarning(f"the synthetic buyer last got its goods {ago.total_seconds() / 60:.0f} min ago")
    return {"seconds_ago": ago.total_seconds()}
