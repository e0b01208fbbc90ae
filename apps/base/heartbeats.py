"""Signs of life as files: `watch` reads them without a database. Standard library and settings only."""

from __future__ import annotations

import os
import time
from pathlib import Path

from apps.base.environment import shop_folder


def folder() -> Path:
    """Where the heartbeat files lie."""
    path = Path(os.environ.get("AUTOORDER_RUN") or shop_folder() / "run") / "beats"
    path.mkdir(parents=True, exist_ok=True)
    return path


def beat(name: str) -> None:
    """Say that `name` did real work just now."""
    path = folder() / name
    path.write_text(str(time.time()))


def silence(name: str) -> float | None:
    """Seconds since `name` last gave a sign; None if it never did."""
    try:
        return time.time() - (folder() / name).stat().st_mtime
    except FileNotFoundError:
        return None
