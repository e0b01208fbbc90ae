"""`drill chaos` (roadmap 1.2, 1.3, 6.1): everything is killed, hung and paused under load; nothing may be lost or
doubled.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import psutil

from apps.ops.drills import held_locks, planted_faults
from apps.ops.drills.buyers import PRODUCT, Crowd
from apps.ops.drills.final_checks import OWNER, Aftermath
from apps.ops.drills.late_money import Money
from apps.ops.drills.measures import all_within, at_least, at_most, exactly
from apps.ops.drills.runner import Drill, Play
from apps.ops.drills.shop_copy import CopyFailed, ShopCopy
from host.environment import ROOT
from host.up import supervisor

KILLS = 100
JOBS = 10_000
ORDERS = 60
STALE = 1000
SERVED = 5.0  # seconds after kill -9
UNHUNG = 45.0  # seconds after SIGSTOP or a stalled database
TOLD = 60.0  # seconds until owner and operators hear of the first death
TAKEN_OVER = 20.0  # seconds until a standby on another host leads
DEADLOCKS = 10
STALL = 15.0  # seconds the database stands still
IMPATIENT = 15.0  # seconds a buyer waits for an answer where one is planted never to come
VICTIMS = ("web", "worker", "web/0", "worker/0", "bot", "worker/1", "postgres", "watch", "worker/3", "worker/5")
PROCESSES = {"web", "bot", "worker", "watch", "postgres"}
WATCHED = ("web", "worker", "bot", "watch", "postgres")  # deaths that people are told of


class Chaos:
    """One play of the drill."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.shop = ShopCopy(
            play.folder / "copy",
            SANDBOX_RATE="3000",
            TELEGRAM_RATE="1000",
            PAYMENT_POLL_FIRST="6",
            PAYMENT_POLL_EVERY="6",
            TELEGRAM_MODE="webhook",
        )
        self.shop.env["PUBLIC_URL"] = f"http://127.0.0.1:{self.shop.port}"
        self.first_deaths: dict[str, float] = {}
        self.kills = 0
        self._prober = 300_000

    def run(self) -> None:
        self.play.say("starting a private copy of the shop")
        self.shop.start()
        try:
            self._prepare()
            crowd = Crowd(self.shop, buyers=3, per_second=20)
            if self.play.planted("mute"):
                crowd.patience = IMPATIENT
            if not self.play.planted("idle"):
                crowd.begin()
            try:
                self._kill_and_kill()
                self._stop_what_hangs()
                self._stall_database()
                self._lock_each_other()
                self._forget_a_transaction()
                self._until_enough(crowd)
            finally:
                crowd.end()
            Money(self.play, self.shop).run()
            self._standby_takes_over()
            self._refuse_stale()
            self._settle_down(crowd)
        finally:
            self.shop.stop()

    def _prepare(self) -> None:
        self.shop.add_stock("spotify", 3000)
        self.shop.insist("users", id=OWNER, name="Tono")
        self.shop.insist("say", user=OWNER, text="/start")  # a bot may not write first
        for name in ("lost", "mute"):
            if self.play.planted(name):
                planted_faults.plant(self.shop, f"chaos.{name}")
        if self.play.planted("untold"):
            self.shop.insist("block", user=OWNER, blocked=True)
        time.sleep(5)  # watch must have seen who runs

    # -- faults --------------------------------------------------------------------------------------------------------

    def _kill_and_kill(self) -> None:
        """kill -9, spread over all processes; after each, how long a buyer waits for an answer."""
        kills, took, slowest = self.play.count(KILLS, 3), [], (0.0, "")
        for n in range(kills):
            victim = VICTIMS[n % len(VICTIMS)]
            self._wait_for_all()
            time.sleep(self.play.dice.uniform(0.3, 1.2))
            if n or not self.play.planted("spared"):
                self.kills += self.shop.wait(partial(self.shop.kill, victim), f"a {victim} to kill")
            if victim in WATCHED:
                self.first_deaths.setdefault(victim, time.time())
            if self.play.planted("slow") and victim == "web":
                self._hold_supervisor(SERVED + 3)
            took.append(self._answered())
            at = time.strftime("%H:%M:%S", time.gmtime())
            slowest = max(slowest, (took[-1], f"kill {n + 1} ({victim}, UTC {at})"))
            if (n + 1) % 10 == 0:
                self.play.say(f"{n + 1} of {kills} kills; the longest wait for an answer so far was {max(took):.1f} s")
        self.play.notes.append(f"a buyer waited longest after {slowest[1]}: {slowest[0]:.1f} s")
        self.play.faults.append(f"{kills} × kill -9, in turn of {', '.join(VICTIMS)}, under load")
        self.play.keep(exactly("kills", "the kills were made, over all processes", self.kills, kills))
        self.play.keep(all_within("served", f"serving again within {SERVED:g} s of a kill", took, SERVED))

    def _wait_for_all(self) -> None:
        self.shop.wait(lambda: set(self.shop.processes()) >= PROCESSES, "all processes")

    def _hold_supervisor(self, seconds: float) -> None:
        """Nobody starts anything for a while, and a buyer waits meanwhile."""
        everything = [psutil.Process(pid) for pid in self.shop.everything()]
        planted_faults.hold([each.pid for each in everything if "supervisord" in " ".join(each.cmdline())], seconds)

    def _answered(self) -> float:
        self._prober += 1
        return self.shop.seconds_until_greeted(self._prober)

    def _stop_what_hangs(self) -> None:
        """SIGSTOP of worker and bot, with all their children, and of one web process."""
        took = []
        for name in ("worker", "bot", "web/0"):
            self.play.say(f"SIGSTOP of {name}")
            self._wait_for_all()
            old = self._pause(name)
            began = time.monotonic()
            if self.play.planted("stuck") and name == "worker":
                self._hold_supervisor(UNHUNG + 5)
            leader = name.partition("/")[0]
            if leader == name:
                self._wait_for_another(leader, old)
            self._buys()
            took.append(time.monotonic() - began)
        self.play.faults.append("SIGSTOP of worker, bot and one web process, one after the other")
        self.play.keep(all_within("unhung", f"a purchase goes through within {UNHUNG:g} s of a hang", took, UNHUNG))

    def _wait_for_another(self, name: str, old: int) -> None:
        self.shop.wait(lambda: self.shop.processes().get(name) not in (None, old), f"another {name}", 90)

    def _pause(self, name: str) -> int:
        leader, _, child = name.partition("/")
        family = self.shop.family(leader)
        for stopped in [family[1 + int(child)]] if child else family:
            with suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGSTOP)
        return family[0]

    def _buys(self) -> None:
        """One purchase from /start to the goods; what never comes has taken its time."""
        self._prober += 1
        with suppress(CopyFailed):
            number = self.shop.walk_to_invoice(self._prober, PRODUCT, 90)
            self.shop.insist("pay", order_id=number)
            self.shop.goods(self._prober, number, 90)

    def _stall_database(self) -> None:
        stall = UNHUNG + 2 if self.play.planted("standing") else STALL
        self.play.say(f"the database stands still for {stall:g} s")
        pids = self.shop.family("postgres")
        began = time.monotonic()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        time.sleep(stall)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._buys()
        self.play.faults.append(f"SIGSTOP of the database for {stall:g} s")
        self.play.keep(
            at_most(
                "stalled",
                f"a purchase goes through within {UNHUNG:g} s of a stalled database",
                time.monotonic() - began,
                UNHUNG,
            )
        )

    def _lock_each_other(self) -> None:
        rounds = self.play.count(DEADLOCKS, 2)
        self.play.say(f"{rounds} × two sessions lock tables that the other one wants")
        began, before = time.monotonic(), held_locks.deadlocks(self.shop)
        for _ in range(rounds):
            first, second = self.play.dice.sample(held_locks.TABLES, 2)
            held_locks.deadlock(self.shop, first, first if self.play.planted("apart") else second)
        time.sleep(1)  # until PostgreSQL has counted them
        made = held_locks.deadlocks(self.shop) - before
        if self.play.planted("locked"):
            held_locks.forget(self.shop, held_locks.TABLES, busy=UNHUNG + 2)
        self._buys()
        took = time.monotonic() - began
        self.play.faults.append(
            f"{made} deadlocks around sessions that lock whole tables, the shop waiting behind them"
        )
        self.play.keep(at_least("deadlocks", "deadlocks were made", made, rounds // 2))
        self.play.keep(at_most("deadlock", f"a purchase goes through within {UNHUNG:g} s of deadlocks", took, UNHUNG))

    def _forget_a_transaction(self) -> None:
        self.play.say("somebody locks the tables of every purchase and goes away")
        began = time.monotonic()
        wire = held_locks.forget(self.shop, held_locks.TABLES, busy=UNHUNG + 2 if self.play.planted("locked") else 0)
        self._buys()
        took = time.monotonic() - began
        wire.close()
        self.play.faults.append("a session that locked tables and was forgotten")
        self.play.keep(at_most("forgotten", f"and within {UNHUNG:g} s of a transaction that nobody ends", took, UNHUNG))

    def _until_enough(self, crowd: Crowd) -> None:
        wanted, orders = self.play.count(JOBS, 300), self.play.count(ORDERS, 3)
        self.play.say(f"buyers go on until there are {wanted} jobs and {orders} orders")
        with suppress(CopyFailed):
            enough = max(60, 300 * self.play.scale)
            self.shop.wait(lambda: crowd.jobs() >= wanted and len(crowd.paid) >= orders, f"{wanted} jobs", enough)
        self.play.keep(at_least("jobs", f"at least {wanted} jobs passed through the kills", crowd.jobs(), wanted))

    def _standby_takes_over(self) -> None:
        """A second host on the same database: the leader is paused, the standby leads, the old one stays out."""
        self.play.say("a second host; the leader is paused")
        place = self.play.folder / "host2"
        env = {
            **self.shop.env,
            "DATABASE_URL": self.shop.database_url,
            "AUTOORDER_VAR": str(place),
            "AUTOORDER_RUN": str(place / "run"),
        }
        with (self.play.folder / "host2.log").open("wb") as log:
            standby = subprocess.Popen(
                [sys.executable, "manage.py", "runbot"], cwd=ROOT, env=env, stdout=log, stderr=log
            )
        try:
            self.shop.wait((place / "run/beats/bot").exists, "the standby", 30)
            if self.play.planted("heirless"):
                standby.send_signal(signal.SIGSTOP)
            before = self._leader()
            self._pause("bot")
            began = time.monotonic()
            with suppress(CopyFailed):
                self.shop.wait(lambda: self._leader() != before, "another leader", 60)
            took = time.monotonic() - began
            self.play.faults.append("the leader of two hosts paused for good")
            self.play.keep(at_most("standby", f"the standby leads within {TAKEN_OVER:g} s", took, TAKEN_OVER))
            if self.play.planted("numb"):
                planted_faults.hold(self.shop.family("web"), 8)
            self.play.keep(at_most("standby serves", "and answers within 5 s", self._answered(), 5.0))
            if self.play.planted("torn"):
                planted_faults.plant(self.shop, "chaos.torn")
            time.sleep(6)  # two who lead in turn would each have taken it from the other by now
            taken = self._leader()[1] - before[1]
            self.play.keep(exactly("one leader", "one leader: the lease was taken once", taken, 1))
        finally:
            standby.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                standby.wait(10)
            standby.kill()
        self._answered()

    def _leader(self) -> tuple[str, int]:
        """Who leads, and how often the lease has been taken."""
        found: tuple[str, int] = self.shop.sql("SELECT holder, epoch FROM base_lease WHERE name = 'bot'")[0]
        return found

    def _refuse_stale(self) -> None:
        rounds = self.play.count(STALE, 50)
        self.play.say(f"{rounds} holders wake up after their lease was taken")
        hand = supervisor(str(self.shop.socket))
        hand.stopProcess("shop:bot")
        env = {**self.shop.env, "DATABASE_URL": self.shop.database_url, "DJANGO_SETTINGS_MODULE": "autoorder.settings"}
        more = ["--planted"] if self.play.planted("stale") else []
        done = subprocess.run(
            [sys.executable, "-m", "apps.ops.drills.stale_leader", str(rounds), *more],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        refused = json.loads(done.stdout)["refused"] if done.returncode == 0 else 0
        hand.startProcess("shop:bot", False)
        self.play.faults.append(f"{rounds} holders of a lease that another one had taken meanwhile")
        self.play.keep(exactly("stale", "a stale holder is refused by the row it wants to write", refused, rounds))

    def _settle_down(self, crowd: Crowd) -> None:
        self.play.say("waiting until everything has come to rest")
        paid = len(crowd.paid)
        self.play.notes.append(f"{crowd.jobs()} jobs, {paid} orders paid during the faults, {self.kills} kills")
        self.play.notes.extend(crowd.gave_up)
        self.play.keep(at_least("orders", "orders were paid while everything died", paid, self.play.count(ORDERS, 3)))
        self.play.keep(exactly("buyers", "no buyer waited in vain for a screen", len(crowd.gave_up), 0))
        aftermath = Aftermath(self.shop, crowd.paid)
        aftermath.wait_for_rest()
        self._spoil(crowd.paid)
        for measure in aftermath.measures(kills=self.kills):
            self.play.keep(measure)
        self.play.keep(aftermath.told(self.first_deaths, TOLD))

    def _spoil(self, paid: dict[int, str]) -> None:
        """Faults that are planted in what the shop has left behind."""
        for name in ("twice", "left", "dropped"):
            if self.play.planted(name):
                planted_faults.plant(self.shop, f"chaos.{name}")
        if self.play.planted("generous"):
            for user in list(paid)[:2]:
                for unit in ("satu", "dua"):
                    planted_faults.bring(self.shop, user, planted_faults.goods_like(paid[user], unit))
        if self.play.planted("chatty"):
            for _ in range(self.kills + 2):
                planted_faults.bring(self.shop, next(iter(paid)), "SNK")


def run(play: Play) -> None:
    """Play the drill; its measures are left in `play`."""
    Chaos(play).run()


DRILL = Drill(
    "chaos",
    "Whatever process dies, hangs or sleeps, while people buy: the shop serves again by itself, everything paid is"
    " delivered once, no job is lost, and people are told. Money is booked though the gateway was silent for a day or"
    " the goods fail.",
    run,
    plants=planted_faults.CHAOS,
)
