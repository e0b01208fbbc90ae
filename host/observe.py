"""`observe URL`: run on a second machine, tells people when the shop's host is gone and when it is back.

No database and no Django: it needs the alert settings only (OWNER_BOT_TOKEN or TELEGRAM_BOT_TOKEN, OWNER_CHAT_IDS,
ALERT_WEBHOOK_URL), from the environment or a `.env` of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from host import alert_channels

EVERY = 15.0  # seconds between two looks
PATIENCE = 60.0  # seconds without an answer before people are told: with a slow last look that is within 120
ANSWER = 10.0  # seconds one look may take
TOKEN = 24 * 3600.0  # seconds between two looks at our own token, which changes with the shop's (`failover bot`)
REFUSED_HERE = (
    "⚠️ Token bot di server pengawas ditolak Telegram: kalau toko mati, kabarnya tidak akan sampai lewat Telegram. "
    "Isi token yang baru di pengaturan server pengawas, lalu nyalakan ulang observe."
)


@dataclass
class Observer:
    """The rule without a network: feed it looks, it says what to tell. Seconds are monotonic."""

    address: str
    gone_since: float | None = None
    told: bool = False

    def see(self, answered: bool, now: float) -> str:
        """The text to bring to people; empty most of the time."""
        if answered:
            text = f"✅ {self.address} menjawab lagi." if self.told else ""
            self.gone_since, self.told = None, False
            return text
        self.gone_since = now if self.gone_since is None else self.gone_since
        if not self.told and now - self.gone_since >= PATIENCE:
            self.told = True
            return (
                f"🔴 {self.address} tidak menjawab selama {now - self.gone_since:.0f} detik. Cek server dan"
                " jaringannya."
            )
        return ""


def answers(address: str) -> bool:
    """Whether the host's web process answers `/healthz/live`."""
    try:
        alert_channels.ping(f"{address.rstrip('/')}/healthz/live", ANSWER)
        return True
    except (OSError, ValueError):
        return False


def run(
    address: str, *, tell: Callable[[str], str] = alert_channels.tell, rest: Callable[[float], None] = time.sleep
) -> None:
    """Look until stopped; a text that nobody took is brought again at the next look."""
    observer, waiting, token_at = Observer(address), "", -TOKEN
    while True:
        if time.monotonic() - token_at >= TOKEN:
            token_at = time.monotonic()
            if alert_channels.token_works() is False:
                way = tell(REFUSED_HERE)  # by mail or webhook, if there is one
                print(f"{REFUSED_HERE} ({way or 'nobody could be told'})", flush=True)
        waiting = observer.see(answers(address), time.monotonic()) or waiting
        if waiting:
            way = tell(waiting)
            print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {waiting} ({way or 'nobody could be told'})", flush=True)
            waiting = "" if way else waiting
        rest(EVERY)


def main(argv: list[str]) -> int:
    """Exit 2 when it is used wrongly."""
    if len(argv) != 1 or not argv[0].startswith(("https://", "http://")):
        print("Give the shop's address: manage.py observe https://toko.example", file=sys.stderr)
        return 2
    if not alert_channels.ways():
        print("Nobody can be told: set OWNER_BOT_TOKEN and OWNER_CHAT_IDS, or ALERT_WEBHOOK_URL.", file=sys.stderr)
        return 2
    print(f"observing {argv[0]}: people are told after {PATIENCE:.0f} s without an answer", flush=True)
    try:
        run(argv[0])
    except KeyboardInterrupt:
        pass
    return 0
