"""A private copy of the shop: started as `make run` starts it, in a folder, on ports and a database cluster of its own.

Drills, acceptance tests and benchmarks play with it; nothing of the real shop is touched, and its fakes stand for
Telegram and the gateway.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from host import postgres
from host.environment import ROOT
from host.up import free_port, supervisor

PATIENCE = 40.0
ENDING = 20.0  # seconds it is given to stop in order
INHERITED = re.compile(r"^(PATH|HOME|LANG|LC_\w+|TMPDIR|VIRTUAL_ENV|PYTHON\w*|SSL_CERT_FILE|AUTOORDER_\w+)$")
ITS_OWN = ("AUTOORDER_RUN", "AUTOORDER_VAR", "AUTOORDER_ENV_FILE", "AUTOORDER_WEB_SOCKET")


class CopyFailed(Exception):
    """The copy did not do in time what it was waited for."""


class ShopCopy:
    """One running copy and the fakes' switches. No setting and no secret of the shop around it is taken over."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.fakes = f"http://127.0.0.1:{free_port()}"
        inherited = {k: v for k, v in os.environ.items() if INHERITED.match(k) and k not in ITS_OWN}
        self.env = {
            **inherited,
            "PORT": str(self.port),
            "AUTOORDER_VAR": str(folder),
            "AUTOORDER_ENV_FILE": str(folder / "env"),
            "SANDBOX_URL": self.fakes,
            "AUTOORDER_TESTS": "1",
            **environment,
        }
        self.up: subprocess.Popen[bytes] | None = None

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self, *, again: bool = False) -> ShopCopy:
        starts = self.said.count("Ctrl-C stops it") if again else 0
        with (self.folder / "up.log").open("ab") as out:
            command = [sys.executable, "manage.py", "up"]
            self.up = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=out, stderr=out)
        self.wait(lambda: self.said.count("Ctrl-C stops it") > starts, "the shop")
        return self

    @property
    def said(self) -> str:
        path = self.folder / "up.log"
        return path.read_text() if path.exists() else ""

    def stop(self) -> int:
        if self.up is None:
            return 0
        if self.up.poll() is None:
            self.up.send_signal(signal.SIGINT)
        try:
            return self.up.wait(ENDING)
        except subprocess.TimeoutExpired:
            for pid in [*self.everything(), self.up.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return self.up.wait(5)

    def wait(self, done: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Poll until `done()` is true, less and less often; connection errors count as not yet."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < seconds:
            try:
                if value := done():
                    return value
            except (OSError, psycopg.Error, LookupError):
                pass
            time.sleep(min(0.03 + waited / 10, 0.25))
        raise CopyFailed(f"waited {seconds} s for {what}; {self.said[-500:]}")

    @property
    def shop_folder(self) -> Path:
        return self.folder / "sandbox"

    def processes(self) -> dict[str, int]:
        """Name → process id, as the supervisor knows them."""
        rows = supervisor(str(self.socket)).getAllProcessInfo()
        return {row["name"]: row["pid"] for row in rows if row["pid"]}

    def family(self, name: str) -> list[int]:
        """A process by the supervisor's name, and after it all that it started."""
        pid = self.processes()[name]
        return [pid, *descendants(pid)]

    @property
    def socket(self) -> Path:
        mine = list(self.shop_folder.glob("run/supervisor.sock"))
        if mine:
            return mine[0]
        mark = hashlib.sha256(str(self.shop_folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"autoorder-up-{os.geteuid()}-{mark}" / "s"

    def kill(self, name: str) -> bool:
        """kill -9, by the supervisor's name, or the nth child: `worker/2`. False when nobody was there to kill."""
        name, _, child = name.partition("/")
        pid = self.processes().get(name)
        if pid is None:
            return False
        if child:
            family = descendants(pid) or [pid]
            pid = family[int(child) % len(family)]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def everything(self) -> list[int]:
        """Every process of this shop but `up`."""
        return descendants(self.up.pid) if self.up else []

    # -- database ------------------------------------------------------------------------------------------------------

    @property
    def database_url(self) -> str:
        return postgres.plan(self.shop_folder).url()

    def sql(self, query: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.database_url, autocommit=True) as wire:
            cursor = wire.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def manage(self, *words: str, text: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[str]:
        env = {**self.env, "DATABASE_URL": self.database_url}
        run = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=env,
            input=text.decode(),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and run.returncode:
            raise CopyFailed(run.stdout + run.stderr)
        return run

    def add_stock(self, code: str, units: int, variant: str | None = None) -> None:
        lines = "\n".join(f"{code}-{n:06d}|rahasia" for n in range(units))
        more = ["--variant", variant] if variant else []
        self.manage("importstock", code, "-", *more, text=lines.encode())

    # -- people --------------------------------------------------------------------------------------------------------

    def tell(self, what: str, **body: Any) -> dict[str, Any]:
        call = urllib.request.Request(  # noqa: S310
            f"{self.fakes}/control/{what}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(call, timeout=10) as answer:  # noqa: S310  # nosec B310: loopback
            told: dict[str, Any] = json.load(answer)
            return told

    def ask(self, what: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.fakes}/control/{what}", timeout=10) as answer:  # noqa: S310  # nosec B310
            told: dict[str, Any] = json.load(answer)
            return told

    def insist(self, what: str, **body: Any) -> dict[str, Any]:
        """Tell, waiting while the fakes restart."""
        return self.wait(lambda: self.tell(what, **body), what)

    def messages(self, user: int) -> list[dict[str, Any]]:
        rows = self.ask(f"messages?chat={user}")["messages"]
        return [m for m in rows if not m.get("deleted")]

    def find(
        self, user: int, fits: Callable[[dict[str, Any]], Any], what: str, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """The newest message of the bot that fits."""
        return self.wait(
            lambda: next((m for m in reversed(self.messages(user)) if m["from"] == "bot" and fits(m)), None),
            f"{what} for {user}",
            seconds,
        )

    def press(self, user: int, label: str, seconds: float = PATIENCE) -> None:
        shown = self.find(user, lambda m: button_data(m, label), f"the button {label}", seconds)
        self.insist("press", user=user, message_id=shown["message_id"], data=button_data(shown, label))

    def seconds_until_greeted(self, user: int, patience: float = 60.0) -> float:
        """How long a new person who says /start waits for the greeting; `patience` when it never comes."""
        began = time.monotonic()
        try:
            self.insist("users", id=user, name=f"Penanya {user}")
            self.insist("say", user=user, text="/start")
            self.find(user, lambda m: "selamat datang" in m["text"], "the greeting", patience)
        except CopyFailed:
            return patience
        return time.monotonic() - began

    def walk_to_invoice(self, user: int, product: str, seconds: float = PATIENCE) -> str:
        """A new buyer orders; returns the number on the invoice."""
        self.insist("users", id=user, name=f"Pembeli {user}")
        self.insist("say", user=user, text="/start")
        for label in ("Semua produk", product, "Beli", "QRIS"):
            self.press(user, label, seconds)
        return self.invoice(user, seconds)

    def invoice(self, user: int, seconds: float = PATIENCE) -> str:
        shown = self.find(user, lambda m: m.get("photo") and "AO-" in m["text"], "an invoice", seconds)
        return str(re.findall(r"AO-\w+", shown["text"])[0])

    def goods(self, user: int, number: str, seconds: float = PATIENCE) -> str:
        return self.find(
            user, lambda m: number in m.get("text", "") and "barangnya" in m["text"], f"goods of {number}", seconds
        )["text"]

    def buy(self, user: int, product: str) -> str:
        number = self.walk_to_invoice(user, product)
        self.insist("pay", order_id=number)
        return self.goods(user, number)


def button_data(message: dict[str, Any], label: str) -> str:
    found = [
        b["callback_data"]
        for row in message.get("keyboard") or []
        for b in row
        if label in b["text"] and "callback_data" in b
    ]
    return found[0] if found else ""


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on, of a process; none of one that is gone."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
