"""Runs a drill: refuses where it would do harm, gives it a private copy of the shop, and keeps the signed report."""

from __future__ import annotations

import fcntl
import os
import platform
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection

from apps.base.clock import shop_now
from apps.base.healthchecks import memory_of_machine
from apps.base.incidents import open_incidents
from apps.ops.drills.measures import Measure
from apps.ops.drills.report import Report
from host.environment import ROOT

FREE_MEMORY = 700 * 2**20  # bytes
FREE_DISK = 5 * 2**30  # bytes


class RefusesToDrill(Exception):
    """One plain sentence: why not now, and what to do."""


@dataclass
class Play:
    """What a drill is given and what it leaves: faults it did, measures it took, notes for the reader."""

    folder: Path
    dice: random.Random
    say: Callable[[str], None]
    scale: float = 1.0  # 1: the full counts; tests play a small part
    plants: frozenset[str] = frozenset()  # faults to do on purpose (apps.ops.drills.planted_faults)
    faults: list[str] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def keep(self, measure: Measure) -> None:
        """Leave a measure in the report; a broken promise is said at once."""
        self.measures.append(measure)
        if not measure.kept:
            self.say(f"BROKEN: {measure.promised}: {measure.seen}")

    def planted(self, name: str) -> bool:
        """Whether this fault is to be done on purpose."""
        return name in self.plants

    def count(self, full: int, least: int = 1) -> int:
        """A full count, scaled."""
        return max(least, round(full * self.scale))


@dataclass(frozen=True)
class Drill:
    """A named rehearsal. `plants`: the faults it can be given on purpose, and the measures that each must break."""

    name: str
    hypothesis: str
    run: Callable[[Play], None]
    plants: Mapping[str, frozenset[str]]


REGISTRY: dict[str, Drill] = {}


def register(drill: Drill) -> None:
    REGISTRY[drill.name] = drill


def refuse_where_it_would_hurt() -> None:
    """Raises RefusesToDrill when memory or disk are short, or while people are busy with an incident."""
    memory = memory_of_machine()[1]
    if memory < FREE_MEMORY:
        raise RefusesToDrill(f"Only {memory // 2**20} MB of memory are free, a drill needs {FREE_MEMORY // 2**20} MB.")
    disk = shutil.disk_usage(drills_folder()).free
    if disk < FREE_DISK:
        raise RefusesToDrill(f"Only {disk / 2**30:.1f} GB of disk are free, a drill needs {FREE_DISK // 2**30} GB.")
    still_open = open_incidents().order_by("opened_at").first()
    if still_open is not None:
        raise RefusesToDrill(
            f"An incident is open ({still_open.key}): end it first (its button Selesai, or Gangguan in the dashboard)."
        )


def drills_folder() -> Path:
    folder: Path = settings.SHOP_FOLDER / "drills"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def only_one() -> Iterator[None]:
    with (drills_folder() / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusesToDrill("Another drill is running here: wait for it to end.") from error
        yield


def use_the_shops_postgresql() -> str:
    """The copy runs on the programs of the shop's own server version where they are at hand; says which."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0].split()[0]
    programs = Path(f"/usr/lib/postgresql/{version.split('.')[0]}/bin")
    if programs.is_dir():
        os.environ["AUTOORDER_PG_PROGRAMS"] = str(programs)
    return f"the shop's PostgreSQL is {version}"


def play(
    name: str, *, seed: int, say: Callable[[str], None], planted: Iterable[str] = (), scale: float = 1.0
) -> Report:
    """Run one drill to its report; a copy that breaks is a failed drill, not an error.

    Raises RefusesToDrill, KeyError for an unknown name.
    """
    drill = REGISTRY[name]
    refuse_where_it_would_hurt()
    with only_one():
        folder = drills_folder() / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        given = Play(folder, random.Random(seed), say, scale, frozenset(planted))  # noqa: S311  # nosec B311: repeatable on purpose
        given.notes.append(use_the_shops_postgresql())
        started = shop_now()
        try:
            drill.run(given)
        except Exception as error:  # noqa: BLE001 - a copy may break in any way, and that is what people must read
            seen = f"{type(error).__name__}: {error}"[:500]
            given.measures.append(Measure("the drill itself", "the copy does what it is waited for", seen, kept=False))
        ended = shop_now()
        if all(measure.kept for measure in given.measures):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            given.notes.append(f"the copy's logs and files are left in {folder} until the next {name}")
    return Report(
        name, drill.hypothesis, seed, version_of_code(), machine(), started, ended, given.faults, given.measures,
        given.notes, ",".join(sorted(given.plants)), scale,
    )  # fmt: skip


def version_of_code() -> str:
    """The release's name, or the commit of a checkout."""
    if (ROOT / "VERSION").exists():
        return (ROOT / "VERSION").read_text().strip()
    head = ROOT / ".git" / "HEAD"
    try:
        pointed = head.read_text().strip().removeprefix("ref: ")
        return (ROOT / ".git" / pointed).read_text().strip()[:12] if pointed.startswith("refs/") else pointed[:12]
    except OSError:
        return "unknown"


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
