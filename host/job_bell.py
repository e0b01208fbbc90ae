"""The bell of long work: whoever asks for a job touches a file, and the runner is started. In `make run` by `up`, on a
server by autoorder-jobs.path. A lost bell is rung again by the clock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from host.environment import ROOT
from host.launch import die_with_parent

BELL = "jobs.bell"
NICE = 10


def ring(folder: Path) -> None:
    """`folder`: the shop's run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BELL).touch()


def silence(folder: Path) -> None:
    """What the runner does first: a bell that rings from now on starts it once more."""
    (folder / BELL).unlink(missing_ok=True)


class Runner:
    """The jobs' process as a child of `up`: at most one."""

    def __init__(self, folder: Path, log: Path, env: dict[str, str]) -> None:
        self._folder, self._log, self._env = folder, log, env
        self._work: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Start it when the bell was rung and it does not run."""
        if self._work is not None and self._work.poll() is None:
            return
        self._work = None
        if not (self._folder / BELL).exists():
            return
        silence(self._folder)
        with self._log.open("ab") as out:
            self._work = subprocess.Popen(
                [sys.executable, "manage.py", "jobs", "run"], cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, preexec_fn=_quiet_child, start_new_session=True,
            )  # fmt: skip

    def stop(self, grace: float) -> None:
        """Give it the time to write down that it was interrupted."""
        if self._work is None or self._work.poll() is not None:
            return
        self._work.terminate()
        try:
            self._work.wait(grace)
        except subprocess.TimeoutExpired:
            self._work.kill()
            self._work.wait(5)


def _quiet_child() -> None:
    die_with_parent()
    os.nice(NICE)
