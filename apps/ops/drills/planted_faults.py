"""Faults planted on purpose, so that every measure of every drill can be seen red. Each names the measures it must
break.
"""

from __future__ import annotations

import html
import os
import signal
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress

from apps.ops.drills.shop_copy import ShopCopy
from host.environment import SANDBOX_TOKEN

Plants = Mapping[str, frozenset[str]]


def breaks(*measures: str) -> frozenset[str]:
    return frozenset(measures)


CHAOS: Plants = {
    "spared": breaks("kills"),  # one process is not killed
    "slow": breaks("served"),  # nobody starts what was killed
    "stuck": breaks("unhung"),  # nor what hung
    "standing": breaks("stalled"),  # the database stands still for too long
    "locked": breaks("deadlock", "forgotten"),  # a session that works holds the locks for too long
    "apart": breaks("deadlocks"),  # no two sessions want the same
    "idle": breaks("jobs", "orders"),  # nobody buys
    "mute": breaks("buyers"),  # every second invoice is lost
    "heirless": breaks("standby"),  # the standby hangs too
    "numb": breaks("standby serves"),  # the web process hangs while the standby takes over
    "torn": breaks("one leader"),  # the lease is taken once more
    "stale": breaks("stale"),  # nothing refuses a paused leader
    "lost": breaks("undelivered", "books"),  # no goods are sent
    "twice": breaks("seats", "books"),  # a unit is sold to an order that has one
    "left": breaks("in hand"),  # an update is due tomorrow
    "dropped": breaks("given up"),  # an update is given up
    "generous": breaks("other goods", "same goods"),  # a buyer gets the goods of another one too
    "chatty": breaks("snk"),  # a buyer gets the terms again and again
    "untold": breaks("told"),  # the owner has blocked the bot
    "closed": breaks("booked"),  # a payment is closed though nobody answered about it
    "unheld": breaks("held"),  # the news that money is held is lost
}
FAILOVER: Plants = {
    "lost": breaks("stored", "handled", "answered"),  # one update in fifty is not stored
    "unasked": breaks("switches"),  # one command is never given
    "idle": breaks("load"),  # hardly anybody writes
    "doubled": breaks("once", "handled"),  # updates are stored twice
    "jumbled": breaks("order"),  # one is handled after a later one
    "refused": breaks("bot", "bot tells", "bot delivers"),  # the new bot's token is none
    "locked": breaks("bot at once"),  # the database keeps the command waiting
    "silent": breaks("bot tells", "bot delivers"),  # who meets the new bot is forgotten
    "stuck": breaks("polling", "polled", "not too early", "no flapping"),  # the shop may only use the webhook
    "gone": breaks("returned", "no flapping"),  # the front does not come back in time
    "hasty": breaks("not too early"),  # a moment of health is enough
    "flapping": breaks("no flapping"),  # the way in changes to and fro
    "numb": breaks("pushed"),  # the web process hangs
    "unmoved": breaks("page", "moved", "moved answers"),  # the page is not followed to its end
    "lasting": breaks("back"),  # its way back is not taken
    "blind": breaks("health"),  # the command cannot read its settings
}
SQL = {
    "chaos.lost": (
        """
        CREATE FUNCTION lose_goods() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.kind = 'goods' THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER lose_goods BEFORE INSERT ON bot_outboundmessage FOR EACH ROW EXECUTE FUNCTION lose_goods()"""
    ),
    "chaos.mute": (
        """
        CREATE SEQUENCE invoices; GRANT USAGE ON SEQUENCE invoices TO PUBLIC;
        CREATE FUNCTION lose_invoices() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.kind = 'invoice' AND mod(nextval('invoices'), 2) = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER lose_invoices BEFORE INSERT ON bot_outboundmessage
          FOR EACH ROW EXECUTE FUNCTION lose_invoices()"""
    ),
    "chaos.torn": "UPDATE base_lease SET epoch = epoch + 1 WHERE name = 'bot'",
    "chaos.twice": (
        """
        UPDATE orders_seat SET state = 'sold', sold_at = now(),
          line_id = (SELECT line_id FROM orders_seat WHERE state = 'sold' LIMIT 1)
        WHERE id = (SELECT id FROM orders_seat WHERE state = 'available' LIMIT 1)"""
    ),
    "chaos.closed": (
        """
        UPDATE orders_payment SET closed_at = now(), next_at = NULL
        WHERE received IS NULL AND state IN ('pending', 'expired')"""
    ),
    "chaos.unheld": (
        """
        CREATE FUNCTION lose_held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.task LIKE '%%.tell_held' THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER lose_held BEFORE INSERT ON base_errand FOR EACH ROW EXECUTE FUNCTION lose_held()"""
    ),
    "chaos.left": (
        """
        UPDATE bot_inboundupdate SET next_at = now() + interval '1 day'
        WHERE id = (SELECT id FROM bot_inboundupdate WHERE next_at IS NULL ORDER BY id LIMIT 1)"""
    ),
    "chaos.dropped": (
        """
        UPDATE bot_inboundupdate SET dead_at = now()
        WHERE id = (SELECT id FROM bot_inboundupdate WHERE next_at IS NULL ORDER BY id OFFSET 1 LIMIT 1)"""
    ),
    "failover.lost": (
        """
        CREATE FUNCTION lose_some() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF random() < 0.02 THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER lose_some BEFORE INSERT ON bot_inboundupdate FOR EACH ROW EXECUTE FUNCTION lose_some()"""
    ),
    "failover.lost.over": "DROP TRIGGER lose_some ON bot_inboundupdate",
    "failover.silent": (
        """
        CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.bot := NULL; RETURN NEW; END $$;
        CREATE TRIGGER forget BEFORE UPDATE ON bot_chat FOR EACH ROW EXECUTE FUNCTION forget()"""
    ),
    "failover.doubled": (
        """
        INSERT INTO bot_inboundupdate
        SELECT (jsonb_populate_record(known, jsonb_build_object('id', gen_random_uuid(), 'bot', known.bot + 1))).*
        FROM bot_inboundupdate AS known WHERE next_at IS NULL LIMIT 5"""
    ),
    "failover.jumbled": (
        """
        UPDATE bot_inboundupdate SET handled_at = handled_at + interval '1 day'
        WHERE update_id = (SELECT min(update_id) FROM bot_inboundupdate
          WHERE handled_at IS NOT NULL AND chat_id IS NOT NULL
                           GROUP BY chat_id HAVING count(DISTINCT update_id) > 1 LIMIT 1)"""
    ),
}


def plant(shop: ShopCopy, name: str) -> None:
    """One of SQL, in the copy's database."""
    shop.sql(SQL[name])


def hold(pids: Iterable[int], seconds: float) -> None:
    """Stop processes and let them go after a while, whoever waits for them meanwhile."""
    held = list(pids)

    def send(sig: signal.Signals) -> None:
        for pid in held:
            with suppress(ProcessLookupError):
                os.kill(pid, sig)

    send(signal.SIGSTOP)
    threading.Timer(seconds, send, [signal.SIGCONT]).start()


def bring(shop: ShopCopy, user: int, text: str) -> None:
    """A message of the shop's bot that the shop knows nothing of."""
    address = f"{shop.fakes}/telegram/bot{SANDBOX_TOKEN}/sendMessage"
    params = urllib.parse.urlencode({"chat_id": user, "text": text, "parse_mode": "HTML"})
    with urllib.request.urlopen(address, params.encode(), timeout=10):  # noqa: S310  # nosec B310: loopback
        pass


def goods_like(number: str, unit: str) -> str:
    """The words by which a buyer, and a drill, know goods."""
    return f"{number}: ini barangnya\n<code>{html.escape(unit)}</code>"
