"""Small files that other processes read while we write them. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path


def boot_id() -> str:
    """Another one each time this machine is switched on, and on every machine (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def replace_file(path: Path, content: str | bytes, *, mode: int = 0o640) -> None:
    """Put `content` at `path` in one step, its folder too: whoever reads finds the old or the new, whole. Raises
    OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
