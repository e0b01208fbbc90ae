"""Copies elsewhere: a folder, OpenSSH's own server and an S3 server, through rclone; each is read back."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.ops.backups import proof, take
from apps.ops.models import Backup
from host.backups.offsite import Folder, Place, Unreachable, hash_of, place_of
from tests.backups.conftest import silent
from tests.plugin import free_port

if os.environ.get("NO_OFFSITE") == "1":
    pytest.skip("NO_OFFSITE=1", allow_module_level=True)

CONTENT = os.urandom(300_000)


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is missing: apt install rclone openssh-server, or NO_OFFSITE=1"
    return found


def value_in(settings: dict[str, str]) -> Callable[[str], str]:
    return lambda name: settings.get(name, "")


def wait_for(ready: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server does not start")


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: Any) -> Iterator[dict[str, str]]:
    """OpenSSH's server on loopback, for one key, and its settings."""
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "shop", "other"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(words, check=True)
    port = free_port()
    shutil.copy(folder / "shop.pub", folder / "authorized")
    (folder / "away").mkdir()
    (folder / "sshd.conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "Subsystem sftp internal-sftp\nForceCommand internal-sftp\nPermitRootLogin prohibit-password\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True) if os.geteuid() == 0 else None
    sshd = subprocess.Popen([program("sshd"), "-D", "-f", str(folder / "sshd.conf")], stderr=subprocess.DEVNULL)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()

    def known(name: str, key: str) -> str:
        kind, public, *_ = (folder / f"{key}.pub").read_text().split()
        (folder / name).write_text(f"[127.0.0.1]:{port} {kind} {public}\n")
        return str(folder / name)

    settings = {
        "url": f"sftp://{user}@127.0.0.1:{port}{folder}/away",
        "folder": str(folder / "away"),
        "BACKUP_SSH_KEY_FILE": str(folder / "shop"),
        "BACKUP_KNOWN_HOSTS": known("known", "host"),
        "other_hosts": known("known-other", "other"),
        "other_key": str(folder / "other"),
    }
    place = place_of(settings["url"], value_in(settings))
    assert place is not None

    def answers() -> bool:
        try:
            return place.sizes() == {}
        except Unreachable:
            return False

    wait_for(answers)
    yield settings
    sshd.terminate()
    sshd.wait(10)


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """moto's S3 server on loopback with one bucket."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    endpoint = f"http://127.0.0.1:{port}"

    def bucket() -> bool:
        ask = urllib.request.Request(f"{endpoint}/backups", method="PUT")
        with urllib.request.urlopen(ask, timeout=5) as answer:
            return answer.status == 200

    wait_for(bucket, 60)
    yield {
        "url": "s3://backups/shop",
        "BACKUP_S3_KEY": "key",
        "BACKUP_S3_SECRET": "secret",
        "BACKUP_S3_ENDPOINT": endpoint,
    }
    server.kill()
    server.wait()


@pytest.fixture(params=["file", "sftp", "s3"])
def place(request: Any, tmp_path: Path) -> Place:
    if request.param == "file":
        (tmp_path / "away").mkdir()
        return Folder(tmp_path / "away")
    settings = request.getfixturevalue("ssh" if request.param == "sftp" else "s3")
    found = place_of(settings["url"], value_in(settings))
    assert found is not None
    return found


def test_there_and_back(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "a.age"
    path.write_bytes(CONTENT)
    place.put(path, "a.age")
    assert place.sizes() == {"a.age": len(CONTENT)}
    out = io.BytesIO()
    place.get("a.age", out)
    assert out.getvalue() == CONTENT
    path.write_bytes(CONTENT[::-1])
    place.put(path, "a.age")  # the same size: what is there is not taken for the same
    out = io.BytesIO()
    place.get("a.age", out)
    assert out.getvalue() == CONTENT[::-1]
    assert hash_of(place, "a.age")[1] == len(CONTENT)
    place.remove("a.age")
    place.remove("a.age")
    assert place.sizes() == {}
    with pytest.raises(Unreachable):
        place.get("a.age", io.BytesIO())


def test_another_host_key_is_one_sentence(ssh: dict[str, str]) -> None:
    place = place_of(ssh["url"], value_in({**ssh, "BACKUP_KNOWN_HOSTS": ssh["other_hosts"]}))
    assert place is not None
    with pytest.raises(Unreachable, match="another host key than BACKUP_KNOWN_HOSTS"):
        place.sizes()


def test_a_key_that_opens_nothing_is_one_sentence(ssh: dict[str, str]) -> None:
    place = place_of(ssh["url"], value_in({**ssh, "BACKUP_SSH_KEY_FILE": ssh["other_key"]}))
    assert place is not None
    with pytest.raises(Unreachable, match="sftp://"):
        place.sizes()


def test_a_server_that_is_away_is_one_sentence(ssh: dict[str, str]) -> None:
    place = place_of(f"sftp://x@127.0.0.1:{free_port()}/x", value_in(ssh))
    assert place is not None
    with pytest.raises(Unreachable, match=r"sftp://x@127\.0\.0\.1"):
        place.sizes()


def test_a_whole_backup_by_way_of_ssh(backed_up: Any, ssh: dict[str, str], monkeypatch: Any) -> None:
    monkeypatch.setenv("BACKUP_OFFSITE_URL", ssh["url"])
    for name in ("BACKUP_SSH_KEY_FILE", "BACKUP_KNOWN_HOSTS"):
        monkeypatch.setenv(name, ssh[name])
    assert "read from the offsite" in proof.prove(take.take("daily", silent), silent)
    assert Backup.objects.get().proof["offsite"] is True


def test_a_whole_backup_by_way_of_s3(backed_up: Any, s3: dict[str, str], monkeypatch: Any) -> None:
    monkeypatch.setenv("BACKUP_OFFSITE_URL", s3["url"])
    for name in ("BACKUP_S3_KEY", "BACKUP_S3_SECRET", "BACKUP_S3_ENDPOINT"):
        monkeypatch.setenv(name, s3[name])
    assert "read from the offsite" in proof.prove(take.take("daily", silent), silent)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://x/y", "must look like"),
        ("file://relative", "must look like"),
        ("sftp://x@y/z", "BACKUP_SSH_KEY_FILE is missing"),
        ("s3://x/y", "BACKUP_S3_KEY and BACKUP_S3_SECRET are missing"),
    ],
)
def test_a_wrong_setting_says_what_to_write(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        place_of(url, value_in({}))


def test_without_rclone_it_says_so(monkeypatch: Any) -> None:
    place = place_of("rclone:remote:path", value_in({}))
    assert place is not None
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unreachable, match="apt install rclone"):
        place.sizes()
