"""supervisor, which starts at once what has died: `python -m host.restart_at_once`, with supervisord's own words.

Its own loop reaps the dead after it has looked for what to start, and looks again when something else wakes it: up to a
second later, which was most of what a buyer waited after a kill (supervisor 4.3, runforever).
"""

from __future__ import annotations

from supervisor import supervisord


class AtOnce(supervisord.Supervisor):
    """Looks for what to start after each reaping too."""

    def reap(self, once: bool = False, recursionguard: int = 0) -> None:
        super().reap(once, recursionguard)
        if recursionguard == 0:  # it calls itself for each of the dead
            for group in self.process_groups.values():
                group.transition()


if __name__ == "__main__":
    supervisord.Supervisor = AtOnce
    supervisord.main()
