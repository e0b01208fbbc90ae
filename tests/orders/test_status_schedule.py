"""When a payment is asked about, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.orders.models import Payment
from apps.orders.services.status_schedule import is_over, next_ask

MADE = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
DEADLINE = MADE + timedelta(minutes=15)


@pytest.fixture
def payment(settings: Any) -> Payment:
    settings.POLL_FIRST, settings.POLL_EVERY = 20, 30
    return Payment(created_at=MADE, shown_at=MADE + timedelta(seconds=2), pay_before=DEADLINE)


@pytest.mark.parametrize(
    ("after", "asked"),
    [  # both after it was made
        (timedelta(seconds=3), timedelta(seconds=22)),
        (timedelta(seconds=22), timedelta(seconds=52)),
        (timedelta(minutes=14, seconds=40), timedelta(minutes=15)),
        (timedelta(minutes=14, seconds=58), timedelta(minutes=15, seconds=3)),
        (timedelta(minutes=15), timedelta(minutes=16)),
        (timedelta(minutes=16), timedelta(minutes=17)),
        (timedelta(minutes=17), timedelta(minutes=20)),
        (timedelta(minutes=20), timedelta(minutes=30)),
        (timedelta(minutes=30), timedelta(minutes=75)),
        (timedelta(minutes=75), timedelta(hours=7, minutes=15)),
        (timedelta(hours=20), timedelta(hours=25)),
        (timedelta(hours=25), timedelta(hours=31)),
        (timedelta(days=9), timedelta(days=9, hours=6)),
    ],
)
def test_next_ask(payment: Payment, after: timedelta, asked: timedelta) -> None:
    assert next_ask(payment, MADE + after) - MADE == asked


def test_an_answer_closes_it_from_25_hours_on(payment: Payment) -> None:
    assert not is_over(payment, MADE + timedelta(hours=24, minutes=59))
    assert is_over(payment, MADE + timedelta(hours=25))
