"""The sandbox's fakes in a thread of the test process: the one seam to the outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from django.conf import settings

from fakes.server import World, make_app

PLENTY = 1_000_000.0  # messages a second: limits are tested on their own


class Fakes:
    """Start, use from the test's thread, stop."""

    def __init__(
        self, folder: Path, *, rate: float = PLENTY, strict: bool = False, shop_url: str = "http://127.0.0.1:9"
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="fakes", daemon=True)
        self.thread.start()
        self.world: World = self.do(lambda: self._make(folder, rate, strict, shop_url))
        self._runner = self._run(self._serve())

    def _make(self, folder: Path, rate: float, strict: bool, shop_url: str) -> World:
        return World(
            folder, token=settings.CREDENTIALS["TELEGRAM_BOT_TOKEN"], shop_url=shop_url, rate=rate,
            strict=strict,
        )  # fmt: skip

    async def _serve(self) -> web.AppRunner:
        runner = web.AppRunner(make_app(self.world), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", urlsplit(settings.SANDBOX_URL).port, reuse_address=True).start()
        return runner

    def _run(self, job: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(job, self.loop).result(20)

    def do(self, action: Callable[[], Any]) -> Any:
        """Run `action` on the fakes' own loop and return its value."""

        async def on_loop() -> Any:
            return action()

        return self._run(on_loop())

    def stop(self) -> None:
        self._run(self._runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()
