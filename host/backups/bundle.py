"""One backup as one file: a tar inside age encryption, with its manifest last.

It opens without the shop, with Debian's own programs:

    age -d -i KEY NAME.age | tar -x; cat database.dump.* | pg_restore -d shop

A part is cut into pieces, since nobody knows the length of a stream beforehand, which tar wants to have first. The
stream runs through this process only: no clear byte of a part touches the disk.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyrage

PIECE = 4 * 2**20  # bytes of a part in one entry of the tar
BLOCK = 512  # bytes, of tar
MANIFEST = "manifest.json"
MANIFEST_BYTES = 16 * 2**20  # a longer one is none of ours
END = b"\0" * (2 * BLOCK)

Manifest = dict[str, Any]
Source = tuple[str, Iterable[bytes]]  # name of a part, and its bytes in blocks of any size


class CannotWrite(Exception):
    """The backup was not made; nothing stands under its name. One plain sentence."""


class Damaged(Exception):
    """The file is not, to its last byte, what was written. One plain sentence."""


class WrongKey(Exception):
    """The file was encrypted to others."""


@dataclass(frozen=True)
class Part:
    """What the manifest says of one part. `size` in bytes."""

    name: str
    size: int
    sha256: str
    pieces: int


@dataclass(frozen=True)
class Written:
    """A bundle that stands under its final name. `size` and `sha256` are of the encrypted file."""

    path: Path
    size: int
    sha256: str
    manifest: Manifest


def new_key() -> pyrage.x25519.Identity:
    """A key pair that exists in this process only."""
    return pyrage.x25519.Identity.generate()


def read_recipient(text: str) -> pyrage.x25519.Recipient:
    """An age public key (`age1…`). Raises ValueError with a sentence; a private key is not repeated in it."""
    said = "it looks like a private key" if text.upper().startswith("AGE-SECRET-KEY") else repr(text[:70])
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError as error:
        raise ValueError(f"BACKUP_RECIPIENTS wants age public keys (age1…); {said} is none.") from error


def read_identity(text: str) -> pyrage.x25519.Identity:
    """An age private key, also as a file of age-keygen with its comments. Raises ValueError with a sentence."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        return pyrage.x25519.Identity.from_str(lines[0] if lines else "")
    except pyrage.IdentityError as error:
        raise ValueError("That is no private age key: it is one line that begins with AGE-SECRET-KEY-1.") from error


# -- writing -----------------------------------------------------------------------------------------------------------


def write_bundle(
    target: Path, sources: Iterable[Source], manifest: Callable[[list[Part]], Manifest], recipients: list[Any]
) -> Written:
    """Write the bundle beside `target` and rename it when it is whole and on the disk, mode 0600.

    `manifest` is asked last, with what the parts turned out to be. Raises CannotWrite, and whatever a source raises;
    then nothing stands under the name.
    """
    scratch = target.with_name(f".{target.name}.part")
    said: list[Manifest] = []
    stream = _Reader(_tar(sources, manifest, said))
    out = None
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        out = _HashingWriter(os.fdopen(descriptor, "wb", buffering=2**20))
        pyrage.encrypt_io(stream, out, recipients)
        out.finish()
        scratch.rename(target)
        sync_folder(target.parent)
    except (pyrage.EncryptError, OSError) as error:
        cause = stream.failed or (out and out.failed) or error
        if isinstance(cause, OSError):
            raise CannotWrite(f"{target.parent} cannot be written: {cause.strerror or cause}.") from error
        raise cause from error
    finally:
        if out is not None:
            out.close()
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
    return Written(target, out.size, out.sha256(), said[0])


def sync_folder(folder: Path) -> None:
    """Until the disk knows the names in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tar(
    sources: Iterable[Source], manifest: Callable[[list[Part]], Manifest], said: list[Manifest]
) -> Iterator[bytes]:
    parts = []
    for name, blocks in sources:
        digest, size, pieces = hashlib.sha256(), 0, 0
        for piece in _pieces(blocks):
            yield from _entry(f"{name}.{pieces:06d}", piece)
            digest.update(piece)
            size, pieces = size + len(piece), pieces + 1
        parts.append(Part(name, size, digest.hexdigest(), pieces))
    said.append({**manifest(parts), "parts": [asdict(part) for part in parts]})
    yield from _entry(MANIFEST, json.dumps(said[0], sort_keys=True).encode())
    yield END


def _pieces(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of PIECE; at least one, be it empty."""
    waiting = bytearray()
    count = 0
    for block in blocks:
        waiting += block
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
            count += 1
    if waiting or not count:
        yield bytes(waiting)


def _entry(name: str, content: bytes) -> Iterator[bytes]:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), 0o600
    yield about.tobuf(tarfile.USTAR_FORMAT)
    yield content
    if spare := -len(content) % BLOCK:
        yield b"\0" * spare


