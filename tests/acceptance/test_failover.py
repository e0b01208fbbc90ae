"""Switching between webhook and polling while buyers write: nothing lost, nothing twice, each chat in order."""

from __future__ import annotations

import threading

import pytest

from apps.bot.testbuy_chat import FIRST_UPDATE
from tests.live import Live

pytestmark = pytest.mark.acceptance

BUYERS = 4
SWITCHES = ["polling", "webhook", "polling", "webhook"]


@pytest.fixture
def shop(by_webhook: Live) -> Live:
    return by_webhook


def test_switches_under_load(shop: Live) -> None:
    over = threading.Event()
    said = dict.fromkeys(range(4000, 4000 + BUYERS), 0)
    known = f"SELECT coalesce(max(update_id), 0) FROM bot_inboundupdate WHERE update_id < {FIRST_UPDATE}"
    ((before,),) = shop.sql(known)

    def write(user: int) -> None:
        """One word after the other; the shop answers each with the same menu."""
        shop.insist("users", id=user, name=f"Pembeli {user}")
        while not over.is_set():
            shop.insist("say", user=user, text=f"kata {said[user]}")
            said[user] += 1
            over.wait(0.2)

    writers = [threading.Thread(target=write, args=(user,)) for user in said]
    for writer in writers:
        writer.start()
    try:
        for mode in SWITCHES:
            done = shop.manage("failover", "mode", mode)
            assert f"updates come in by {mode} now" in done.stdout
    finally:
        over.set()
        for writer in writers:
            writer.join()
    total = sum(said.values())
    assert total > 40
    kept = (
        "SELECT count(*), count(DISTINCT update_id), count(*) FILTER (WHERE next_at IS NULL) FROM bot_inboundupdate"
        f" WHERE update_id > {before} AND update_id < {FIRST_UPDATE}"
    )
    shop.wait(lambda: shop.sql(kept) == [(total, total, total)], "every update stored once and handled", 60)
    out_of_order = """
        SELECT count(*) FROM bot_inboundupdate a JOIN bot_inboundupdate b ON a.chat_id = b.chat_id
        AND a.update_id < b.update_id AND a.handled_at > b.handled_at
    """
    assert shop.sql(out_of_order) == [(0,)]
    modes = shop.sql("SELECT data->>'mode' FROM base_auditrow WHERE kind = 'telegram.mode' ORDER BY id")
    assert [row[0] for row in modes] == ["webhook", *SWITCHES]


def test_what_it_says(shop: Live) -> None:
    assert "updates come in by webhook; wanted is webhook" in shop.manage("failover", "mode").stdout
    assert "the shop chooses" in shop.manage("failover", "mode", "auto").stdout
    refused = shop.manage("failover", "mode", "carrier-pigeon", check=False)
    assert refused.returncode == 2


def test_a_move_to_another_address(shop: Live) -> None:
    """Under a new secret, since Telegram does nothing when nothing changes; buyers notice nothing."""
    shop.manage("failover", "mode", "webhook")
    said = shop.manage("failover", "ip", "127.0.0.1").stdout
    assert "Telegram sends to 127.0.0.1 now" in said
    assert shop.ask("counters")["address"] == "127.0.0.1"
    shop.insist("users", id=4100, name="Sari")
    shop.insist("say", user=4100, text="/start")
    shop.find(4100, lambda m: "selamat datang" in m["text"], "the greeting")
    assert "where the name leads" in shop.manage("failover", "ip", "dns").stdout
    assert shop.ask("counters")["address"] == ""
    shop.insist("say", user=4100, text="/bantuan")
    shop.find(4100, lambda m: "/pesanan" in m["text"], "help")
    refused = shop.manage("failover", "ip", "toko.example", check=False)
    assert (refused.returncode, "no IP address" in refused.stderr) == (2, True)
