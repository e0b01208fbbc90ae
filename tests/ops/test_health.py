"""Health: every check can fail, gates block traffic, details need the token, and a hung database takes nobody along."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from health_check.exceptions import HealthCheckException, ServiceUnavailable, ServiceWarning

from apps.base import health, healthchecks
from apps.base.clock import shift_clock, shop_now
from apps.base.incidents import raise_incident
from apps.bot.models import InboundUpdate, OutboundMessage
from apps.ops import views
from apps.ops.monitoring import certificate
from apps.orders.models import GatewayLane, OrderLine, Variant
from host.heartbeats import beat
from tests.conftest import make_product
from tests.driver import Buyer, Shop


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test's rows are seen by its own connection only; and nothing is remembered."""
    apart = health.examine
    for module in (views, "apps.ops.management.commands.health"):
        monkeypatch.setattr(
            f"{module if isinstance(module, str) else module.__name__}.examine", lambda: apart(apart=False)
        )
    monkeypatch.setattr(views, "FRESH", -1.0)
    for name in healthchecks.PROCESSES:
        beat(name)
    return


def found(name: str) -> health.Finding:
    return next(f for f in health.examine(apart=False) if f.name == name)


def test_a_well_shop(shop: Shop) -> None:
    bad = [(f.name, f.says) for f in health.examine(apart=False) if f.level]
    assert [name for name, _ in bad if name not in ("disk", "memory")] == []
    assert Client().get("/healthz/ready").status_code == 200
    assert Client().get("/healthz/live").content == b"ok"


