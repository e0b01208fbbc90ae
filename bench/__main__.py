"""`make bench [ONLY=name]`: the hot paths against the fakes, on this machine. Prints a table for bench/README.md."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from bench import history, inside, outside

QUESTIONS = [*outside.QUESTIONS, *inside.QUESTIONS, *history.QUESTIONS]


def main() -> None:
    only = os.environ.get("ONLY", "")
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {time.strftime('%Y-%m-%d')}\n")
    print("| what | figure | goal |\n|---|---|---|")
    for question in QUESTIONS:
        if only in question.__name__:
            with tempfile.TemporaryDirectory() as folder:
                for what, figure, goal in question(Path(folder)):
                    print(f"| {what} | {figure} | {goal} |", flush=True)


if __name__ == "__main__":
    main()
