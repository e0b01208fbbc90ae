"""`python -m fakes`: the process. Reads its environment, listens on loopback only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from fakes.server import World, make_app

PEOPLE = [
    (701, "Sari", "id"),
    (702, "Dewi", "id"),
    (703, "Ahmad", "id"),
    (704, "Emma", "en"),
    (700, "Tono (pemilik)", "id"),
]


def main() -> None:
    if os.environ.get("TELEGRAM_BOT_TOKEN"):
        sys.exit("The sandbox refuses to run beside a real bot token.")
    url = urlsplit(os.environ["SANDBOX_URL"])
    world = World(
        Path(os.environ["AUTOORDER_FOLDER"]) / "fakes",
        token=os.environ.get("SANDBOX_TOKEN", "1000001:sandbox"),
        shop_url=f"http://127.0.0.1:{os.environ.get('PORT', '8000')}",
        rate=float(os.environ.get("SANDBOX_RATE", "30")),
        strict=os.environ.get("SANDBOX_STRICT", "1") == "1",
    )
    for number, name, language in PEOPLE:
        if number not in world.telegram.users:
            world.telegram.add_user(number, name, language)
    web.run_app(make_app(world), host="127.0.0.1", port=url.port, print=None, access_log=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
