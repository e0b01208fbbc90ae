"""`worse.py BEFORE AFTER`: what is wrong in AFTER and was not in BEFORE, or is more; both as `checkinvariants --json`
or `health --json` say it. A line each; exit 1 when there is any, 2 when AFTER says nothing. Standard library only."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def wrongs(said: dict[str, Any]) -> dict[str, int]:
    """Name → how wrong: violations of a truth, or 1 for a check that fails."""
    if "checks" in said:
        return {name: int(check["state"] == "failing") for name, check in said["checks"].items()}
    return {row["name"]: row["violations"] for row in said["invariants"] if row["kind"] == "truth"}


def is_health(name: str) -> bool:
    return "checks" in json.loads(Path(name).read_text())


def read(name: str) -> dict[str, int] | None:
    try:
        return wrongs(json.loads(Path(name).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def main(argv: list[str]) -> int:
    before, after = read(argv[0]) or {}, read(argv[1])
    if after is None:
        print("no answer")
        return 2
    # a check of health that only the newer code has says nothing about the change: what must hold gates by itself
    known = {name: count for name, count in after.items() if name in before or not is_health(argv[1])}
    worse = {name: count for name, count in known.items() if count > before.get(name, 0)}
    for name, count in worse.items():
        print(f"{name}: {count}, {before.get(name, 0)} before")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
