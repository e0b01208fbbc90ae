"""What somebody who can write to the database still cannot do: rewrite history, sell twice, run what he likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from apps.base.database_rights import grant_rights
from apps.base.work.broker import BellBroker
from apps.base.work.deferred_calls import Errand, run_errand
from apps.base.work.registered_tasks import NotATask, may_run, task_named
from apps.bot.chats import chat_of
from apps.bot.outbound import outbox
from apps.orders.models import Seat, Variant
from tests.driver import Buyer, Shop

IGNORE = (
    "SET LOCAL pgtrigger.ignore ="
    " '{base_auditrow:append_only,orders_ledgerentry:append_only,orders_seat:plain_stays_sold}'"
)


@pytest.fixture
def as_shop(shop: Shop, sari: Buyer, spotify: Variant) -> Iterator[Any]:
    """A sale, and then the database as the shop's own role sees it."""
    shop.pays(sari.orders("Spotify"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'autoorder_shop'")
        assert cursor.fetchone(), "the embedded server makes it"
        grant_rights(using="default")
        cursor.execute("SET LOCAL ROLE autoorder_shop")
        cursor.execute(IGNORE)
        yield cursor
        cursor.execute("RESET ROLE")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE base_auditrow SET actor = 'x'",
        "DELETE FROM base_auditrow",
        "TRUNCATE base_auditrow",
        "UPDATE orders_ledgerentry SET amount = 1",
        "DELETE FROM orders_ledgerentry",
        "TRUNCATE orders_ledgerentry CASCADE",
        "DELETE FROM ops_drillreport",
        "DELETE FROM orders_seat",
        "UPDATE orders_seat SET state = 'available', line_id = NULL WHERE state = 'sold'",
        "UPDATE orders_seat SET is_shared = true",
        "UPDATE orders_seat SET state = 'quarantined' WHERE state = 'sold'",
        "ALTER TABLE orders_seat DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TABLE base_auditrow",
        "CREATE TABLE public.mine (x int)",
        "ALTER TABLE base_auditrow OWNER TO autoorder_shop",
        "DROP TRIGGER plain_stays_sold ON orders_seat",
    ],
)
def test_the_shops_role_cannot(as_shop: Any, sql: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        as_shop.execute(sql)


def test_the_shops_role_can_sell(as_shop: Any, shop: Shop, sari: Buyer) -> None:
    shop.forward(seconds=5)
    shop.pays(sari.orders("Spotify"))
    assert sum("Ini barangnya" in text for text in sari.heard) == 2
    assert Seat.objects.filter(state="sold").count() == 2


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.run",
        "apps.base.credentials.rotate",
        "apps.orders.tasks._listen",
        "",
        "antigravity",
        "x" * 200,
    ],
)
def test_only_what_a_room_registered_is_a_task(name: str) -> None:
    with pytest.raises(NotATask):
        task_named(name)
    assert not may_run({"func": name, "args": ("1",)})


@pytest.mark.parametrize(
    "more", [{"args": ("a", "b")}, {"args": (7,)}, {"kwargs": {"x": 1}}, {"hook": "os.system"}, {"args": ()}]
)
def test_a_bell_is_a_task_and_a_key(more: dict[str, Any]) -> None:
    bell = {"func": "apps.orders.tasks.tend_payment", "args": ("1",), "kwargs": {}}
    assert may_run(bell)
    assert not may_run({**bell, **more})


def test_an_errand_that_names_something_else_runs_nothing(db: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    errand = Errand.objects.create(task="os.system", key="touch ran")
    run_errand(str(errand.pk))
    assert not (tmp_path / "ran").exists()
    assert "NotATask" in Errand.objects.get(pk=errand.pk).last_error


def test_so_does_a_message_that_was_sent(shop: Shop, sari: Buyer, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    sari.says("/start")
    outbox.send_text(chat_of(701), "halo", on_sent="os.system", about="touch ran")
    shop.settle()
    shop.forward(seconds=2)
    assert not (tmp_path / "ran").exists()


def test_a_row_of_the_queue_that_we_did_not_sign_is_thrown_away(shop: Shop, tono: Buyer) -> None:
    OrmQ.objects.create(key="autoorder", payload="gASVIAAAAA:forged", lock="2020-01-01T00:00Z")
    signed = SignedPackage.dumps({"func": "os.system", "args": ("true",), "kwargs": {}, "name": "x", "id": "y"})
    OrmQ.objects.create(key="autoorder", payload=signed, lock="2020-01-01T00:00Z")
    ours = SignedPackage.dumps(
        {"func": "apps.base.work.cluster.heartbeat", "args": ("worker",), "kwargs": {}, "name": "x", "id": "y"}
    )
    OrmQ.objects.create(key="autoorder", payload=ours, lock="2020-01-01T00:00Z")
    broker = BellBroker(list_key="autoorder")
    assert [len(broker._take()) for _ in range(3)] == [0, 0, 1]
    shop.settle()
    assert any("pekerjaan asing" in text for text in tono.heard)
