"""The supervisor starts what died in the round in which it finds it dead, not at the next thing that wakes it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from supervisor.supervisord import Supervisor

from host.restart_at_once import AtOnce


class Program:
    """One that is started again when it is found dead, as supervisor's own does."""

    def __init__(self) -> None:
        self.dead, self.starts = False, 0

    def finish(self, pid: int, status: int) -> None:
        self.dead = True

    def transition(self) -> None:
        self.starts += self.dead
        self.dead = False


def after_one_death(kind: type[Supervisor]) -> Program:
    program, deaths = Program(), [(7, 9), (None, None)]
    options: Any = SimpleNamespace(waitpid=lambda: deaths.pop(0), pidhistory={7: program})
    keeper = kind(options)
    keeper.process_groups = {"shop": program}
    keeper.reap()
    return program


def test_what_died_is_started_in_the_same_round() -> None:
    assert after_one_death(Supervisor).starts == 0, "its own loop waits for the next round: supervised.py can go"
    assert after_one_death(AtOnce).starts == 1
