"""Leases with an epoch, on database time only. A holder that slept is refused by the epoch it remembers."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, models
from django.db.models.functions import Now

SECONDS = 15.0


class Lease(models.Model):
    """Who may lead, under which number, until when (database time)."""

    name = models.CharField(primary_key=True, max_length=40)
    holder = models.CharField(max_length=120)
    host = models.CharField(max_length=120)
    epoch = models.BigIntegerField()
    until = models.DateTimeField()

    class Meta:
        app_label = "base"


@dataclass(frozen=True)
class Held:
    """A lease as its holder knows it."""

    name: str
    holder: str
    epoch: int


TAKE = """
INSERT INTO base_lease AS l (name, holder, host, epoch, until)
VALUES (%(name)s, %(holder)s, %(host)s, 1, clock_timestamp() + make_interval(secs => %(secs)s))
ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, host = EXCLUDED.host, epoch = l.epoch + 1,
    until = EXCLUDED.until
WHERE l.until < clock_timestamp()
  OR l.until > clock_timestamp() + make_interval(secs => 2 * %(secs)s)
  OR (%(alone)s AND l.host = EXCLUDED.host)
RETURNING epoch
"""


def take_lease(name: str, *, holder: str, host: str, alone_on_host: bool = False) -> Held | None:
    """Take a free or expired lease with a new epoch; None while somebody else leads. One that lasts longer than any is
    taken for expired: the clock was set back since.

    `alone_on_host`: the caller holds a file lock which proves that the old process on this host is gone,
    so it retakes its host's lease at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"name": name, "holder": holder, "host": host, "secs": SECONDS, "alone": alone_on_host})
        row = cursor.fetchone()
    return Held(name, holder, row[0]) if row else None


def renew_lease(held: Held) -> bool:
    """Hold it for another 15 s. False: it is lost, stop at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE base_lease SET until = clock_timestamp() + make_interval(secs => %s)"
            " WHERE name = %s AND epoch = %s AND until >= clock_timestamp()",
            [SECONDS, held.name, held.epoch],
        )
        return cursor.rowcount == 1


def give_back(held: Held) -> None:
    """End it now, so that a standby need not wait."""
    Lease.objects.filter(name=held.name, epoch=held.epoch).update(until=Now())
