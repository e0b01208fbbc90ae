"""Where backups are kept away from the shop: a folder, or whatever rclone reaches (SFTP, S3 and the rest).

Only names that we gave are read and removed. Secrets go to rclone by its environment, never as arguments.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from host.backups.bundle import sync_folder
from host.launch import die_with_parent

BLOCK = 2**20  # bytes
QUICK = 60.0  # seconds for a list, a small file or a removal
SLOWEST = 6 * 3600.0  # seconds for a whole backup


class Unreachable(Exception):
    """The place does not take or give what it is asked for. One plain sentence."""


class Place(Protocol):
    """A folder somewhere else. Every method raises Unreachable."""

    @property
    def shown(self) -> str:
        """Its address for people, without secrets."""

    def put(self, path: Path, name: str) -> None:
        """Copy a file there; it stands under its name only when it is whole."""

    def get(self, name: str, out: BinaryIO) -> None:
        """Bring a file back."""

    def sizes(self) -> dict[str, int]:
        """What is there: name → bytes."""

    def remove(self, name: str) -> None:
        """Take one away; one that is gone already is no fault."""


def hash_of(place: Place, name: str) -> tuple[str, int]:
    """SHA-256 and size of a file as it is read back from there."""
    reader = _Hasher()
    place.get(name, reader)  # type: ignore[arg-type]
    return reader.digest.hexdigest(), reader.size


class _Hasher:
    def __init__(self) -> None:
        self.digest, self.size = hashlib.sha256(), 0

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        self.size += len(content)
        return len(content)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@dataclass
class Folder:
    """A mounted disk or a folder that something else copies on."""

    path: Path

    @property
    def shown(self) -> str:
        return f"file://{self.path}"

    def put(self, path: Path, name: str) -> None:
        scratch = self.path / f".{name}.part"
        try:
            self._must_be_there()
            with path.open("rb") as source, open(scratch, "wb", opener=_private) as out:
                shutil.copyfileobj(source, out, BLOCK)
                out.flush()
                os.fsync(out.fileno())
            scratch.rename(self.path / name)
            sync_folder(self.path)
        except OSError as error:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise Unreachable(f"{self.path} cannot be written: {error.strerror or error}.") from error

    def get(self, name: str, out: BinaryIO) -> None:
        try:
            with (self.path / name).open("rb") as source:
                while block := source.read(BLOCK):
                    out.write(block)
        except OSError as error:
            raise Unreachable(f"{self.path / name} cannot be read: {error.strerror or error}.") from error

    def sizes(self) -> dict[str, int]:
        try:
            self._must_be_there()
            return {
                entry.name: entry.stat().st_size
                for entry in self.path.iterdir()
                if entry.is_file() and not entry.name.startswith(".")
            }
        except OSError as error:
            raise Unreachable(f"{self.path} cannot be read: {error.strerror or error}.") from error

    def remove(self, name: str) -> None:
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise Unreachable(f"{self.path / name} cannot be removed: {error.strerror or error}.") from error

    def _must_be_there(self) -> None:
        """A disk that is not mounted leaves an empty folder or none: we make none."""
        if not self.path.is_dir():
            raise Unreachable(f"The folder {self.path} is not there: is the disk mounted?")


@dataclass
class Rclone:
    """Anything rclone knows. `remote` is its address (`offsite:path`), `env` what it must know to get in. `config`: the
    file of remotes; none but for one that the operator has set up himself.
    """

    shown: str
    remote: str
    env: Mapping[str, str]
    config: str = "/dev/null"

    def put(self, path: Path, name: str) -> None:
        self._run(["copyto", "--ignore-times", str(path), self._address(name)], SLOWEST)

    def get(self, name: str, out: BinaryIO) -> None:
        work = subprocess.Popen(
            self._command(["cat", self._address(name)]), env=self._env(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent,
        )  # fmt: skip
        assert work.stdout is not None  # noqa: S101  # nosec B101: for mypy
        assert work.stderr is not None  # noqa: S101  # nosec B101: for mypy
        try:
            came = False
            while block := work.stdout.read(BLOCK):
                out.write(block)
                came = True
            said = work.stderr.read()
            if work.wait():
                raise self._unreachable(said.decode(errors="replace"))
            if not came and name not in self.sizes():  # where folders are only names, a missing file is an empty one
                raise Unreachable(f"{self.shown}/{name} is not there.")
        finally:
            work.kill()
            work.wait()
            work.stdout.close()
            work.stderr.close()

    def sizes(self) -> dict[str, int]:
        said = self._run(["lsf", "--files-only", "--format", "sp", "--separator", "/", self.remote], QUICK)
        found = {}
        for line in said.splitlines():
            size, _, name = line.partition("/")
            if size.isdigit() and not name.startswith("."):
                found[name] = int(size)
        return found

    def remove(self, name: str) -> None:
        if name in self.sizes():
            self._run(["deletefile", self._address(name)], QUICK)

    def _address(self, name: str) -> str:
        return f"{self.remote.rstrip('/')}/{name}" if not self.remote.endswith(":") else f"{self.remote}{name}"

    def _command(self, words: list[str]) -> list[str]:
        program = shutil.which("rclone")
        if program is None:
            raise Unreachable("rclone is not installed: apt install rclone, then try again.")
        config = ["--config", self.config] if self.config else []
        return [program, *config, "--retries", "3", "--low-level-retries", "3", "--contimeout", "15s",
                "--timeout", "60s", *words]  # fmt: skip

    def _env(self) -> dict[str, str]:
        """Nothing that the shop was started with decides how rclone gets in: an AWS_CA_BUNDLE alone stops it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
        return {**kept, **self.env}

    def _run(self, words: list[str], seconds: float) -> str:
        try:
            run = subprocess.run(
                self._command(words), env=self._env(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=seconds, check=False, preexec_fn=die_with_parent,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Unreachable(f"{self.shown} did not answer within {seconds:.0f} s.") from error
        if run.returncode:
            raise self._unreachable(run.stderr)
        return run.stdout

    def _unreachable(self, said: str) -> Unreachable:
        if "knownhosts: key" in said or "host key" in said.lower():
            return Unreachable(
                f"{self.shown} shows another host key than BACKUP_KNOWN_HOSTS names: find out why before you change it."
            )
        lines = [line for line in said.strip().splitlines() if "ERROR" in line or "Failed" in line] or [said.strip()]
        return Unreachable(f"{self.shown}: {lines[-1][-300:]}")


def place_of(url: str, value: Callable[[str], str]) -> Place | None:
    """The place that BACKUP_OFFSITE_URL names; None for an empty one. `value` gives the other BACKUP_ settings.

    Raises ValueError with a sentence that says what to write.
    """
    if not url:
        return None
    address = urlsplit(url)
    if address.scheme == "file" and address.path.startswith("/"):
        return Folder(Path(unquote(address.path)))
    if address.scheme == "sftp" and address.hostname and address.username:
        return _sftp(url, value)
    if address.scheme == "s3" and address.netloc:
        return _s3(url, value)
    if address.scheme == "rclone" and address.path:
        return Rclone(url, url.removeprefix("rclone:"), {}, config=value("RCLONE_CONFIG"))
    raise ValueError(
        "BACKUP_OFFSITE_URL must look like file:///dir, sftp://user@host/dir, s3://bucket/prefix or rclone:remote:path."
    )


def _sftp(url: str, value: Callable[[str], str]) -> Rclone:
    address = urlsplit(url)
    key, known = value("BACKUP_SSH_KEY_FILE"), value("BACKUP_KNOWN_HOSTS")
    if not key:
        raise ValueError("BACKUP_SSH_KEY_FILE is missing: the file with the private key that opens the offsite.")
    if not known:
        raise ValueError("BACKUP_KNOWN_HOSTS is missing: the file with the offsite's host key (ssh-keyscan HOST).")
    return Rclone(
        f"sftp://{address.username}@{address.hostname}{address.path}",
        f"offsite:{address.path.lstrip('/') if address.path.startswith('/~/') else address.path}",
        {
            "RCLONE_CONFIG_OFFSITE_TYPE": "sftp",
            "RCLONE_CONFIG_OFFSITE_HOST": address.hostname or "",
            "RCLONE_CONFIG_OFFSITE_PORT": str(address.port or 22),
            "RCLONE_CONFIG_OFFSITE_USER": unquote(address.username or ""),
            "RCLONE_CONFIG_OFFSITE_KEY_FILE": key,
            "RCLONE_CONFIG_OFFSITE_KNOWN_HOSTS_FILE": known,
            "RCLONE_CONFIG_OFFSITE_SHELL_TYPE": "none",  # an account that may only copy files
        },
    )


def _s3(url: str, value: Callable[[str], str]) -> Rclone:
    address = urlsplit(url)
    if not (value("BACKUP_S3_KEY") and value("BACKUP_S3_SECRET")):
        raise ValueError("BACKUP_S3_KEY and BACKUP_S3_SECRET are missing: the keys that open the bucket.")
    return Rclone(
        f"s3://{address.netloc}{address.path}",
        f"offsite:{address.netloc}{address.path}",
        {
            "RCLONE_CONFIG_OFFSITE_TYPE": "s3",
            "RCLONE_CONFIG_OFFSITE_PROVIDER": "Other",
            "RCLONE_CONFIG_OFFSITE_ACCESS_KEY_ID": value("BACKUP_S3_KEY"),
            "RCLONE_CONFIG_OFFSITE_SECRET_ACCESS_KEY": value("BACKUP_S3_SECRET"),
            "RCLONE_CONFIG_OFFSITE_ENDPOINT": value("BACKUP_S3_ENDPOINT"),
            "RCLONE_CONFIG_OFFSITE_NO_CHECK_BUCKET": "true",
            "RCLONE_CONFIG_OFFSITE_ACL": "private",
        },
    )
