"""`watch`: ends what hangs, tells people of what died, and pings the dead man's switch.

No database, no Django: it must work when they do not. Keeps JSON lines of its own, and has ways out of its own.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping

from host import alert_channels
from host.environment import value_of
from host.heartbeats import folder, forget_leave, left_lately, note, notify, silence
from host.launch import die_with_parent
from host.leaders import leader_of
from host.local_http import web_answers
from host.watchdog.announcer import Diary, Herald
from host.watchdog.deaths import Absences, Roll, Steadiness
from host.watchdog.units import Services

HUNG = 30.0  # seconds without a sign of life; a process may take as long to give its first
LOOK = 2.0
LEFT = 30.0  # seconds: who said so within them ends by intent
PING = 60.0  # seconds between two pings of HEARTBEAT_URL
LED = ("web", "worker", "bot")
ASK = 5.0  # seconds between two questions to the web process, which gives no sign of life by itself
BEATING = ("worker", "bot")  # give signs of life by themselves


def look(diary: Diary, leaders: Mapping[str, tuple[int, float]]) -> list[int]:
    """One round: kill the group of every process that hangs; returns the ids killed."""
    killed = []
    for name, (pid, age) in leaders.items():
        quiet = silence(name)
        if age < HUNG or (quiet is not None and quiet < HUNG):
            continue
        diary.write(action="killed_hung", process=name, pid=pid, silent=quiet)
        print(f"{name} gave no sign for {quiet} s: ended, its supervisor starts it anew", flush=True)
        os.killpg(pid, signal.SIGKILL)
        killed.append(pid)
    return killed


def ping_switch(address: str, diary: Diary) -> None:
    """The dead man's switch: `/fail` while worker or bot give no sign of life."""
    silent = [name for name in BEATING if (quiet := silence(name)) is None or quiet > HUNG]
    try:
        alert_channels.ping(address.rstrip("/") + "/fail" if silent else address)
    except (OSError, ValueError) as error:
        diary.write(action="ping_failed", why=str(error)[:200])


def keep_pinging(address: str, diary: Diary) -> None:
    while True:
        time.sleep(PING)
        ping_switch(address, diary)


def keep_asking_web() -> None:
    """Its sign of life is an answer: a web process that hangs is ended like the others."""
    while True:
        if web_answers(ASK):
            note("web")
        time.sleep(ASK)


def main() -> int:
    """Loop until stopped."""
    die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    diary = Diary(folder().parent / "watch.jsonl")
    roll, absences, herald = Roll(folder().parent / "watch.roll"), Absences(), Herald(diary)
    atexit.register(roll.forget)
    if roll.died_before:
        herald.recall(time.monotonic())
        herald.died("watch", time.monotonic())
    diary.write(action="started", pid=os.getpid())
    services, steadiness = Services(), Steadiness()
    if address := value_of("HEARTBEAT_URL"):
        threading.Thread(target=keep_pinging, args=(address, diary), name="switch", daemon=True).start()
    note("web")  # an old answer, from before we were away, is no reason to end it
    threading.Thread(target=keep_asking_web, name="ask-web", daemon=True).start()
    while True:
        notify("READY=1\nWATCHDOG=1")
        leaders = {name: leader for name in LED if (leader := leader_of(name))}
        if steadiness.see(time.time(), time.monotonic()):
            look(diary, leaders)
        running = {name: {pid} for name, (pid, _) in leaders.items()} | services.marks()
        for name in roll.deaths(running, services.counted):
            if left_lately(name, LEFT):
                forget_leave(name)
                absences.left(name, time.monotonic())
                diary.write(action="left", process=name)
            else:
                herald.died(name, time.monotonic())
        for name in absences.overdue(running, time.monotonic()):
            herald.missing(name)
        herald.sum_up(time.monotonic())
        time.sleep(LOOK)
