"""Which backups may go: a pure function of what there is and what time it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo


@dataclass(frozen=True)
class Kept:
    """What retention must know of a backup. `whole`: with files and settings, not the database alone."""

    name: str
    at: datetime
    whole: bool
    good: bool  # read back and found as written
    proven: bool  # restored, and the rows compared


@dataclass(frozen=True)
class Rule:
    """How many of the newest hours, days, weeks and months keep their last backup."""

    hourly: int = 24
    daily: int = 7
    weekly: int = 4
    monthly: int = 12


def may_go(backups: Iterable[Kept], rule: Rule, zone: tzinfo) -> list[str]:
    """Names that no rule keeps, oldest first. Days and weeks are the shop's own (`zone`).

    The newest of each hour, day, week and month is kept; for days and longer of the whole ones. Never in it: the last
    good one and the last proven one, whatever their age, and those that nobody has looked at since they were made.
    """
    known = sorted(backups, key=lambda backup: (backup.at, backup.name))
    whole = [backup for backup in known if backup.whole]
    keep: set[str] = set()
    for those, count, slot in (
        (known, rule.hourly, "%Y-%m-%d %H %z"),
        (whole, rule.daily, "%Y-%m-%d"),
        (whole, rule.weekly, "%G-%V"),
        (whole, rule.monthly, "%Y-%m"),
    ):
        keep |= _newest_of_each([b for b in those if b.good], count, slot, zone)
    for chosen in ([b for b in known if b.good], [b for b in known if b.proven], [b for b in whole if b.good]):
        keep |= {chosen[-1].name} if chosen else set()
    newest_good = max((backup.at for backup in known if backup.good), default=None)
    keep |= {b.name for b in known if not b.good and (newest_good is None or b.at > newest_good)}
    return [backup.name for backup in known if backup.name not in keep]


def _newest_of_each(backups: list[Kept], count: int, slot: str, zone: tzinfo) -> set[str]:
    newest: dict[str, str] = {}
    for backup in reversed(backups):
        mark = backup.at.astimezone(zone).strftime(slot)
        if mark not in newest:
            if len(newest) == count:
                break
            newest[mark] = backup.name
    return set(newest.values())
