"""Leases: one leader, and a holder that slept is refused."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.db import connection

from apps.base.work import leases
from apps.bot.outbound import claims


def expire() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE base_lease SET until = clock_timestamp() - interval '1 second'")


def test_one_leads_until_the_lease_ends(db: Any) -> None:
    first = leases.take_lease("bot", holder="a:1", host="a")
    assert first is not None
    assert leases.take_lease("bot", holder="b:1", host="b") is None
    assert leases.renew_lease(first)
    expire()
    second = leases.take_lease("bot", holder="b:1", host="b")
    assert second is not None
    assert second.epoch == first.epoch + 1
    assert not leases.renew_lease(first)


def test_an_expired_lease_is_not_renewed(db: Any) -> None:
    held = leases.take_lease("bot", holder="a:1", host="a")
    assert held is not None
    expire()
    assert not leases.renew_lease(held), "somebody else may have been told that it is free"


def test_a_restart_on_the_same_host_leads_at_once(db: Any) -> None:
    first = leases.take_lease("bot", holder="a:1", host="a")
    assert first is not None
    assert leases.take_lease("bot", holder="a:2", host="a") is None, "without the file lock nobody can know"
    again = leases.take_lease("bot", holder="a:2", host="a", alone_on_host=True)
    assert again is not None
    assert again.epoch == first.epoch + 1


def test_a_lease_given_back_is_free(db: Any) -> None:
    held = leases.take_lease("bot", holder="a:1", host="a")
    assert held is not None
    leases.give_back(held)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE base_lease SET until = until - interval '1 millisecond'")
    assert leases.take_lease("bot", holder="b:1", host="b") is not None


def test_a_paused_holder_is_refused_by_the_row_it_wants_to_write(db: Any) -> None:
    rounds = 1000 if os.environ.get("CAMPAIGN") else 50
    refused = 0
    for number in range(rounds):
        old = leases.take_lease("bot", holder=f"old:{number}", host="a", alone_on_host=True)
        assert old is not None
        expire()
        assert leases.take_lease("bot", holder=f"new:{number}", host="b") is not None
        expire()
        try:
            claims.turn([], epoch=old.epoch, room=1, silent=[], urgency=3)
        except claims.LeaseLost:
            refused += 1
    assert refused == rounds


@pytest.mark.parametrize("name", ["bot", "backup"])
def test_leases_of_different_names_do_not_meet(db: Any, name: str) -> None:
    assert leases.take_lease(name, holder="a:1", host="a") is not None
