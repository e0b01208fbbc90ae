"""Every drill there is, imported where they are played."""

from __future__ import annotations

from apps.ops.drills import backup, chaos, failover
from apps.ops.drills.runner import REGISTRY, register


def load() -> None:
    """Fill the registry once."""
    for drill in (chaos.DRILL, failover.DRILL, backup.DRILL):
        if drill.name not in REGISTRY:
            register(drill)
