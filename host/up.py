"""`manage.py up`: everything under one supervisor, in one terminal. Standard library only, so that it stays small."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client  # nosec B411: talks to our own supervisor over its private socket
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from host import postgres
from host.environment import ROOT, ensure_env_file, sandbox_wanted, shop_folder, value_of, wrong_setting
from host.job_bell import Runner
from host.launch import die_with_parent
from host.local_http import UnixConnection, web_answers
from host.postgres import CannotStart
from host.web_socket import open_door

NEEDED_BYTES = 200 * 1024 * 1024
PROCESSES = ("web", "worker", "bot", "watch")
PATIENCE = 30.0  # seconds for a process to come up


class UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> HTTPConnection:
        return UnixConnection(self._path)


def supervisor(path: str) -> Any:
    return xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=UnixTransport(path)).supervisor


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def refuse_token_in_sandbox() -> None:
    if sandbox_wanted() and value_of("TELEGRAM_BOT_TOKEN"):
        raise CannotStart("SANDBOX=1 beside a TELEGRAM_BOT_TOKEN: remove one of the two.")


def refuse_full_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise CannotStart(
            f"The disk is full: {free // 2**20} MB free, the shop needs {NEEDED_BYTES // 2**20} MB to start."
        )


def one_at_a_time(folder: Path, stack: ExitStack) -> None:
    """Hold the checkout's lock until we end. Raises CannotStart while another `up` runs here."""
    lock = stack.enter_context((folder / "up.lock").open("a"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotStart("The shop already runs from this folder. Stop it first (Ctrl-C in its window).") from error


def socket_of(folder: Path) -> Path:
    """Where the supervisor of the shop in `folder` listens; elsewhere when the path would be too long for a socket."""
    path = folder / "run" / "supervisor.sock"
    if len(str(path)) + 12 > postgres.SOCKET_PATH_MAX:
        mark = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        path = Path(tempfile.gettempdir()) / f"autoorder-up-{os.geteuid()}-{mark}" / "s"
    return path


def short_socket(folder: Path) -> str:
    """The supervisor's socket, free to be made, in a folder that is ours alone when it must be elsewhere."""
    path = socket_of(folder)
    if path.parent != folder / "run":
        postgres.private_folder(path.parent, None)
    path.unlink(missing_ok=True)
    return str(path)


def forget_socket(path: str) -> None:
    """Remove the socket, and the private folder it may have needed elsewhere."""
    with suppress(OSError):
        Path(path).unlink(missing_ok=True)
        if Path(path).parent.name.startswith("autoorder-up-"):
            Path(path).parent.rmdir()


class Shop:
    """One running shop: a supervisor and what it supervises."""

    def __init__(self) -> None:
        self.port = port_number(value_of("PORT") or "8000")
        self.bind = value_of("BIND") or "127.0.0.1"
        self.sandbox = sandbox_wanted()
        self.folder = shop_folder()
        self.database_url = value_of("DATABASE_URL")
        self.cluster: postgres.Cluster | None = None
        self.daemon: subprocess.Popen[bytes] | None = None
        self.socket = ""
        self.door = -1
        self.sandbox_url = ""
        self.stopping = False

    def prepare_folders(self, stack: ExitStack) -> None:
        for part in ("run", "logs", "media", "static"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        for log in (self.folder / "logs").iterdir():
            log.chmod(0o600)
        refuse_full_disk(self.folder)
        one_at_a_time(self.folder, stack)
        self.door = open_door(self.bind, self.port)
        stack.callback(os.close, self.door)
        shutil.rmtree(self.folder / "run" / "beats", ignore_errors=True)
        for note in (*(self.folder / "run").glob("*.start"), *(self.folder / "run").glob("*.leader")):
            note.unlink(missing_ok=True)  # who is started by hand waits for nothing (host/start_delay.py)
        self.socket = short_socket(self.folder)
        stack.callback(forget_socket, self.socket)
        self.sandbox_url = self.choose_sandbox_url()

    def environment(self) -> dict[str, str]:
        """What supervised processes see; supervisor expands the AUTOORDER_ names."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "autoorder.settings",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
            "PORT": str(self.port),
            "BIND": self.bind,
            "DATABASE_URL": self.database_url,
            "SANDBOX_URL": self.sandbox_url,
            "AUTOORDER_PYTHON": sys.executable,
            "AUTOORDER_FOLDER": str(self.folder),
            "AUTOORDER_RUN": str(self.folder / "run"),
            "AUTOORDER_LOGS": str(self.folder / "logs"),
            "AUTOORDER_SOCKET": self.socket,
            "AUTOORDER_DOOR": str(self.door),
            "AUTOORDER_EMBEDDED": "true" if self.cluster else "false",
            **({"DATABASE_ADMIN_URL": self.cluster.url()} if self.cluster else {}),
        }

    def choose_sandbox_url(self) -> str:
        """The fakes' address, noted where the commands find it."""
        url = value_of("SANDBOX_URL") or f"http://127.0.0.1:{free_port()}"
        (self.folder / "run" / "sandbox.url").write_text(url)
        return url

    def start_supervisor(self, env: dict[str, str]) -> None:
        self.daemon = subprocess.Popen(
            [sys.executable, "-m", "host.restart_at_once", "-n", "-c", str(ROOT / "deploy" / "supervisord.conf")],
            cwd=ROOT,
            env=env,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            pass_fds=[self.door],
            umask=0o077,  # logs and the sandbox's files are nobody else's
        )
        self.wait(lambda: bool(self.rpc("getState")), "the supervisor")

    def rpc(self, method: str, *args: Any) -> Any:
        return getattr(supervisor(self.socket), method)(*args)

    def wait(self, ready: Any, what: str) -> None:
        """Poll until `ready()`; an OSError counts as not yet. Raises CannotStart after PATIENCE."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not self.stopping:
            if self.daemon is not None and self.daemon.poll() is not None:
                raise CannotStart(f"The supervisor ended. Its log is {self.folder}/logs/supervisord.log")
            with suppress(OSError, xmlrpc.client.Error):
                if ready():
                    return
            time.sleep(0.05)
        if not self.stopping:
            raise CannotStart(f"Gave up waiting for {what}. Its log is in {self.folder}/logs/")

    def start(self, env: dict[str, str]) -> dict[str, Any]:
        """Database, migrations and first things, then every process."""
        if self.cluster:
            with postgres.users_lock(self.cluster, fcntl.LOCK_EX):
                self.start_supervisor(env)
                postgres.wait_ready(self.cluster)
                postgres.ensure_database(self.cluster)
        else:
            self.start_supervisor(env)
        if self.sandbox:
            self.rpc("startProcess", "shop:sandbox", False)
        prepared = self.prepare_database(env)
        for name in PROCESSES:
            self.rpc("startProcess", f"shop:{name}", False)
        self.wait(web_answers, "the web process")
        return prepared

    def prepare_database(self, env: dict[str, str]) -> dict[str, Any]:
        if value_of("DATABASE_ADMIN_URL"):  # the shop's own role may not change tables
            self.manage("migrate", "--verbosity", "0", env=env)
        said: dict[str, Any] = json.loads(self.manage("prepare", "--check-token", env=env).splitlines()[-1])
        return said

    def manage(self, *words: str, env: dict[str, str]) -> str:
        """What a command prints. Raises CannotStart without words: the command has said why."""
        run = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
        )  # fmt: skip
        if run.returncode:
            raise CannotStart("")
        return run.stdout

    def stop(self, grace: float) -> None:
        """SIGTERM stops the processes in order, the database last; SIGKILL after `grace` seconds (children follow)."""
        if self.daemon is None or self.daemon.poll() is not None:
            return
        self.daemon.terminate()
        try:
            self.daemon.wait(grace)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait(5)


def announce(shop: Shop, prepared: dict[str, Any]) -> None:
    base = f"http://{'localhost' if shop.bind == '127.0.0.1' else shop.bind}:{shop.port}"
    lines = ["", "autoorder runs. Ctrl-C stops it."]
    if shop.sandbox:
        lines += [
            "",
            f"  Chat page (buy something)   {base}/sandbox/",
            f"  Gateway page (pay)          {base}/sandbox/gateway/",
        ]
    lines.append(f"  Dashboard                   {base}/{(value_of('ADMIN_PATH') or 'admin/').strip('/')}/")
    if prepared.get("asks_contact"):
        lines += [
            "",
            "  Buyers cannot reach you yet: enter your contact in the dashboard (Pengaturan, Kontak penjual).",
        ]
    if prepared.get("password"):
        lines += ["", f"  First login: {prepared['login']} / {prepared['password']}", "  It is shown only this once."]
    if shop.cluster and not str(shop.cluster.home).startswith(str(ROOT)):
        lines += ["", f"  The database lives in {shop.cluster.home}, since its user cannot enter this folder."]
    if shop.cluster and not shop.sandbox:
        lines += ["", "  Embedded database: fine for a first try; use Debian's PostgreSQL before you go live."]
    print("\n".join([*lines, "", f"  Logs: {shop.folder}/logs/", ""]), flush=True)


def main() -> int:
    """0 after Ctrl-C or SIGTERM; 2 with one plain sentence when the shop cannot start."""
    parent = os.getppid()
    die_with_parent(signal.SIGTERM)
    try:
        ensure_env_file()
        if wrong := wrong_setting():
            raise CannotStart(wrong)
        refuse_token_in_sandbox()
        shop = Shop()
    except (CannotStart, OSError) as refusal:
        print(str(refusal), file=sys.stderr)
        return 2

    def on_signal(*_: object) -> None:
        shop.stopping = True

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    with ExitStack() as stack:
        try:
            shop.prepare_folders(stack)
            if not shop.database_url:
                shop.cluster = postgres.plan(shop.folder)
                postgres.initialise(shop.cluster)
                shop.database_url = shop.cluster.url(role=postgres.SHOP_ROLE)
            prepared = shop.start(shop.environment())
            if not shop.stopping:
                announce(shop, prepared)
            jobs = Runner(shop.folder / "run", shop.folder / "logs" / "jobs.log", shop.environment())
            stack.callback(jobs.stop, 3)
            while not shop.stopping:
                time.sleep(0.2)
                jobs.look()
                if shop.daemon is not None and shop.daemon.poll() is not None:
                    raise CannotStart(f"The supervisor ended. Its log is {shop.folder}/logs/supervisord.log")
        except (CannotStart, OSError) as refusal:
            if not shop.stopping:
                print(str(refusal), file=sys.stderr) if str(refusal) else None
                shop.stop(grace=8)
                return 2
        # when make died, nobody waits for a tidy end: children must be gone within 5 s
        shop.stop(grace=12 if os.getppid() == parent else 3)
    return 0
