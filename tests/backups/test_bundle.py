"""The bundle: whole under its name or not there at all, and every damage is seen."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.backups import bundle
from host.backups.bundle import CannotWrite, Damaged, WrongKey, read_bundle, write_bundle

KEY = bundle.new_key()


def written(folder: Path, *parts: tuple[str, list[bytes]], to: Any = KEY) -> Path:
    return write_bundle(folder / "a.age", parts, lambda found: {"format": 1}, [to.to_public()]).path


def parts_of(content: bytes, key: Any = KEY) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def keep(name: str, piece: bytes) -> None:
        found[name] = found.get(name, b"") + piece

    read_bundle(io.BytesIO(content), [key], keep)
    return found


@given(st.lists(st.binary(max_size=60), max_size=12), st.integers(1, 50))
def test_what_goes_in_comes_out(tmp_path_factory: Any, blocks: list[bytes], piece: int) -> None:
    folder = tmp_path_factory.mktemp("bundle")
    usual, bundle.PIECE = bundle.PIECE, piece
    try:
        path = written(folder, ("database.dump", blocks), ("files.tar", [b"x"]))
        assert parts_of(path.read_bytes()) == {"database.dump": b"".join(blocks), "files.tar": b"x"}
    finally:
        bundle.PIECE = usual


def test_it_opens_without_the_shop(tmp_path: Path) -> None:
    """As its first lines promise: age, tar, cat."""
    path = written(tmp_path, ("database.dump", [os.urandom(bundle.PIECE), b"end"]))
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(path.read_bytes(), [KEY]))) as archive:
        archive.extractall(tmp_path, filter="data")
    joined = subprocess.run("cat database.dump.*", shell=True, cwd=tmp_path, capture_output=True, check=True).stdout
    assert joined == parts_of(path.read_bytes())["database.dump"]


def test_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    def dies() -> Iterator[bytes]:
        yield os.urandom(bundle.PIECE)
        raise KeyError("pg_dump was killed")

    with pytest.raises(KeyError):
        write_bundle(tmp_path / "a.age", [("database.dump", dies())], lambda found: {}, [KEY.to_public()])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="cannot be written"):
        write_bundle(Path("/dev/full/a.age"), [("x", [b"x"])], lambda found: {}, [KEY.to_public()])
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        with pytest.raises(CannotWrite, match="No space left"):
            written(disk, ("database.dump", [os.urandom(2**20)] * 8))
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_it_is_nobody_elses_file(tmp_path: Path) -> None:
    assert written(tmp_path, ("x", [b"x"])).stat().st_mode & 0o777 == 0o600


DAMAGES = {
    "a flipped bit": lambda raw: raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1 :],
    "its last byte missing": lambda raw: raw[:-1],
    "half of it": lambda raw: raw[: len(raw) // 2],
    "empty": lambda raw: b"",
    "something behind its end": lambda raw: raw + b"x",
    "no age at all": lambda raw: b"rubbish" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_seen(tmp_path: Path, damage: str) -> None:
    raw = written(tmp_path, ("database.dump", [os.urandom(300_000)])).read_bytes()
    with pytest.raises(Damaged):
        parts_of(DAMAGES[damage](raw))


def test_another_key_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(WrongKey):
        parts_of(written(tmp_path, ("x", [b"x"])).read_bytes(), bundle.new_key())


def entries(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return pyrage.encrypt(out.getvalue(), [KEY.to_public()])


@pytest.mark.parametrize(
    "files",
    [
        [("database.dump.000000", b"x")],  # no manifest
        [("database.dump.000001", b"x"), ("manifest.json", b'{"parts": []}')],  # its first piece is missing
        [("database.dump.000000", b"x"), ("manifest.json", b'{"parts": []}')],  # more than the manifest knows
        [("manifest.json", b'{"parts": [{"name": "x", "size": 1, "sha256": "", "pieces": 1}]}')],  # less
        [("manifest.json", b'{"parts": []}'), ("late.000000", b"x")],  # something behind the manifest
    ],
)
def test_what_decrypts_is_not_yet_a_backup(files: list[tuple[str, bytes]]) -> None:
    with pytest.raises(Damaged):
        parts_of(entries(*files))


def test_keys_that_are_none_are_one_sentence() -> None:
    with pytest.raises(ValueError, match="age public keys"):
        bundle.read_recipient("ssh-rsa x")
    with pytest.raises(ValueError, match="looks like a private key") as refusal:
        bundle.read_recipient(str(KEY))
    assert str(KEY) not in str(refusal.value)
    assert str(bundle.read_identity(f"# created: today\n{KEY}\n").to_public()) == str(KEY.to_public())
    with pytest.raises(ValueError, match="AGE-SECRET-KEY-1"):
        bundle.read_identity("age1xyz")
