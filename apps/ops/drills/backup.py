"""`drill backup` (roadmap 2.2, 2.3, 6.2): backups are damaged in every way and it shows; a shop whose newest backup is
gone sells again from the one before, and nothing is sold twice.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from apps.ops.drills.measures import at_most, exactly
from apps.ops.drills.planted_faults import Plants, breaks
from apps.ops.drills.runner import Drill, Play
from apps.ops.drills.shop_copy import CopyFailed, ShopCopy
from host.backups.bundle import new_key
from host.backups.records import SUFFIX, record_name
from host.up import supervisor

BUYERS = 5  # before the backup, since, after the restore, after the undo
SELLING = 15 * 60.0  # seconds from the loss to goods in a chat
IMPATIENT = 15.0  # seconds, where goods are planted never to come
UNIT = re.compile(r"^<code>(.+)</code>$", re.M)
PLANTS: Plants = {
    "away": breaks("proven"),  # the offsite is not there when the backup is made
    "blind": breaks("damage"),  # one damage is repaired before anybody looks
    "noisy": breaks("silent"),  # one damage is left
    "open": breaks("wrong key"),  # the right key is given instead of a wrong one
    "alone": breaks("older"),  # the backup before the newest is damaged as well
    "mute": breaks("selling"),  # worker and bot do not come back after the restore
    "released": breaks("sold twice"),  # what was held back is sold again at once
    "forged": breaks("books"),  # somebody writes into the audit of the restored shop
    "stays": breaks("undone"),  # nobody goes back
}

Damage = Callable[["Backups", str], None]


def flip_a_bit(here: Backups, name: str) -> None:
    content = bytearray((here.offsite / name).read_bytes())
    content[len(content) // 2] ^= 1
    (here.offsite / name).write_bytes(content)


def cut_off_its_end(here: Backups, name: str) -> None:
    (here.offsite / name).write_bytes((here.offsite / name).read_bytes()[:-100])


def leave_half(here: Backups, name: str) -> None:
    content = (here.offsite / name).read_bytes()
    (here.offsite / name).write_bytes(content[: len(content) // 2])


def empty_it(here: Backups, name: str) -> None:
    (here.offsite / name).write_bytes(b"")


def remove_it(here: Backups, name: str) -> None:
    (here.offsite / name).unlink()


def put_an_old_one_in_its_place(here: Backups, name: str) -> None:
    shutil.copy(here.offsite / here.names()[0], here.offsite / name)


def pass_an_old_one_off(here: Backups, name: str) -> None:
    """With its genuine record."""
    put_an_old_one_in_its_place(here, name)
    shutil.copy(here.offsite / record_name(here.names()[0]), here.offsite / record_name(name))


def change_its_record(here: Backups, name: str) -> None:
    record = here.offsite / record_name(name)
    record.write_text(record.read_text().replace('"number": ', '"number": 1'))


def damage_the_one_here(here: Backups, name: str) -> None:
    content = bytearray((here.local / name).read_bytes())
    content[-1] ^= 1
    (here.local / name).write_bytes(content)


DAMAGES: tuple[Damage, ...] = (
    flip_a_bit, cut_off_its_end, leave_half, empty_it, remove_it, put_an_old_one_in_its_place, pass_an_old_one_off,
    change_its_record, damage_the_one_here,
)  # fmt: skip


class Backups:
    """One play of the drill."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.key = new_key()
        self.offsite = play.folder / "offsite"
        self.offsite.mkdir()
        self.shop = ShopCopy(
            play.folder / "copy",
            SANDBOX_RATE="3000",
            TELEGRAM_RATE="1000",
            BACKUP_RECIPIENTS=str(self.key.to_public()),
            BACKUP_OFFSITE_URL=f"file://{self.offsite}",
        )
        self.units: list[str] = []  # what buyers were given, in any life of the shop
        self._user = 500_000

    def run(self) -> None:
        self.play.say("starting a private copy of the shop")
        self.shop.start()
        try:
            self.shop.add_stock("spotify", 200)
            self.play.say("buyers, a backup, and more buyers")
            self._sell()
            self._back_up()
            self._sell()
            self._damage()
            self._wrong_key()
            self._lose_the_newest()
            self._go_back()
        finally:
            self.shop.stop()

    @property
    def local(self) -> Path:
        return self.shop.shop_folder / "backups"

    def names(self) -> list[str]:
        """Backups at the offsite, oldest first."""
        return sorted(path.name for path in self.offsite.glob(f"*{SUFFIX}"))

    def _buy(self, patience: float = 90.0) -> None:
        self._user += 1
        number = self.shop.walk_to_invoice(self._user, "Spotify", patience)
        self.shop.insist("pay", order_id=number)
        self.units += UNIT.findall(self.shop.goods(self._user, number, patience))

    def _sell(self) -> None:
        for _ in range(self.play.count(BUYERS, 2)):
            self._buy()

    def _does(self, *words: str, text: str = "") -> bool:
        return self.shop.manage(*words, text=text.encode(), check=False).returncode == 0

    def _back_up(self) -> None:
        """Two: what the drill damages must have one before it."""
        self.shop.manage("backup", "--kind", "hourly")
        if self.play.planted("away"):
            self.offsite.rename(self.offsite.with_name("elsewhere"))
        began = time.monotonic()
        said = self.shop.manage("backup", check=False)
        took = time.monotonic() - began
        if self.play.planted("away"):
            self.offsite.with_name("elsewhere").rename(self.offsite)
            for _ in range(2):  # of one hour the newest and the last proven one are kept
                self.shop.manage("backup")
        proven = "is proven: read from the offsite" in said.stdout
        self.play.notes.append(f"a whole backup, copied away and proven, took {took:.1f} s; {said.stdout.strip()}")
        self.play.keep(exactly("proven", "a backup is read back from the offsite and restored", int(proven), 1))

    def _damage(self) -> None:
        """Each kind on a backup that was good, and good again afterwards."""
        name, seen = self.names()[-1], 0
        for n, damage in enumerate(DAMAGES):
            kept = [self._copy(folder) for folder in (self.offsite, self.local)]
            damage(self, name)
            if self.play.planted("blind") and n == 0:
                self._put_back(kept)
            seen += not self._does("verifybackup")
            if not (self.play.planted("noisy") and damage is DAMAGES[-1]):
                self._put_back(kept)
        told = ", ".join(damage.__name__.replace("_", " ") for damage in DAMAGES)
        self.play.faults.append(f"a backup damaged in {len(DAMAGES)} ways: {told}")
        self.play.keep(exactly("damage", "every damage is seen", seen, len(DAMAGES)))
        self.play.keep(exactly("silent", "good backups ring no alarm", int(self._does("verifybackup")), 1))
        self._put_back(kept)

    def _copy(self, folder: Path) -> Path:
        kept = self.play.folder / f"kept-{folder.name}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
        return kept

    def _put_back(self, kept: list[Path]) -> None:
        for folder, copy in zip((self.offsite, self.local), kept, strict=True):
            for path in folder.iterdir():
                path.unlink()
            shutil.copytree(copy, folder, dirs_exist_ok=True)

    def _wrong_key(self) -> None:
        key = self.key if self.play.planted("open") else new_key()
        said = self.shop.manage("restore", "stage", "newest", text=str(key).encode(), check=False)
        refused = said.returncode == 1 and said.stderr.count("\n") == 1 and "another key" in said.stderr
        self.play.faults.append("a restore with another key")
        self.play.keep(exactly("wrong key", "a wrong key is refused in one sentence", int(refused), 1))

    def _lose_the_newest(self) -> None:
        """The newest is damaged here and there; the shop sells again from the one before."""
        self.play.say("the newest backup is damaged; the one before is restored")
        broken = self.names()[-2:] if self.play.planted("alone") else self.names()[-1:]
        kept = [self._copy(folder) for folder in (self.offsite, self.local)]
        for name in broken:
            for folder in (self.offsite, self.local):
                (folder / name).write_bytes((folder / name).read_bytes()[:-1])
        began = time.monotonic()
        newest = self._does("restore", "stage", "newest", text=str(self.key))
        before = self.names()[-2]
        older = self._does("restore", "stage", before, text=str(self.key))
        self.play.faults.append("the newest backup damaged here and at the offsite")
        self.play.keep(
            exactly("older", "a damaged newest is refused, the one before stands", int(older and not newest), 1)
        )
        if not older:
            self._put_back(kept)
            self.shop.manage("restore", "stage", before, text=str(self.key).encode())
        self._take_its_place(before, began)

    def _take_its_place(self, name: str, began: float) -> None:
        self.shop.manage("restore", "activate", text=f"{name}\n".encode())
        if self.play.planted("released"):
            self.shop.manage("restore", "release", text=b"release\n")
        if self.play.planted("mute"):
            self._each("stopProcess")
        took = float("inf")
        with suppress(CopyFailed):
            self._buy(IMPATIENT if self.play.planted("mute") else SELLING)
            took = time.monotonic() - began
        if self.play.planted("mute"):
            self._each("startProcess")
        self.play.keep(
            at_most("selling", f"goods are in a chat within {SELLING / 60:g} min of the loss", took, SELLING)
        )
        self._sell()
        if self.play.planted("forged"):
            self.shop.sql(
                "INSERT INTO base_auditrow (id, at, actor, kind, subject, data, mac)"
                " VALUES (gen_random_uuid(), now(), 'nobody', 'x', 'x', '{}', '\\x00')"
            )
        self.play.keep(
            exactly("books", "every truth holds in the restored shop", int(self._does("checkinvariants")), 1)
        )

    def _each(self, act: str) -> None:
        hand = supervisor(str(self.shop.socket))
        for name in ("shop:worker", "shop:bot"):
            getattr(hand, act)(name)

    def _go_back(self) -> None:
        self.play.say("and back to the database from before")
        if not self.play.planted("stays"):
            self.shop.manage("restore", "undo", text=b"undo\n")
        self._buy()
        paid = self.shop.sql("SELECT count(*) FROM orders_order WHERE paid_at IS NOT NULL AND total > 0")[0][0]
        wanted = 2 * self.play.count(BUYERS, 2) + 1
        self.play.faults.append("a restore that was undone")
        self.play.keep(exactly("undone", "every order from before is there again", paid, wanted))
        twice = len(self.units) - len(set(self.units))
        self.play.keep(exactly("sold twice", "no unit went to two buyers, in any life of the shop", twice, 0))


def run(play: Play) -> None:
    """Play the drill; its measures are left in `play`."""
    Backups(play).run()


DRILL = Drill(
    "backup",
    "A backup is proven by a restore, every damage of one is seen, and a shop that loses its data and its newest backup"
    " sells again within 15 min from the one before, without selling anything twice.",
    run,
    plants=PLANTS,
)
