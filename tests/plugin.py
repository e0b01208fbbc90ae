"""Loaded before Django: a PostgreSQL of the tests' own, and an environment that no `.env` can disturb."""

from __future__ import annotations

import atexit
import base64
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from host import postgres

WORKERS = 3  # as pyproject.toml says (-n): on two cores, since whole shops mostly wait
ROOT = Path(__file__).resolve().parent.parent
KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()

FIXED = {
    "AUTOORDER_ENV_FILE": str(ROOT / "var" / "no-env-file"),
    "AUTOORDER_TESTS": "1",
    "AUTOORDER_NO_FLUSH": "1",
    "AUTOORDER_WORKERS": "2",
    "AUTOORDER_WEB_WORKERS": "1",
    "SANDBOX": "1",
    "SECRET_KEY": "tests-only",
    "FIELD_KEYS": f"k1:{KEY}",
    "LOOKUP_KEY": KEY,
    "AUDIT_KEY": KEY,
    "METRICS_TOKEN": "metrics-token",
    "TELEGRAM_WEBHOOK_SECRET": "webhook-secret",
    "STORE_NAME": "Toko Maju",
    "TIME_ZONE": "Asia/Jakarta",
    "LANGUAGE_CODE": "id",
}
LEFT_OUT = (
    "TELEGRAM_BOT_TOKEN",
    "PUBLIC_URL",
    "OWNER_CHAT_IDS",
    "SELLER_CHAT_IDS",
    "ADMIN_PATH",
    "SENTRY_DSN",
    "DEBUG",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_database() -> None:
    """One server for the run; the workers of xdist inherit its address."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=made(ROOT / "var" / "test")))
    cluster = postgres.plan(folder)
    postgres.initialise(cluster)
    server = postgres.spawn_server(cluster, durable=False)
    postgres.ensure_database(cluster)
    os.environ["DATABASE_URL"] = cluster.url()
    os.environ["AUTOORDER_TESTS_FOLDER"] = str(folder)
    if newer := os.environ.get("AUTOORDER_SCHEMA_OF"):
        make_schema_of(Path(newer), cluster)
    else:
        begin_template(cluster, folder)
    owner = os.getpid()

    def stop() -> None:
        if os.getpid() == owner:
            postgres.stop_server(server)
            shutil.rmtree(cluster.home, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)


TEMPLATE = "autoorder_template"  # migrated once; each worker's database is a copy


def begin_template(cluster: postgres.Cluster, folder: Path) -> None:
    """Migrate the template while the workers of xdist collect; `template_ready` waits for it."""
    postgres.ensure_database(cluster, TEMPLATE)
    env = {**os.environ, "DATABASE_URL": cluster.url(TEMPLATE)}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    with (folder / "template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes on in the child until it ends
        subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=[lock.fileno()])


def template_ready() -> str:
    """The template's name, as soon as it is whole."""
    folder = Path(os.environ["AUTOORDER_TESTS_FOLDER"])
    with (folder / "template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
    return TEMPLATE


def make_schema_of(newer: Path, cluster: postgres.Cluster) -> None:
    """The tests' databases with the tables of a newer checkout (`make upgrade-check`); pytest then runs with
    --reuse-db.
    """
    for name in ("test_autoorder", *(f"test_autoorder_gw{n}" for n in range(WORKERS))):
        postgres.ensure_database(cluster, name)
        env = {**os.environ, "DATABASE_URL": cluster.url(name)}
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=newer, env=env, check=True)


def made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


SHARED = {  # how a test's name begins → with whom it shares a running shop
    "tests/browser/": "browser",
    "tests/acceptance/test_failover.py": "by_webhook",
    "tests/acceptance/test_suite.py": "without bells",
    "tests/acceptance/test_ten_dialogues.py": "killed",
    "tests/acceptance/test_kills.py": "killed",
    "tests/acceptance/test_run.py": "run",
}


class Together(LoadScopeScheduling):
    """Tests that share a running shop stay on one worker, so that it is started once; all others go where there is
    room.

    xdist 3.8's own `loadgroup` does nothing here: it renames tests by `_nodeid`, which pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        for beginning, scope in SHARED.items():
            if nodeid.startswith(beginning):
                return "by_webhook" if nodeid.endswith("[webhook]") else scope
        return nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole shops first: beside what mostly waits the others fill the time."""
    items.sort(key=lambda item: not item.nodeid.startswith(("tests/acceptance/", "tests/browser/")))


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any, parser: Any, args: list[str]) -> None:
    for name in LEFT_OUT:
        os.environ.pop(name, None)
    os.environ.update(FIXED)
    os.environ["SANDBOX_URL"] = f"http://127.0.0.1:{free_port()}"
    run = os.environ["AUTOORDER_RUN"] = tempfile.mkdtemp(prefix="autoorder-run-")
    atexit.register(shutil.rmtree, run, ignore_errors=True)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        try:
            start_database()
        except (postgres.CannotStart, subprocess.SubprocessError) as refusal:
            raise SystemExit(str(refusal)) from refusal
