"""The registry of invariants. A truth holds in every committed state; a freshness may be late.

Each is asked about the rows from some key on (keys grow with time): the shop proves what is new every hour, the command
all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from apps.base.audit import AuditRow
from apps.base.work.leases import Lease

FIRST = 10  # ids shown
EVERYTHING = UUID(int=0)  # the key before all others
MOST_AUDIT_ROWS = 200_000  # of the newest that an hourly proof computes


@dataclass(frozen=True)
class Invariant:
    """One checked sentence: `broken(since)` yields what breaks it, as short ids, among rows made from the key `since`
    on.
    """

    name: str
    says: str
    broken: Callable[[UUID], Iterable[str]]
    is_truth: bool = True


REGISTRY: list[Invariant] = []


def page_of(name: str) -> str:
    """The page that says what an invariant means and what to do."""
    return f"docs/invariants/{name.replace(' ', '-')}.md"


def register(name: str, says: str, *, truth: bool = True) -> Callable[..., Callable[..., Iterable[str]]]:
    """Decorator: the function yields ids of rows that break the sentence `says`, from a key on."""

    def keep(check: Callable[..., Iterable[str]]) -> Callable[..., Iterable[str]]:
        REGISTRY.append(Invariant(name, says, check, truth))
        return check

    return keep


@register("audit", "every audit row is as it was written")
def tampered_audit_rows(since: UUID = EVERYTHING) -> Iterable[str]:
    rows = AuditRow.objects.filter(pk__gte=since)
    rows = rows.order_by("id") if since == EVERYTHING else rows.order_by("-id")[:MOST_AUDIT_ROWS]
    for row in rows.iterator(chunk_size=2000):
        if bytes(row.mac) != row.expected_mac():
            yield str(row.pk)


@register("lease", "at most one live leader per lease")
def leases_with_two_leaders(since: UUID = EVERYTHING) -> Iterable[str]:
    # the name is the primary key, so two rows cannot be: what can be wrong is a lease without a holder
    yield from Lease.objects.filter(holder="").values_list("name", flat=True)
