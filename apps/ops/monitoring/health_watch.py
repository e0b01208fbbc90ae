"""The health checks, looked at by the shop itself: what does not work for a while becomes an incident, and ends by
itself.

A single bad look is none (a backup reads the disk, a queue is full for a moment): only what stays rings somebody at
night."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice

from apps.base.clock import shop_now
from apps.base.health import examine, words_for
from apps.base.incidents import open_incidents, raise_incident, replace_incident, resolve_incident
from apps.ops.models import Routine
from apps.orders.invariants import late_goods

EVERY = timedelta(seconds=30)
ENOUGH = 15  # weight at which people are told: three looks that fail, or five that warn, without a good one between
WEIGHTS = {1: 3, 2: 5}  # level → weight of one look
COUNTED = 100  # late goods; more are said as so many
WELL = 2  # looks in a row until it is over
ALL_BROUGHT = 10  # looks without late goods until those are over: a slow Telegram makes single ones late, now and then


@dataclass
class Watched:
    """The rule for one check, without clock or database: feed it looks, it says what to do.

    After people were told that something needs a look, three looks in a row that fail are told anew.
    """

    bad: int = 0
    well: int = 0
    told: int = 0  # the level that people were told of

    def see(self, level: int, *, enough: int = ENOUGH, well: int = WELL) -> str:
        """`level`: 0 well, 1 needs a look, 2 does not work. Returns raise, worsen, resolve or nothing."""
        if level == 0:
            self.bad, self.well = 0, self.well + 1
            if self.told and self.well >= well:
                self.told = 0
                return "resolve"
            return ""
        self.well = 0
        most = 2 * ENOUGH if 0 < self.told < level else ENOUGH
        self.bad = min(most, self.bad + WEIGHTS[level])
        if not self.told and self.bad >= enough:
            self.told = level
            return "raise"
        if self.bad == 2 * ENOUGH:
            self.told = level
            return "worsen"
        return ""


def look_around(routine: Routine, *, apart: bool = True) -> datetime:
    """One look at every check; what each was like is kept in the routine's memory."""
    memory: dict[str, dict[str, object]] = {}
    still_open = set(open_incidents().values_list("key", flat=True))

    def judge(name: str, key: str, level: int, **limits: int) -> str:
        watched = Watched(**routine.memory.get(name, {}))
        if watched.told and level and key not in still_open:
            watched = Watched()  # somebody closed it too early: it is told again when it stays
        verdict = watched.see(level, **limits)
        if watched != Watched(well=watched.well):
            memory[name] = asdict(watched)
        return verdict

    for finding in examine(apart=apart):
        if not words_for(finding.name):
            continue  # something else tells of it
        key = f"health.{finding.name}"
        verdict = judge(finding.name, key, finding.level)
        if verdict == "raise":
            raise_incident(key, "health", check=finding.name, says=finding.says)
        elif verdict == "worsen":
            replace_incident(key, "health", check=finding.name, says=finding.says)
        elif verdict == "resolve":
            resolve_incident(key)
    # what is paid and not with its buyer is told at the first look: it has waited for 60 s already
    late = len(list(islice(late_goods(), COUNTED)))
    verdict = judge("goods", "goods.late", 2 if late else 0, enough=1, well=ALL_BROUGHT)
    if verdict == "raise":
        raise_incident("goods.late", "goods_late", late=late)
    elif verdict == "resolve":
        resolve_incident("goods.late")
    routine.remember(**memory)
    return shop_now() + EVERY
