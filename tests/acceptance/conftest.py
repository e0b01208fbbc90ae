from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import Live, Prepared


@pytest.fixture(scope="module")
def live(tmp_path_factory: Any) -> Iterator[Live]:
    """One shop for a module: polling, as a newcomer's `make run`."""
    shop = Prepared(
        tmp_path_factory.mktemp("shop"),
        SANDBOX_RATE="3000",
        TELEGRAM_RATE="1000",
        PAYMENT_POLL_FIRST="6",
        PAYMENT_POLL_EVERY="6",
    )
    shop.start()
    yield shop
    shop.stop()
