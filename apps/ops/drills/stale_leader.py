"""`python -m apps.ops.drills.stale_leader ROUNDS [--planted]`: runs inside a copy whose bot is stopped.

A holder takes the lease and is paused; another takes over; the first wakes and wants to write. Each time the row itself
must refuse it. Prints JSON: rounds, refused. `--planted`: the refusal is taken out, so that the drill can be seen to
fail."""

from __future__ import annotations

import json
import sys
from typing import Any

import django


def main(rounds: int, *, planted: bool) -> dict[str, int]:
    django.setup()
    from django.db import connection

    from apps.base.work import leases
    from apps.bot.outbound import claims

    if planted:
        claims._refuse_stale = lambda epoch: None
    refused = 0
    for number in range(rounds):
        old = _take(leases, connection, f"old:{number}")
        _take(leases, connection, f"new:{number}")
        try:
            claims.turn([], epoch=old, room=0, silent=[], urgency=3)
        except claims.LeaseLost:
            refused += 1
    return {"rounds": rounds, "refused": refused}


def _take(leases: Any, connection: Any, holder: str) -> int:
    """Let the lease run out, then take it; returns the new epoch."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE base_lease SET until = clock_timestamp() - interval '1 second' WHERE name = 'bot'")
    held = leases.take_lease("bot", holder=holder, host=holder)
    return int(held.epoch)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), planted="--planted" in sys.argv)) + "\n")
