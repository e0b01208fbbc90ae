"""Restoring beside the live shop, taking its place, and back; nothing is sold twice."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from apps.base import credentials
from apps.base.models import AuditRow
from apps.base.work import leases
from apps.bot.chats import chat_of
from apps.ops.backups import conf, restore, take
from apps.ops.models import Backup
from apps.orders.models import Seat, Variant
from apps.orders.services import checkout, payment
from apps.orders.services.hoarding_limits import Wanted
from apps.orders.states import OrderState, SeatState
from host.backups import bundle, dump, swap
from host.environment import ROOT
from tests.backups.conftest import silent


@pytest.fixture
def shop(backed_up: Any, monkeypatch: Any, request: Any) -> Iterator[Any]:
    """With one backup; whatever stands beside it afterwards is dropped. Migrating and the truths of what is staged, two
    commands of a second each, are left to the test of the whole way.
    """
    if "whole_way" not in request.node.name:
        monkeypatch.setattr(restore, "_manage", lambda url, *words: None)
        monkeypatch.setattr(restore, "broken_truths", lambda url: set())
    take.take("hourly", silent)
    yield backed_up
    connections.close_all()
    url = conf.owner_url()
    for name in (restore.STAGED, restore.BEFORE):
        dump.drop_database(dump.with_database(url, "postgres"), dump.database_of(url) + name)


def staged(key: Any) -> Any:
    return restore.stage(restore.find("newest"), key, silent)


def sell_one(product: str, buyer: int = 701) -> None:
    """An order that holds a seat and is sold as the settling does it."""
    variant = Variant.objects.get(product__code=product)
    order = checkout.place(buyer=chat_of(buyer), basket=[Wanted(variant, 1, [])])
    Seat.objects.filter(line__order=order).update(state=SeatState.SOLD, sold_at=order.created_at)


def states() -> Counter[str]:
    return Counter(Seat.objects.values_list("state", flat=True))


def test_what_is_staged_is_the_backup_and_the_shop_goes_on(shop: Any) -> None:
    sell_one("spotify")
    staged(shop)
    assert restore.staged_now() is not None
    found = restore.difference()
    assert found["orders_order"] == (1, 0)
    assert states()["sold"] == 1


def test_activated_nothing_is_sold_twice(shop: Any) -> None:
    sell_one("spotify")
    staged(shop)
    sell_one("canva")  # between staging and activating
    given = set(Seat.objects.exclude(state="available").values_list("pk", flat=True))
    assert restore.activate() == 2
    assert states() == {"available": 3, "quarantined": 2}
    assert set(Seat.objects.filter(state="quarantined").values_list("pk", flat=True)) == given
    assert AuditRow.objects.filter(kind="restore.activated").count() == 1
    call_command("checkinvariants", stdout=io.StringIO())
    assert restore.staged_now() is None


def test_undone_it_is_as_before_and_still_nothing_twice(shop: Any) -> None:
    sell_one("spotify")
    staged(shop)
    restore.activate()
    sell_one("canva")  # from the restored one
    sold = Seat.objects.get(state="sold").pk
    assert restore.undo() == 1
    assert states() == {"available": 3, "sold": 1, "quarantined": 1}
    assert Seat.objects.get(pk=sold).state == "quarantined"


def test_a_seat_that_went_to_another_order_since_is_held(shop: Any) -> None:
    variant = Variant.objects.get(product__code="canva")
    order = checkout.place(buyer=chat_of(701), basket=[Wanted(variant, 1, [])])
    take.take("hourly", silent)  # it is reserved in this one
    payment.end_unpaid(order_id=order.pk, to=OrderState.CANCELLED)
    sell_one("canva", 702)
    again = Seat.objects.get(state="sold").pk
    staged(shop)
    restore.activate()
    assert Seat.objects.get(pk=again).state == "quarantined"
    assert "sold" not in states()


def test_without_the_live_one_everything_is_held_until_somebody_looked(shop: Any) -> None:
    staged(shop)
    assert restore.activate(without_live=True) == 5
    assert states() == {"quarantined": 5}
    assert restore.release() == 5
    assert states() == {"available": 5}


def test_a_rotated_key_stays_rotated(shop: Any) -> None:
    credentials.rotate("TELEGRAM_BOT_TOKEN", "1:new", actor="test")
    staged(shop)
    restore.activate()
    credentials._cache.clear()
    assert credentials.credential("TELEGRAM_BOT_TOKEN") == "1:new"


def test_an_older_leader_does_not_lead_on(shop: Any) -> None:
    held = leases.take_lease("bot", holder="a", host="a")
    take.take("hourly", silent)
    staged(shop)
    restore.activate()
    assert held is not None
    assert not leases.renew_lease(held)
    newer = leases.take_lease("bot", holder="b", host="b")
    assert newer is not None
    assert newer.epoch > held.epoch


def test_the_wrong_key_changes_nothing(shop: Any) -> None:
    with pytest.raises(bundle.WrongKey):
        staged(bundle.new_key())
    assert restore.staged_now() is None


def test_a_broken_truth_is_not_staged(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(restore, "broken_truths", lambda url: {"ledger"})
    with pytest.raises(restore.CannotRestore, match="ledger"):
        staged(shop)
    assert restore.staged_now() is None


def test_people_who_are_connected_are_sent_to_the_other_one(shop: Any) -> None:
    """A shop under load: many sessions, and some that come again at once."""
    staged(shop)
    connections.close_all()
    url, over, trouble = conf.owner_url(), threading.Event(), []

    def busy() -> None:
        while not over.is_set():
            try:
                with psycopg.connect(url, autocommit=True) as wire:
                    while not over.is_set():
                        wire.execute("SELECT count(*) FROM orders_seat")
            except psycopg.Error:
                trouble.append(time.monotonic())
                time.sleep(0.01)

    people = [threading.Thread(target=busy) for _ in range(8)]
    for person in people:
        person.start()
    began = time.monotonic()
    swap.swap(
        url, live=dump.database_of(url), comes=dump.database_of(url) + restore.STAGED,
        goes=dump.database_of(url) + restore.BEFORE,
    )  # fmt: skip
    took = time.monotonic() - began
    over.set()
    for person in people:
        person.join()
    assert took < 10
    assert trouble
    with psycopg.connect(url) as wire:
        assert wire.execute("SELECT 1 FROM base_storedsetting WHERE name = %s", [restore.NOTE]).fetchone()


def test_killed_in_the_middle_it_is_done_or_not_done(shop: Any) -> None:
    staged(shop)
    connections.close_all()
    url, dice = conf.owner_url(), random.Random(20261201)
    live = dump.database_of(url)
    code = (
        "import sys; from host.backups.swap import swap\n"
        "while True: swap(sys.argv[1], live=sys.argv[2], comes=sys.argv[3], goes=sys.argv[4]);"
        " swap(sys.argv[1], live=sys.argv[2], comes=sys.argv[4], goes=sys.argv[3])"
    )
    words = [sys.executable, "-c", code, url, live, live + restore.STAGED, live + restore.BEFORE]
    for _ in range(50 if os.environ.get("CAMPAIGN") else 5):
        work = subprocess.Popen(words, cwd=ROOT, start_new_session=True)
        time.sleep(dice.uniform(0.2, 0.7))
        with suppress(ProcessLookupError):
            os.killpg(work.pid, signal.SIGKILL)
        work.wait()
        time.sleep(0.2)
        there = {name for name in (restore.STAGED, restore.BEFORE) if swap.exists(url, live + name)}
        assert swap.exists(url, live)
        assert len(there) == 1
        if restore.BEFORE in there:
            swap.swap(url, live=live, comes=live + restore.BEFORE, goes=live + restore.STAGED)
    connection.ensure_connection()


class TestCommand:
    def answer(self, monkeypatch: Any, text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    def test_the_whole_way(self, shop: Any, monkeypatch: Any, capsys: Any) -> None:
        name = Backup.objects.get().name
        call_command("restore", "list")
        call_command("restore", "plan")
        self.answer(monkeypatch, str(shop))
        call_command("restore", "stage", name)
        said = capsys.readouterr().out
        assert f"{name} stands beside the shop" in said
        self.answer(monkeypatch, f"{name}\n")
        call_command("restore", "activate")
        assert "reconcile" in capsys.readouterr().out
        self.answer(monkeypatch, "undo\n")
        call_command("restore", "undo")
        assert "from before" in capsys.readouterr().out

    def test_not_typed_nothing_happens(self, shop: Any, monkeypatch: Any) -> None:
        staged(shop)
        self.answer(monkeypatch, "yes\n")
        with pytest.raises(CommandError, match="must be typed"):
            call_command("restore", "activate")
        assert restore.staged_now() is not None

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["activate"], "Nothing is staged"),
            (["stage", "nothing-like-it"], "There is no backup 'nothing-like-it'"),
        ],
    )
    def test_a_plain_sentence(self, shop: Any, monkeypatch: Any, words: list[str], said: str) -> None:
        self.answer(monkeypatch, "\n")
        with pytest.raises(CommandError, match=said):
            call_command("restore", *words)

    def test_there_is_nothing_to_undo(self, shop: Any, monkeypatch: Any) -> None:
        self.answer(monkeypatch, "undo\n")
        with pytest.raises(CommandError, match="nothing to undo"):
            call_command("restore", "undo")
