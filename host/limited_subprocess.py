"""Reading what strangers made, in a child with bounds: what it takes in memory and time is taken from it alone, one at
a time.
"""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
from dataclasses import dataclass

from host.environment import ROOT, run_folder
from host.launch import die_with_parent

SECONDS = 30.0  # of waiting for a turn and for the work together
KEPT = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}  # no secret goes along
TOO_LARGE, UNREADABLE = 3, 4  # exit statuses of children that read pictures and workbooks


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit status (negative: killed by that signal), and what it wrote."""

    status: int
    out: bytes


def bound_me(*, memory: int, seconds: int) -> None:
    """Called by the child first: bytes of address space, seconds of processor time."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_child(module: str, *words: str, given: bytes, seconds: float = SECONDS) -> Ended:
    """`python -m module words`, fed with bytes; one child of this host at a time. A child that takes too long is killed
    (-9).
    """
    folder = run_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bounded_child.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        try:
            ended = subprocess.run(
                [sys.executable, "-m", module, *words],
                input=given,
                capture_output=True,
                cwd=ROOT,
                timeout=seconds,
                check=False,
                env={**KEPT, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                preexec_fn=die_with_parent,
            )
        except subprocess.TimeoutExpired:
            return Ended(-9, b"")
    return Ended(ended.returncode, ended.stdout)
