"""`make run` as the contract describes it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from host.postgres import LAST_RESORT
from tests.live import Live, Prepared, descendants
from tests.plugin import ROOT, free_port

pytestmark = pytest.mark.acceptance


def gone(pids: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def shop(tmp_path_factory: Any) -> Iterator[Live]:
    """One shop of this module from its first start on; the tests that end it are last and in order."""
    made = Live(tmp_path_factory.mktemp("run") / "a folder with spaces")
    made.start()
    yield made
    made.stop()


def test_a_second_run_says_so(shop: Live) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=shop.env, capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert second.stderr.strip() == "The shop already runs from this folder. Stop it first (Ctrl-C in its window)."


def test_a_sandbox_database_serves_no_real_bot(shop: Live, tmp_path: Path) -> None:
    said = refused(tmp_path, DATABASE_URL=shop.database_url, TELEGRAM_BOT_TOKEN="123:abc")
    assert said.startswith("This database holds a sandbox")


COUNT = "from apps.orders.models import Product; print(Product.objects.count())"


def test_one_shop_stopped_started_and_killed(shop: Live) -> None:
    """Ctrl-C ends everything and keeps everything; commands work before and after; children end with their parent."""
    count = [sys.executable, "manage.py", "shell", "-v", "0", "-c", COUNT]
    running = subprocess.run(count, cwd=ROOT, env=shop.env, capture_output=True, text=True, check=False)
    assert running.stdout.strip() == "8", running.stderr
    assert "First login: owner" in shop.said

    pids = shop.everything()
    assert len(pids) > 8
    started = time.monotonic()
    assert shop.stop() == 0
    assert time.monotonic() - started < 15
    assert gone(pids, 1)

    stopped = [subprocess.Popen(count, cwd=ROOT, env=shop.env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [p.communicate()[0].strip() for p in stopped] == ["8", "8"], "two at once share the server"

    shop.start(again=True)  # how quick is measured by make bench
    assert shop.said.count("First login") == 1
    lives = json.loads((shop.shop_folder / "run/web.start").read_text())["short_lives"]
    assert lives == 0, "who stopped it by hand waits for no growing pause"
    assert shop.up is not None
    ends_with(shop.everything(), descendants(shop.up.pid)[0])  # the supervisor

    shop.stop()
    shop.start(again=True)
    ends_with(shop.everything(), shop.up.pid)
    shop.up.wait()

    told = shop.folder / "make.log"
    with told.open("wb") as out:
        make = subprocess.Popen(["make", "-s", "run"], cwd=ROOT, env=shop.env, stdout=out, stderr=out)
    shop.wait(lambda: "Ctrl-C stops it" in told.read_text(), "make run", 90)
    ends_with(descendants(make.pid), make.pid)
    make.wait()


def ends_with(pids: list[int], parent: int) -> None:
    """kill -9 of the parent ends all of them."""
    os.kill(parent, signal.SIGKILL)
    assert gone([pid for pid in pids if pid != parent], 5)


def refused(tmp_path: Path, **environment: str) -> str:
    shop = Live(tmp_path / "shop", **environment)
    run = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=shop.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 2, run.stdout + run.stderr
    lines = run.stderr.strip().split("\n")
    assert len(lines) == 1, run.stderr
    return lines[0]


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(tmp_path, PORT=str(port)).startswith(f"Port {port} on 127.0.0.1 is taken")


def test_a_bad_port_is_one_sentence(tmp_path: Path) -> None:
    assert refused(tmp_path, PORT="many") == "PORT must be a number from 1 to 65535, not 'many'."


def test_no_database_is_one_sentence(tmp_path: Path) -> None:
    said = refused(tmp_path, DATABASE_URL=f"postgres://x@127.0.0.1:{free_port()}/x")
    assert said.startswith("The database does not answer")


def test_sandbox_beside_a_token_is_one_sentence(tmp_path: Path) -> None:
    assert "SANDBOX=1 beside a TELEGRAM_BOT_TOKEN" in refused(tmp_path, SANDBOX="1", TELEGRAM_BOT_TOKEN="1:x")


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        assert refused(disk).startswith("The disk is full: ")
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_python_too_old_is_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "awk", "df", "tail", "touch", "rm"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    old.rename(tools / "python3")
    run = subprocess.run(
        ["sh", str(ROOT / "deploy" / "venv.sh"), "requirements.txt", ".venv/x"],
        cwd=tmp_path,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("autoorder needs Python 3.11 or newer")


def test_a_folder_that_only_root_can_enter(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has such folders")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = {p: p.stat().st_mode for p in (closed, *closed.parents)}
    shop = Prepared(closed / "shop")
    shop.start()
    try:
        assert str(LAST_RESORT) in shop.said
        assert {p: p.stat().st_mode for p in before} == before, "no folder above was opened"
    finally:
        shop.stop()
        line = next(line for line in shop.said.split("\n") if str(LAST_RESORT) in line)
        shutil.rmtree(line.split(" in ")[1].split(",")[0])


def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    """As `nobody`, from a copy of the tree that it owns; the packages are the ones installed here."""
    if os.geteuid() != 0:
        pytest.skip("the tests themselves run as an ordinary user")
    import pwd
    import tempfile

    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        home = Path(name) / "checkout"
        home.mkdir()
        for part in ("host", "fakes", "apps", "autoorder", "deploy", "templates", "locale", "manage.py"):
            source = ROOT / part
            shutil.copytree(source, home / part) if source.is_dir() else shutil.copy(source, home / part)
        subprocess.run(["chown", "-R", "nobody", name], check=True)
        packages = next((ROOT / ".venv" / "lib").glob("python3*/site-packages"))
        nobody = pwd.getpwnam("nobody")
        readable = subprocess.run(
            ["python3", "-c", "import sys; raise SystemExit(sys.version_info < (3, 11))"],
            user=nobody.pw_uid,
            check=False,
        )
        if readable.returncode or not reachable_by(nobody.pw_uid, packages / "django" / "__init__.py"):
            pytest.skip("the packages here can be read by root only")
        shop = Live(home / "var", PYTHONPATH=f"{home}:{packages}", HOME=name)
        subprocess.run(["chown", "-R", "nobody", name], check=True)
        out = (Path(name) / "up.log").open("wb")
        up = subprocess.Popen(
            [python_of(nobody.pw_uid), "manage.py", "up"],
            cwd=home,
            env=shop.env,
            stdout=out,
            stderr=out,
            user=nobody.pw_uid,
            group=nobody.pw_gid,
        )
        try:
            shop.wait(lambda: "Ctrl-C stops it" in (Path(name) / "up.log").read_text(), "the shop of nobody", 60)
        finally:
            up.send_signal(signal.SIGINT)
            assert up.wait(20) == 0, (Path(name) / "up.log").read_text()


def reachable_by(uid: int, path: Path) -> bool:
    return subprocess.run(["test", "-r", str(path)], user=uid, check=False).returncode == 0


def python_of(uid: int) -> str:
    real = os.path.realpath(sys.executable)
    return real if reachable_by(uid, Path(real)) else "/usr/bin/python3"


def test_logs_are_capped() -> None:
    text = (ROOT / "deploy" / "supervisord.conf").read_text()
    programs = text.count("[program:")
    assert text.count("stdout_logfile_maxbytes=5MB") == programs
    assert text.count("stdout_logfile_backups=2") == programs
