"""The rule by which updates come in: webhook while it works, else polling, and no flapping between them. No network, no
clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings

PATIENCE = settings.WEBHOOK_PATIENCE  # seconds a webhook may fail; polling takes over some seconds later
HEALTHY = settings.WEBHOOK_HEALTH  # seconds of health before the webhook comes back
LONGEST = 6 * 3600.0  # seconds until a webhook is tried again that Telegram could not reach


@dataclass
class Choice:
    """The rule, without any network: feed it probes, it says the mode. Seconds are monotonic."""

    wanted: str  # auto, webhook, polling
    possible: bool  # PUBLIC_URL is https
    mode: str = ""
    needs: float = HEALTHY  # seconds of health before the webhook comes back
    _bad_since: float | None = field(default=None)
    _good_since: float | None = field(default=None)

    @property
    def ails(self) -> bool:
        """The webhook is open and its last look was bad."""
        return self.mode == "webhook" and self._bad_since is not None

    def decide(self, healthy: bool, now: float, *, forbidden: bool = False) -> str:
        """`forbidden`: we reach ourselves and Telegram says that it does not reach us. Nothing shows when that is over
        but a try, so that each failed one makes the next wait twice as long."""
        if self.wanted in ("webhook", "polling"):
            self.mode = self.wanted
            return self.mode
        if healthy:
            self._bad_since = None
            if self.mode == "webhook" and self._good_since is not None and now - self._good_since >= HEALTHY:
                self.needs = HEALTHY
            self._good_since = now if self._good_since is None else self._good_since
        else:
            self._good_since = None
            self._bad_since = now if self._bad_since is None else self._bad_since
        if not self.possible:
            self.mode = "polling"
        elif not self.mode:
            self.mode = "webhook" if healthy else "polling"
        elif self.mode == "webhook" and self.is_down(now):
            self.mode = "polling"
            self.needs = min(LONGEST, self.needs * 2) if forbidden else HEALTHY
        elif self.mode == "polling" and self._good_since is not None and now - self._good_since >= self.needs:
            self.mode = "webhook"
        return self.mode

    def is_down(self, now: float) -> bool:
        """The webhook has failed for as long as it may."""
        return self.possible and self._bad_since is not None and now - self._bad_since >= PATIENCE

    def want(self, wanted: str) -> None:
        """Somebody asked for another rule. Back to `auto` nothing jumps: what is open stays until it is time."""
        self.wanted, self._good_since, self._bad_since = wanted, None, None

    def start_over(self, mode: str) -> None:
        """The switch was refused: still in `mode` (empty at the first start), and health counts from now."""
        if self.wanted == "auto":
            self.mode, self._good_since, self._bad_since = mode, None, None
