"""Named people and small builders. Sari buys, Budi sells, Tono owns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import HealthCheck

from apps.base import credentials, stored_settings
from apps.base.fields import EncryptedField
from apps.orders.gateways import http_client
from apps.orders.gateways.pakasir.client import Client
from apps.orders.models import Category, Product, Variant
from apps.orders.services import opening_hours, stock
from apps.orders.services.stock import NewUnit
from tests.driver import Buyer, Shop
from tests.fakes import Fakes
from tests.plugin import template_ready

hypothesis.settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.settings.load_profile("busy machine")
settings.PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher"
]  # the real one takes half a second a login

KEPT = ("django_migrations", "django_content_type", "auth_permission")  # made with the tables
FORGET_ROWS = """
DO $$
DECLARE
    name text;
    filled boolean;
BEGIN
    SET LOCAL session_replication_role = replica;  -- the append-only tables too, in any order
    FOR name IN
        SELECT table_name FROM information_schema.tables
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND NOT table_name = ANY('{%s}')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', name) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM %%I', name); END IF;
    END LOOP;
END $$
"""


def forget_rows(self: TransactionTestCase) -> None:
    """Between tests that commit: Django's own flush truncates every table and makes permissions anew, which takes half
    a second."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_ROWS % ",".join(KEPT))


TransactionTestCase._fixture_teardown = forget_rows  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each worker's database is a copy of one that is migrated already."""
    if "AUTOORDER_SCHEMA_OF" not in os.environ:
        connection.settings_dict["TEST"]["TEMPLATE"] = template_ready()


@pytest.fixture(autouse=True)
def forget_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a process remembers for seconds would outlive a test."""
    credentials._cache.clear()
    for setting in stored_settings.ALL.values():
        setting._read = -1e9
    monkeypatch.setattr("apps.orders.selectors.FRESH", -1.0)
    monkeypatch.setattr("apps.bot.inbound.supergroups.FRESH", -1.0)
    for at_all_hours in (opening_hours.OPENS, opening_hours.CLOSES, opening_hours.QUIET_FROM, opening_hours.QUIET_TO):
        monkeypatch.setattr(at_all_hours, "default", "00:00")  # a test must not depend on when it runs
    yield
    credentials._cache.clear()
    http_client._clients.clear()


@pytest.fixture
def in_english() -> Iterator[None]:
    """As operators read it on a terminal."""
    with translation.override("en"):
        yield


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[Fakes]:
    made = Fakes(tmp_path / "fakes")
    yield made
    made.stop()


@pytest.fixture
def shop(db: Any, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop with its credentials in force and lanes without waiting."""
    monkeypatch.setattr(Client, "make_gap", 0.0)
    monkeypatch.setattr(Client, "ask_gap", 0.0)
    credentials.adopt_environment()
    made = Shop(fakes)
    fakes.do(lambda: fakes.world.telegram.add_user(700, "Tono"))
    yield made
    made.close()


@pytest.fixture
def sari(shop: Shop) -> Buyer:
    return shop.buyer(701, "Sari")


@pytest.fixture
def dewi(shop: Shop) -> Buyer:
    return shop.buyer(702, "Dewi")


@pytest.fixture
def tono(shop: Shop) -> Buyer:
    return shop.buyer(700, "Tono")


def make_product(
    code: str = "spotify", *, kind: str = "stock", price: int = 18_000, units: int = 0, seats: int = 1, **more: Any
) -> Variant:
    """A product with one variant and `units` units of stock."""
    days, limit = more.pop("days", None), more.pop("content_limit", None)
    category, _ = Category.objects.get_or_create(name="Streaming")
    name = more.pop("name", code.title())
    product = Product.objects.create(code=code, name=name, category=category, kind=kind, **more)
    variant = Variant.objects.create(
        product=product, name="", price=price, duration_days=days, content_limit=limit, seats_per_unit=seats
    )
    labels = [f"Profil {n} | PIN {n}{n}{n}{n}" for n in range(1, seats + 1)] if kind == "shared" else []
    new = [NewUnit(f"{code}-{n:05d}@contoh.id|rahasia-{n}", labels) for n in range(1, units + 1)]
    if new and kind != "content":
        stock.add_units(variant=variant, units=new, actor="test")
    return variant


def spoil_everything() -> None:
    """No encrypted value opens any more, whatever it is."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedField):
                table, column = model._meta.db_table, field.column
                with connection.cursor() as cursor:
                    cursor.execute(f"UPDATE {table} SET {column} = %s WHERE {column} IS NOT NULL", [b"\x00"])  # noqa: S608


@pytest.fixture
def spotify(db: Any) -> Variant:
    return make_product("spotify", units=3, name="Spotify Premium")
