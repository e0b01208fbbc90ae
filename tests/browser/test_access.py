"""Everybody can use every page: axe-core finds nothing serious, and 360 px are enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page, expect

from apps.base.admin_base import ReadOnlyAdmin
from apps.orders.admin.orders import ACTS
from apps.orders.models import Order, OrderLine, StockUnit, Variant
from tests.live import Live

pytestmark = pytest.mark.browser
GRAVE = {"serious", "critical"}
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1100, "height": 800}


def found_by_axe(page: Page) -> list[str]:
    """Each grave violation with the element that has it."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{page.url} {rule['id']}: {node['target']} {node['html'][:160]}"
        for rule in violations
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """At 360 px nothing may make the page itself scroll sideways."""
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(DESK)
    return [f"{page.url} is {width} px wide"] if width > PHONE["width"] else []


@pytest.fixture(scope="module")
def number(live: Live) -> str:
    """One order of a story that fills most tables: made by hand, paid, waiting for the owner."""
    bought = live.walk_to_invoice(9300, "Steam Wallet")
    live.insist("pay", order_id=bought)
    live.goods(9300, bought)
    return live.walk_to_invoice(9301, "Steam Wallet")


def test_this_check_can_fail(page: Page) -> None:
    page.goto("/sandbox/")
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=/favicon.ico><p style=width:900px>lebar</p>')"
    )
    assert any("image-alt" in found for found in found_by_axe(page))
    page.goto("/sandbox/gateway/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=width:900px>lebar</p>')")
    assert too_wide(page)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_sandbox(page: Page, number: str, size: dict[str, Any]) -> None:
    page.set_viewport_size(size)
    page.goto("/sandbox/")
    page.locator(".person", has_text="Pembeli 9301").click()
    expect(page.get_by_role("link", name="Pindai QR ini")).to_be_visible(timeout=20_000)
    found = found_by_axe(page)
    tabs = page.get_by_role("tab")
    for n in range(tabs.count()):
        if tabs.nth(n).is_visible():
            tabs.nth(n).click()
            found += found_by_axe(page)
    page.goto("/sandbox/gateway/")
    expect(page.get_by_role("listitem").filter(has_text=number)).to_be_visible(timeout=20_000)
    found += found_by_axe(page)
    assert not found, "\n".join(found)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def pages_of_the_dashboard(live: Live) -> Iterator[str]:
    """Lists, forms, and one row of everything that has rows; every page that we added."""
    yield from (reverse("admin:index"), reverse("dead-letters"), reverse("shop-settings"))
    yield from (reverse("admin:password_change"), reverse("admin:orders_product_import"))
    for model in admin.site._registry:
        meta = model._meta
        yield reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        if issubclass(type(admin.site._registry[model]), ReadOnlyAdmin) and model is not Order:
            continue  # one page without fields is like the other
        for (pk,) in live.sql(f'SELECT "{meta.pk.column}" FROM "{meta.db_table}" LIMIT 1'):
            yield reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk])
    yield from (reverse("admin:orders_product_add"), reverse("admin:orders_category_add"))
    order, line = one(live, Order), one(live, OrderLine)
    yield from (reverse("admin:orders_order_act", args=[order, name]) for name in ACTS)
    yield reverse("admin:orders_line_finish", args=[line])
    yield reverse("admin:orders_variant_stock", args=[one(live, Variant)])
    yield reverse("admin:orders_stockunit_content", args=[one(live, StockUnit)])


def one(live: Live, model: Any) -> Any:
    meta = model._meta
    return live.sql(f'SELECT "{meta.pk.column}" FROM "{meta.db_table}" LIMIT 1')[0][0]


def test_the_dashboard(dashboard: Page, live: Live, number: str) -> None:
    found: list[str] = []
    seen = 0
    for address in pages_of_the_dashboard(live):
        answer = dashboard.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        found += found_by_axe(dashboard) + too_wide(dashboard)
        seen += 1
    assert seen > 30
    assert not found, "\n".join(found)


def test_the_login(page: Page) -> None:
    page.goto("/admin/login/")
    assert found_by_axe(page) + too_wide(page) == []
