"""The files of a whole backup: settings, certificates, configuration of ours, the shop's own files, the journal."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

JOURNAL_BYTES = 20 * 2**20
SERVER = (  # what deploy/install.sh puts on a server, and the certificates
    "/etc/autoorder",
    "/etc/letsencrypt",
    "/etc/nginx/sites-available/autoorder",
    "/etc/systemd/system",
    "/etc/postgresql",
)


def tar_of(paths: Iterable[Path]) -> Iterator[bytes]:
    """A tar of files and folders by their whole names, a file at a time. What is gone by its turn is left out."""
    out = _Drain()
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in paths:
            for each in _walk(path):
                try:
                    archive.add(each, recursive=False)
                except OSError:
                    continue
                yield from out.taken()
    yield from out.taken()


def _walk(path: Path) -> Iterator[Path]:
    """The path, and what is in it; no sockets and no scratch files."""
    if path.is_symlink() or path.is_file():
        yield path
    elif path.is_dir():
        yield path
        try:
            entries = sorted(path.iterdir())
        except OSError:
            return
        for entry in entries:
            if not entry.name.endswith(".part"):
                yield from _walk(entry)


class _Drain(io.RawIOBase):
    """What was written since it was last taken."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        block = bytes(content)  # type: ignore[call-overload]
        self._blocks.append(block)
        return len(block)

    def taken(self) -> list[bytes]:
        blocks, self._blocks = self._blocks, []
        return blocks


def journal_since(moment: str) -> Iterator[bytes]:
    """What our units said since then (`2026-12-01 02:30:00 UTC`), of more than JOURNAL_BYTES the end; nothing where
    there is no journal.
    """
    command = ["journalctl", "--quiet", "--no-pager", "--output=short-iso", "--unit=autoorder-*", f"--since={moment}"]
    try:
        run = subprocess.run(command, capture_output=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return
    yield run.stdout[-JOURNAL_BYTES:]
