from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import Live, Prepared

FAST = {"SANDBOX_RATE": "3000", "TELEGRAM_RATE": "1000", "PAYMENT_POLL_FIRST": "6", "PAYMENT_POLL_EVERY": "6"}


@pytest.fixture(scope="package")
def by_webhook(tmp_path_factory: Any) -> Iterator[Live]:
    """One shop for every test that wants webhooks (tests/plugin.py keeps them together)."""
    made = Prepared(tmp_path_factory.mktemp("webhook"), TELEGRAM_MODE="webhook", **FAST)
    made.env["PUBLIC_URL"] = f"http://127.0.0.1:{made.port}"
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="package")
def killed(tmp_path_factory: Any) -> Iterator[Live]:
    """One shop for every test that kills its processes."""
    made = Prepared(
        tmp_path_factory.mktemp("killed"),
        AUTOORDER_WORKERS="4",
        AUTOORDER_WEB_WORKERS="2",
        AUTOORDER_DRAIN="2",
        AUTOORDER_LONGEST_PAUSE="0.5",  # workers die again and again here; the pause has tests of its own
        **FAST,
    )
    made.start()
    made.add_stock("spotify", 500)
    yield made
    made.stop()