class TestEachCanFail:
    @pytest.mark.django_db(transaction=True)
    def test_a_database_that_takes_no_writes_takes_no_traffic(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        assert found("database").level == 2
        assert found("database").level == 0, "the check gave up that connection and took a new one"

    def test_missing_migrations(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(healthchecks, "_migrated", False)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'snk'")
        finding = found("migrations")
        assert finding.level == 2
        assert "manage.py migrate" in finding.says
        answer = Client().get("/healthz/ready")
        assert answer.status_code == 503
        assert answer.json()["migrations"] == "failing"

    @pytest.mark.parametrize(("percent", "kind"), [(79, None), (85, ServiceWarning), (98, ServiceUnavailable)])
    def test_disk(self, percent: float, kind: type[HealthCheckException] | None) -> None:
        assert raised(lambda: healthchecks.judged_disk(percent, 1)) is kind

    @pytest.mark.parametrize(("percent", "kind"), [(84, None), (90, ServiceWarning), (96, ServiceUnavailable)])
    def test_memory(self, percent: float, kind: type[HealthCheckException] | None) -> None:
        assert raised(lambda: healthchecks.judged_memory(percent, 1)) is kind

    @pytest.mark.parametrize(("days", "kind"), [(30, None), (10, ServiceWarning), (1, ServiceUnavailable)])
    def test_certificate(self, days: float, kind: type[HealthCheckException] | None) -> None:
        assert raised(lambda: certificate.judged(days)) is kind

    def test_a_silent_worker(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(healthchecks, "silence", lambda name: 31.0 if name == "worker" else 1.0)
        assert "worker" in found("processes").says
        assert found("processes").level == 2

    def test_bells_nobody_hears(self, shop: Shop) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_q_ormq (key, payload, lock) VALUES ('autoorder', 'x', now() - interval '90 s')"
            )
        assert found("queue").level == 1

    def test_a_clock_that_stands_still(self, shop: Shop, sari: Buyer, spotify: Variant) -> None:
        sari.orders("Spotify")
        shift_clock(timedelta(minutes=20))
        assert "runbot" in found("clock").says

    def test_updates_that_wait(self, shop: Shop, sari: Buyer) -> None:
        sari.says("/start")
        InboundUpdate.objects.update(next_at=InboundUpdate.objects.first().stored_at)  # type: ignore[union-attr]
        shift_clock(timedelta(minutes=2))
        assert found("inbox").level == 1

    def test_messages_that_wait(self, shop: Shop, sari: Buyer) -> None:
        shop.sending = False
        sari.says("/start")
        shift_clock(timedelta(minutes=2))
        assert found("outbox").level == 1

    def test_messages_given_up(self, shop: Shop, sari: Buyer) -> None:
        sari.says("/start")
        OutboundMessage.objects.update(dead_at=shop_now())
        assert found("given up").level == 1

    def test_trouble_with_telegram(self, shop: Shop) -> None:
        raise_incident("telegram.mode", "webhook_down")
        assert "telegram.mode" in found("telegram").says

    def test_a_gateway_that_rests(self, shop: Shop) -> None:
        later = shop_now() + timedelta(seconds=30)
        GatewayLane.objects.create(name="pakasir:make", failures=3, open_until=later, free_at=later)
        assert "pakasir:make" in found("gateway").says

    def test_goods_that_are_late(self, shop: Shop, sari: Buyer, spotify: Variant) -> None:
        number = sari.orders("Spotify")
        shop.sending = False
        shop.pays(number)
        shift_clock(timedelta(minutes=2))
        assert found("goods").level == 2

    def test_promises_that_are_past(self, shop: Shop, sari: Buyer) -> None:
        make_product("diamond", kind="manual", name="Diamond")
        shop.pays(sari.orders("Diamond"))
        OrderLine.objects.update(promised_at=shop_now() - timedelta(minutes=1))
        assert found("promises").level == 1


def raised(look: Any) -> type[HealthCheckException] | None:
    try:
        look()
    except HealthCheckException as error:
        return type(error)
    return None


def test_a_check_that_stumbles_is_a_failure_and_no_error_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    check = next(check for check in health.REGISTRY if check.name == "goods")
    monkeypatch.setattr(check, "look", lambda: 1 / 0)
    assert found("goods").says == "the check itself failed: ZeroDivisionError"
    assert Client().get("/healthz/ready").status_code == 200


def test_a_check_that_hangs_takes_nobody_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "REGISTRY", [health.ShopCheck("slow", lambda: time.sleep(2))])
    monkeypatch.setattr(health.ShopCheck, "timeout", timedelta(seconds=-0.8))  # the library adds a second
    started = time.monotonic()
    finding = health.examine()[0]
    assert finding.level == 2
    assert "Timed out" in finding.says
    assert time.monotonic() - started < 1.9


class TestWhoSeesWhat:
    TOKEN = {"Authorization": "Bearer metrics-token"}  # noqa: RUF012

    def test_names_only_without_the_token(self, shop: Shop) -> None:
        body = Client().get("/healthz/ready").json()
        assert set(body.values()) <= {"ok", "warning", "failing"}

    def test_details_with_it(self, shop: Shop) -> None:
        body = Client().get("/healthz/ready", headers=self.TOKEN).json()
        assert body["database"]["state"] == "ok"
        assert body["database"]["bytes"] > 0

    @pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "metrics-token"}])
    def test_metrics_need_it(self, shop: Shop, header: dict[str, str]) -> None:
        assert Client().get("/metrics", headers=header).status_code == 401

    def test_without_a_token_configured_nobody_sees(self, shop: Shop, settings: Any) -> None:
        settings.METRICS_TOKEN = ""
        assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401

    def test_openmetrics(self, shop: Shop) -> None:
        answer = Client().get("/metrics", headers=self.TOKEN)
        text = answer.content.decode()
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert 'autoorder_check{check="database"} 0.0' in text
        assert re.search(r'autoorder_figure\{check="queue",figure="waiting"\} \d', text)
        assert text.endswith("# EOF\n")


def test_the_command(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    call_command("health", stdout=out)
    assert re.search(r"^ok\s+database$", out.getvalue(), re.MULTILINE)
    raise_incident("telegram.mode", "webhook_down")
    call_command("health", stdout=out)
    with pytest.raises(SystemExit):
        call_command("health", "--strict", stdout=out)
    monkeypatch.setattr(healthchecks, "silence", lambda name: 99.0)
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("health", "--json", stdout=out)
    assert json.loads(out.getvalue())["checks"]["processes"]["state"] == "failing"


def test_what_it_costs(shop: Shop, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(30):
        health.examine(apart=False)
