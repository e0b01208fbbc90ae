"""`watch`: ends what hangs, tells people of what died, and pings the dead man's switch.

No database, no Django: it must work when they do not. Keeps JSON lines of its own, and has ways out of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from apps.base.environment import value_of
from apps.base.heartbeats import folder, forget_leave, left_lately, note, notify, silence
from apps.base.localhttp import web_answers
from apps.base.tether import die_with_parent
from apps.ops import outside

HUNG = 30.0  # seconds without a sign of life
YOUNG = 20.0  # seconds a process may take to give its first sign
LOOK = 2.0
LEFT = 30.0  # seconds: who said so within them ends by intent
ABSENT = 60.0  # seconds after which somebody must have followed
LINES_BYTES = 2_000_000
QUIET = 600.0  # seconds in which further deaths of one process are only counted
AGAIN = 20.0  # seconds until what nobody took is brought again
MOST_UNHEARD = 20
PING = 60.0  # seconds between two pings of HEARTBEAT_URL
LED = {"web": "gunicorn", "worker": "runcluster", "bot": "runbot"}  # process → word on its leader's command line
ASK = 5.0  # seconds between two questions to the web process, which gives no sign of life by itself
BEATING = ("worker", "bot")  # give signs of life by themselves


def processes(word: str, home: str, parent: int | None = None) -> list[tuple[int, float]]:
    """Process ids and ages (seconds) of `manage.py WORD` of this shop, leaders of their group only.

    A shop's own are those started from its checkout by whoever started us (`parent`): two shops may share a checkout,
    and a watch that ends another shop's healthy worker, because its own is silent, is worse than none.
    """
    parent = os.getppid() if parent is None else parent
    found = []
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().split(b"\0")
            if word.encode() not in line or str((entry / "cwd").readlink()) != home:
                continue
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            started = float(stat[19]) / os.sysconf("SC_CLK_TCK")
            if int(stat[1]) == parent and os.getpgid(int(entry.name)) == int(entry.name):
                found.append((int(entry.name), uptime - started))
        except (OSError, ValueError):
            continue
    return found


class Diary:
    """JSON lines, capped: what was seen and done, readable when the database is not."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **said: Any) -> None:
        """Never raises for what the disk does: who watches goes on."""
        with suppress(OSError):
            self._write(said)

    def _write(self, said: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > LINES_BYTES:
            self.path.replace(self.path.with_suffix(".old"))
        with self.path.open("a") as out:
            out.write(json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **said}) + "\n")


def look(diary: Diary, home: str) -> list[int]:
    """One round: kill the group of every process that hangs; returns the ids killed."""
    killed = []
    for name, word in LED.items():
        quiet = silence(name)
        for pid, age in processes(word, home):
            if age < YOUNG or (quiet is not None and quiet < HUNG) or age < HUNG:
                continue
            diary.write(action="killed_hung", process=name, pid=pid, silent=quiet)
            print(f"{name} gave no sign for {quiet} s: ended, its supervisor starts it anew", flush=True)
            os.killpg(pid, signal.SIGKILL)
            killed.append(pid)
    return killed


class Roll:
    """Who leads each process: says whose leader is gone since the last look."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def deaths(self, now: Mapping[str, set[int]]) -> list[str]:
        died = [name for name, pid in self.known.items() if pid not in now.get(name, set())]
        self.known = {name: max(pids) for name, pids in now.items() if pids}
        return died


class Absences:
    """Who left on purpose, and whether somebody followed."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def left(self, name: str, now: float) -> None:
        self._since[name] = now

    def overdue(self, running: Mapping[str, set[int]], now: float) -> list[str]:
        """Each name once, when nobody followed within ABSENT. Seconds are monotonic."""
        self._since = {name: at for name, at in self._since.items() if not running.get(name)}
        late = [name for name, at in self._since.items() if now - at >= ABSENT]
        for name in late:
            del self._since[name]
        return late


class Herald:
    """Tells people of deaths: the first at once, what follows within QUIET as one number."""

    def __init__(self, diary: Diary, tell: Callable[[str], str] = outside.tell) -> None:
        self.diary, self.tell = diary, tell
        self._told: dict[str, float] = {}
        self._more: dict[str, int] = {}
        self._unheard: list[str] = []  # what nobody took yet
        self._tried = 0.0

    def died(self, name: str, now: float) -> None:
        """Seconds are monotonic."""
        self.diary.write(action="died", process=name)
        if now - self._told.get(name, -QUIET) >= QUIET:
            self._told[name] = now
            self._say(f"🔧 Proses {name} berhenti mendadak. Pengawas menjalankannya lagi; pesanan dan uang aman.")
        else:
            self._more[name] = self._more.get(name, 0) + 1

    def missing(self, name: str) -> None:
        """It was stopped by somebody and nobody took its place."""
        self.diary.write(action="missing", process=name)
        self._say(f"🔴 Proses {name} dihentikan dan belum berjalan lagi. Selama itu toko tidak melayani sepenuhnya.")

    def sum_up(self, now: float) -> None:
        """Once QUIET is over: how often it happened again. And once more what nobody took."""
        if self._unheard and now - self._tried >= AGAIN:
            self._tried = now
            self._say(self._unheard.pop(0))
        for name, times in list(self._more.items()):
            if now - self._told[name] >= QUIET:
                del self._more[name]
                self._told[name] = now
                self._say(
                    f"🔧 Proses {name} berhenti {times} kali lagi dalam {QUIET / 60:.0f} menit. Lihat log {name}."
                )

    def _say(self, text: str) -> None:
        """In a thread of its own: a slow way out must not keep us from looking."""

        def run() -> None:
            way = self.tell(text)
            self.diary.write(action="told", way=way or "nobody", text=text)
            if not way and len(self._unheard) < MOST_UNHEARD:
                self._unheard.append(text)

        threading.Thread(target=run, name="herald", daemon=True).start()


def ping_switch(address: str, diary: Diary) -> None:
    """The dead man's switch: `/fail` while worker or bot give no sign of life."""
    silent = [name for name in BEATING if (quiet := silence(name)) is None or quiet > HUNG]
    try:
        outside.ping(address.rstrip("/") + "/fail" if silent else address)
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
    diary.write(action="started", pid=os.getpid())
    home = str(Path.cwd())
    roll, absences, herald = Roll(), Absences(), Herald(diary)
    if address := value_of("HEARTBEAT_URL"):
        threading.Thread(target=keep_pinging, args=(address, diary), name="switch", daemon=True).start()
    note("web")  # an old answer, from before we were away, is no reason to end it
    threading.Thread(target=keep_asking_web, name="ask-web", daemon=True).start()
    while True:
        notify("READY=1\nWATCHDOG=1")
        look(diary, home)
        running = {name: {pid for pid, _ in processes(word, home)} for name, word in LED.items()}
        for name in roll.deaths(running):
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
