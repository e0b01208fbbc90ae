"""What retention removes: 400 simulated days, and what it never removes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from apps.ops.backups.schedule import due
from host.backups.retention import Kept, Rule, may_go

JAKARTA = ZoneInfo("Asia/Jakarta")
START = datetime(2026, 1, 1, tzinfo=UTC)


def test_four_hundred_days() -> None:
    """The shop's own schedule, hour by hour, and retention every six."""
    kept: list[Kept] = []
    whole = last = None
    for hour in range(400 * 24):
        now = START + timedelta(hours=hour, minutes=31)
        kind = due(now, JAKARTA, whole=whole, last=last, tried=last)
        assert kind in ("hourly", "daily", "weekly")
        last, whole = now, whole if kind == "hourly" else now
        kept.append(Kept(f"{hour:05d}-{kind}", now, kind != "hourly", good=True, proven=kind != "hourly"))
        if hour % 6:
            continue
        gone = set(may_go(kept, Rule(), JAKARTA))
        assert gone <= {backup.name for backup in kept[:-1]}
        kept = [backup for backup in kept if backup.name not in gone]
    ages = sorted((now - backup.at).days for backup in kept)
    assert 24 + 6 <= len(kept) <= 24 + 7 + 4 + 12 + 6
    assert ages[-1] > 300, "of the twelfth month back there is still one"
    assert sum(age < 1 for age in ages) >= 24
    assert sum(1 for backup in kept if backup.whole and (now - backup.at).days < 7) >= 7


@given(
    st.lists(
        st.builds(
            Kept,
            name=st.uuids().map(str),
            at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
            whole=st.booleans(),
            good=st.booleans(),
            proven=st.booleans(),
        ),
        max_size=40,
    ),
    st.builds(Rule, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
)
def test_the_last_good_and_the_last_proven_one_stay(backups: list[Kept], rule: Rule) -> None:
    gone = set(may_go(backups, rule, JAKARTA))
    for those in ([b for b in backups if b.good], [b for b in backups if b.proven]):
        if those:
            newest = max(those, key=lambda b: (b.at, b.name))
            assert newest.name not in gone


class TestSchedule:
    def at(self, hour: int, minute: int = 0, day: int = 2) -> datetime:
        return datetime(2026, 12, day, hour, minute, tzinfo=JAKARTA)

    def test_the_first_one_is_whole(self) -> None:
        assert due(self.at(14), JAKARTA, whole=None, last=None, tried=None) == "daily"

    def test_every_hour_the_database(self) -> None:
        whole = self.at(2, 31)
        assert due(self.at(3, 1), JAKARTA, whole=whole, last=whole, tried=whole) == "hourly"
        assert due(self.at(2, 59), JAKARTA, whole=whole, last=whole, tried=whole) == ""

    def test_everything_at_half_past_two(self) -> None:
        whole, last = self.at(2, 31, day=1), self.at(2, 1)
        assert due(self.at(2, 29), JAKARTA, whole=whole, last=last, tried=last) == ""
        assert due(self.at(2, 30), JAKARTA, whole=whole, last=last, tried=last) == "daily"
        assert due(self.at(2, 30, day=6), JAKARTA, whole=whole, last=last, tried=last) == "weekly"

    def test_one_that_failed_comes_again_after_a_few_minutes(self) -> None:
        whole, tried = self.at(2, 31, day=1), self.at(2, 30)
        assert due(self.at(2, 35), JAKARTA, whole=whole, last=whole, tried=tried) == ""
        assert due(self.at(2, 41), JAKARTA, whole=whole, last=whole, tried=tried) == "daily"
