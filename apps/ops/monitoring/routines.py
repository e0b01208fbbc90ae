"""What the shop does by itself at its times: a row each, rung by the clock like all work. A routine never becomes a
dead letter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils.module_loading import import_string

from apps.base.clock import shop_now
from apps.base.work.claimable import work
from apps.base.work.registered_tasks import task
from apps.ops.models import Routine

log = logging.getLogger(__name__)

ROUTINES = {  # name → what it does; it returns when it wants to be called again
    "health": "apps.ops.monitoring.health_watch.look_around",
    "synthetic": "apps.ops.monitoring.testbuy.walk",
    "books": "apps.ops.monitoring.invariant_watch.check_books",
    "way": "apps.ops.monitoring.alert_selftest.try_way",
    "backups": "apps.ops.backups.schedule.look",
    "report": "apps.ops.monitoring.daily_report.send_report",
}
AFTER_TROUBLE = timedelta(minutes=1)


def ensure_routines() -> None:
    """A row for each; called at every start (manage.py prepare)."""
    for name in ROUTINES:
        Routine.objects.get_or_create(name=name)
    Routine.objects.exclude(name__in=ROUTINES).update(next_at=None)
    # older code, after an update that went back, did not know it and put it to rest
    Routine.objects.filter(name__in=ROUTINES, next_at=None).update(next_at=shop_now(), dead_at=None, attempts=0)


@task
def run_routine(pk: str) -> None:
    """Task: one round of one routine."""
    work(Routine, pk, _run)


def _run(routine: Routine) -> datetime | None:
    if routine.name not in ROUTINES:  # of newer code, after an update that went back: it rests until that code starts
        return None
    do: Callable[[Routine], datetime] = import_string(ROUTINES[routine.name])
    try:
        return do(routine)
    except Exception:
        log.exception("a routine stumbled", extra={"action": "routine_failed", "routine": routine.name})
        return shop_now() + AFTER_TROUBLE
