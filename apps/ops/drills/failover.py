"""`drill failover` (roadmap 1.1): the way in is switched under load, dies, comes back and moves; no update is lost or
doubled.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

from apps.bot.testbuy_chat import FIRST_UPDATE
from apps.ops.drills import held_locks, planted_faults
from apps.ops.drills.measures import Measure, at_least, at_most, exactly
from apps.ops.drills.nginx import NEW, OLD, Fronts
from apps.ops.drills.runner import Drill, Play
from apps.ops.drills.shop_copy import CopyFailed, ShopCopy
from host.up import supervisor

SWITCHES = 20
UPDATES = 10_000
PER_SECOND = 80  # so that it is never under 50
WRITERS = 900  # each writes every 10 s: never too often
BACK = 300.0  # seconds of health before the webhook comes back
POLLING_WITHIN = 60.0
PROBER = 700_000
PRODUCT = "Spotify"
NEW_TOKEN = "2000002:the-next-bot"  # noqa: S105  # nosec B105: of the fake
STORED = (
    "SELECT count(*), count(DISTINCT update_id), count(*) FILTER (WHERE next_at IS NULL AND dead_at IS NULL) FROM"
    f" bot_inboundupdate WHERE update_id < {FIRST_UPDATE}"
)
OUT_OF_ORDER = """
SELECT count(*) FROM (SELECT handled_at, lag(handled_at) OVER (PARTITION BY chat_id ORDER BY update_id) AS before
FROM bot_inboundupdate) AS pair WHERE before > handled_at
"""
MODES = "SELECT count(*) FROM base_auditrow WHERE kind = 'telegram.mode'"
MODE = "SELECT value FROM base_storedsetting WHERE name = 'telegram_mode_now'"
RUBBISH = "this is no token"


class Failover:
    """One play of the drill."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.fronts = Fronts(play.folder / "front")
        self.back = BACK if play.scale == 1 else 40.0
        self.shop = ShopCopy(
            play.folder / "copy", SANDBOX_RATE="3000", TELEGRAM_RATE="1000", TELEGRAM_MODE="auto",
            PUBLIC_URL=self.fronts.public_url, SSL_CERT_FILE=str(self.fronts.certificate),
            TELEGRAM_WEBHOOK_HEALTH="1" if play.planted("hasty") else str(self.back),
        )  # fmt: skip
        self.said = 0
        self.wrote_until = 0.0
        self._prober = PROBER

    def run(self) -> None:
        self.play.say("starting a private copy of the shop behind an nginx of its own")
        self.fronts.install_old(self.shop)
        self.shop.start()
        try:
            self.shop.wait(lambda: self._mode() == "webhook", "the webhook through nginx", 60)
            if self.play.planted("silent"):
                planted_faults.plant(self.shop, "failover.silent")
            self._switch_under_load()
            self._bot_is_banned()
            self._front_dies_and_returns()
            self._front_moves()
            self._health_without_web()
        finally:
            self.fronts.kill("old")
            self.fronts.kill("new")
            self.shop.stop()

    def _mode(self) -> str:
        rows = self.shop.sql(MODE)
        return str(rows[0][0]) if rows else ""

    def _until_webhook(self) -> None:
        self.shop.wait(lambda: self._mode() == "webhook", "the webhook", 60 + self.back)

    # -- by command, under load ----------------------------------------------------------------------------------------

    def _switch_under_load(self) -> None:
        switches, wanted = self.play.count(SWITCHES, 4), self.play.count(UPDATES, 300)
        self.play.say(f"{switches} switches by command, {wanted} updates at {PER_SECOND} a second")
        before = self._counts()
        if self.play.planted("lost"):
            planted_faults.plant(self.shop, "failover.lost")
        over = threading.Event()
        writer = threading.Thread(target=self._write, args=(wanted, over))
        began = time.monotonic()
        writer.start()
        made = 0
        try:
            for n in range(switches):
                mode = ("polling", "webhook")[n % 2]
                if n or not self.play.planted("unasked"):
                    self.shop.manage("failover", "mode", mode)
                made += self._mode() == mode
        finally:
            over.set()
            writer.join()
        rate = self.said / (self.wrote_until - began)
        self.shop.manage("failover", "mode", "auto")
        self.play.faults.append(
            f"{switches} × failover mode, polling and webhook in turn, while {self.said} updates came in"
        )
        self.play.keep(exactly("switches", "every switch was made", made, switches))
        self.play.keep(
            at_least(
                "load", "at least 50 updates a second meanwhile", round(rate, 1), 50 if self.play.scale == 1 else 20
            )
        )
        with suppress(CopyFailed):
            self.shop.wait(lambda: self._counts()[2] - before[2] == self.said, "every update", 90)
        for name in ("doubled", "jumbled"):
            if self.play.planted(name):
                planted_faults.plant(self.shop, f"failover.{name}")
        stored, different, final = (now - was for now, was in zip(self._counts(), before, strict=True))
        self.play.keep(exactly("stored", "every update is stored", different, self.said))
        self.play.keep(exactly("once", "none is stored twice", stored - different, 0))
        self.play.keep(exactly("handled", "every one is handled", final, self.said))
        self.play.keep(exactly("order", "the order of each chat is kept", self.shop.sql(OUT_OF_ORDER)[0][0], 0))
        self.play.keep(exactly("answered", "each is answered once", self._answers(), self.said))
        if self.play.planted("lost"):
            planted_faults.plant(self.shop, "failover.lost.over")

    def _write(self, wanted: int, over: threading.Event) -> None:
        """What a buyer who comes back writes: each is answered by one screen."""
        began, users = time.monotonic(), [500_000 + n for n in range(WRITERS)]
        per_second = 5 if self.play.planted("idle") else PER_SECOND
        while self.said < wanted or not over.is_set():  # until the last switch was made
            due = int((time.monotonic() - began + 0.5) * per_second) - self.said
            if due > 0:
                group = [users[(self.said + n) % WRITERS] for n in range(due)]
                with suppress(OSError):
                    self.shop.tell("say_all", users=group, text="/start", times=1)
                    self.said += due
            time.sleep(0.2)
        self.wrote_until = time.monotonic()

    def _counts(self) -> tuple[int, int, int]:
        found: tuple[int, int, int] = self.shop.sql(STORED)[0]
        return found

    def _answers(self) -> int:
        """Messages of the bot in the writers' chats, as the fakes have them."""

        def heard() -> int:
            return sum(
                1
                for user in range(500_000, 500_000 + min(WRITERS, self.said))
                for m in self.shop.messages(user)
                if m["from"] == "bot"
            )

        with suppress(CopyFailed):
            self.shop.wait(lambda: heard() >= self.said, "every answer", 60)
        return heard()

    def _bot_is_banned(self) -> None:
        """Another bot takes over; who had an open order meets it, pays, and has the goods."""
        self.play.say("the bot is banned; another one takes its place")
        user, spared = PROBER - 1, PROBER - 2
        number, paid = (self.shop.walk_to_invoice(who, PRODUCT) for who in (user, spared))
        self.shop.insist("new_bot", token=NEW_TOKEN)
        self.shop.insist("pay", order_id=paid)  # while nobody can tell the buyer anything
        if self.play.planted("locked"):
            held_locks.forget(self.shop, ("bot_chat",), busy=62)
        token = RUBBISH if self.play.planted("refused") else NEW_TOKEN
        began = time.monotonic()
        said = self.shop.manage("failover", "bot", text=f"{token}\n".encode(), check=False)
        self.play.faults.append("the bot banned with one order unpaid and one paid a moment later; failover bot")
        took = time.monotonic() - began
        self.play.keep(
            Measure("bot", "failover bot puts another bot in force", said.stdout.strip(), said.returncode == 0)
        )
        self.play.keep(at_most("bot at once", "within a minute", took, 60.0))
        told = goods = spared_goods = False
        with suppress(CopyFailed):
            for who in (user, spared):
                self.shop.insist("say", user=who, text="/start")
            told = bool(
                self.shop.find(user, lambda m: "memakai bot ini" in m["text"] and number in m["text"], "its order")
            )
            self.shop.insist("pay", order_id=number)
            goods = bool(self.shop.goods(user, number))
            spared_goods = bool(
                self.shop.find(spared, lambda m: paid in m["text"] and "<code>" in m["text"], "the goods")
            )
        self.play.keep(
            Measure("bot tells", "open orders are told on first contact", "told" if told else "not told", told)
        )
        self.play.keep(
            exactly(
                "bot delivers", "what was paid before and after is delivered by the new bot", goods + spared_goods, 2
            )
        )
        if self.play.planted("refused"):
            self.shop.manage("failover", "bot", text=f"{NEW_TOKEN}\n".encode())

    # -- by itself -----------------------------------------------------------------------------------------------------

    def _front_dies_and_returns(self) -> None:
        self._until_webhook()
        self.play.say("the front dies")
        if self.play.planted("stuck"):
            self.shop.manage("failover", "mode", "webhook")
        began = time.monotonic()
        self.fronts.kill("old")
        with suppress(CopyFailed):
            self.shop.wait(lambda: self._mode() == "polling", "polling", POLLING_WITHIN + 30)
        took = time.monotonic() - began
        self.play.faults.append("the front before the shop killed")
        self.play.keep(at_most("polling", f"polling within {POLLING_WITHIN:g} s, unattended", took, POLLING_WITHIN))
        self.play.keep(at_most("polled", "and a buyer is answered within 5 s", self._answered(), 5.0))
        self.play.say(f"the front is back; the webhook returns after {self.back:g} s of health")
        if not self.play.planted("gone"):
            self.fronts.start("old")
        switched = self.shop.sql(MODES)[0][0]
        began = time.monotonic()
        with suppress(CopyFailed):
            self.shop.wait(lambda: self._mode() == "webhook", "the webhook", self.back + 60)
        took = time.monotonic() - began
        if self.play.planted("flapping"):
            for mode in ("polling", "auto"):
                self.shop.manage("failover", "mode", mode)
            self._until_webhook()
        self.play.keep(at_most("returned", f"the webhook is back within {self.back + 30:g} s", took, self.back + 30))
        self.play.keep(
            at_least("not too early", f"and not before {self.back:g} s of health", round(took), self.back - 5)
        )
        self.play.keep(exactly("no flapping", "in one switch", self.shop.sql(MODES)[0][0] - switched, 1))
        if self.play.planted("numb"):
            planted_faults.hold(self.shop.family("web"), 8)
        self.play.keep(at_most("pushed", "and a buyer is answered within 5 s", self._answered(), 5.0))

    def _front_moves(self) -> None:
        """The old front is gone for good: the SOP page's own blocks put another one at another address."""
        if self.play.planted("gone"):
            self.fronts.start("old")
            self._until_webhook()
        self.play.say("the front is gone; following deploy/SOP/dns-and-proxy.md to another address")
        self.fronts.kill("old")
        self.fronts.start("new")
        began = time.monotonic()
        followed = 0
        try:
            followed = self.fronts.follow_page(self.shop, slice(0, 2 if self.play.planted("unmoved") else 4))
        except CopyFailed as error:
            self.play.notes.append(f"the page: {error}")
        self.play.keep(exactly("page", "the page's run blocks work to the letter", followed, 4))
        self.play.faults.append(f"the front moved from {OLD} to {NEW} by the blocks of the page")
        address = self.shop.ask("counters")["address"]
        self.play.keep(Measure("moved", "Telegram sends to the new address", address or "the old one", address == NEW))
        self.play.keep(at_most("moved answers", "and a buyer is answered there within 10 s", self._answered(), 10.0))
        self.play.notes.append(f"following the page took {time.monotonic() - began:.0f} s")
        with suppress(CopyFailed):
            self.fronts.follow_page(self.shop, slice(4, 4 if self.play.planted("lasting") else None))
        self.play.keep(
            Measure("back", "its way back works", "as the page says", self.shop.ask("counters")["address"] == "")
        )

    def _health_without_web(self) -> None:
        hand = supervisor(str(self.shop.socket))
        hand.stopProcess("shop:web")
        if self.play.planted("blind"):
            self.shop.env["FIELD_KEYS"] = RUBBISH
        said = self.shop.manage("health", "--json", check=False)
        checks: dict[str, object] = {}
        with suppress(ValueError):
            checks = json.loads(said.stdout)["checks"]
        hand.startProcess("shop:web", False)
        self.play.keep(at_least("health", "manage.py health works while the web process is down", len(checks), 8))

    def _answered(self) -> float:
        self._prober += 1
        return self.shop.seconds_until_greeted(self._prober)


def run(play: Play) -> None:
    """Play the drill; its measures are left in `play`."""
    Failover(play).run()


DRILL = Drill(
    "failover",
    "Whether updates come by webhook or polling, through this front or another: each is handled once, in order, and the"
    " shop finds the other way by itself.",
    run,
    plants=planted_faults.FAILOVER,
)
