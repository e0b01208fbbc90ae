"""What the fakes remember: one JSON line for each change, replayed at start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Append-only file. A line cut short by a kill is left out."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.jsonl"
        self.blobs = folder / "blobs"
        self.blobs.mkdir(exist_ok=True)
        self._out: Any = None

    def replay(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def write(self, event: dict[str, Any]) -> None:
        if self._out is None:
            self._mend_tail()
            self._out = self.path.open("ab")
        self._out.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
        self._out.flush()

    def _mend_tail(self) -> None:
        """Cut off a last line that a kill left half written."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            return
        raw = self.path.read_bytes()
        if not raw.endswith(b"\n"):
            self.path.write_bytes(raw[: raw.rfind(b"\n") + 1])

    def keep_blob(self, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()[:32]
        path = self.blobs / name
        if not path.exists():
            path.write_bytes(content)
        return name

    def blob(self, name: str) -> bytes | None:
        path = self.blobs / Path(name).name
        return path.read_bytes() if path.exists() else None