class _Reader(io.RawIOBase):
    """What age reads from. It wraps our errors in its own: `failed` is the one that happened."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._waiting, self._at = blocks, b"", 0
        self.failed: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            while self._at >= len(self._waiting):
                self._waiting, self._at = next(self._blocks), 0
        except StopIteration:
            return b""
        except BaseException as error:
            self.failed = error
            raise
        end = len(self._waiting) if size < 0 else self._at + size
        found = self._waiting[self._at : end]
        self._at += len(found)
        return found


class _HashingWriter(io.RawIOBase):
    """What age writes to."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._digest, self.size = out, hashlib.sha256(), 0
        self.failed: BaseException | None = None

    def write(self, content: Any) -> int:
        try:
            self._out.write(content)
        except OSError as error:
            self.failed = error
            raise
        self._digest.update(content)
        self.size += len(content)
        return len(content)

    def finish(self) -> None:
        """Until the disk has it. Raises OSError."""
        self._out.flush()
        os.fsync(self._out.fileno())

    def sha256(self) -> str:
        return self._digest.hexdigest()

    def close(self) -> None:
        with suppress(OSError):
            self._out.close()


# -- reading -----------------------------------------------------------------------------------------------------------

Sink = Callable[[str, bytes], None]


def read_bundle(source: BinaryIO, identities: list[Any], sink: Sink | None = None) -> Manifest:
    """Read the file to its end; `sink(part, piece)` gets every piece as it comes. Returns the manifest.

    Raises Damaged, WrongKey, OSError, and whatever the sink raises. What the sink got counts only when we return.
    """
    unpacker = _Unpacker(sink or (lambda name, piece: None))
    try:
        pyrage.decrypt_io(source, unpacker, identities)
    except (pyrage.DecryptError, OSError) as error:
        if unpacker.failed is not None:
            raise unpacker.failed from error
        if "No matching keys" in str(error):
            raise WrongKey("This backup was made for another key.") from error
        if getattr(error, "errno", None):  # age's own complaints about the content come without a number
            raise
        raise Damaged("The backup does not decrypt to its end.") from error
    return unpacker.finish()


class _Unpacker(io.RawIOBase):
    """Takes the tar as age gives it, a few kilobytes at a time, and holds one entry in memory."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting = bytearray()
        self._header: tarfile.TarInfo | None = None
        self._found: dict[str, tuple[Any, int, int]] = {}  # part → digest, size, pieces
        self._manifest: Manifest | None = None
        self._ended = False
        self.failed: BaseException | None = None

    def write(self, content: Any) -> int:
        try:
            self._waiting += content
            while self._take_entry():
                pass
        except BaseException as error:
            self.failed = error
            raise
        return len(content)

    def _take_entry(self) -> bool:
        if self._manifest is not None:
            return self._take_end()
        if self._header is None:
            if len(self._waiting) < BLOCK:
                return False
            try:
                self._header = tarfile.TarInfo.frombuf(bytes(self._waiting[:BLOCK]), "utf-8", "strict")
            except tarfile.HeaderError as error:
                raise Damaged("The backup holds something that is no part of a backup.") from error
            del self._waiting[:BLOCK]
            most = MANIFEST_BYTES if self._header.name == MANIFEST else PIECE
            if self._header.size > most:
                raise Damaged("The backup holds something that is no part of a backup.")
        padded = self._header.size + -self._header.size % BLOCK
        if len(self._waiting) < padded:
            return False
        content, name = bytes(self._waiting[: self._header.size]), self._header.name
        del self._waiting[:padded]
        self._header = None
        self._keep(name, content)
        return True

    def _keep(self, name: str, content: bytes) -> None:
        if name == MANIFEST:
            self._manifest = json.loads(content)
            return
        part, _, number = name.rpartition(".")
        digest, size, pieces = self._found.get(part, (hashlib.sha256(), 0, 0))
        if not number.isdigit() or int(number) != pieces:
            raise Damaged(f"A piece of {part or name} is missing.")
        digest.update(content)
        self._found[part] = (digest, size + len(content), pieces + 1)
        self._sink(part, content)

    def _take_end(self) -> bool:
        if self._ended and self._waiting:
            raise Damaged("Something stands behind the end of the backup.")
        if len(self._waiting) >= len(END):
            if self._waiting[: len(END)] != END:
                raise Damaged("Something stands behind the end of the backup.")
            del self._waiting[: len(END)]
            self._ended = True
            return True
        return False

    def finish(self) -> Manifest:
        """The manifest, when everything is as it says. Raises Damaged."""
        if self._manifest is None or not self._ended:
            raise Damaged("The backup ends in its middle.")
        found = [
            asdict(Part(name, size, digest.hexdigest(), pieces)) for name, (digest, size, pieces) in self._found.items()
        ]
        if found != self._manifest.get("parts"):
            raise Damaged("A part of the backup is not what its manifest says.")
        return self._manifest
