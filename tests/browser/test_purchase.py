"""A newcomer buys something in a real browser, and the owner looks at the dashboard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.live import Live

pytestmark = pytest.mark.browser


def buy_spotify(page: Page, who: str) -> str:
    page.goto("/sandbox/")
    page.locator(".person", has_text=who).click()
    page.get_by_label("Pesan", exact=True).fill("/start")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Semua produk").last.click()
    page.get_by_role("button", name="Spotify Premium").last.click()
    page.get_by_role("button", name="Beli sekarang").last.click()
    page.get_by_role("button", name="QRIS").last.click()
    scan = page.get_by_role("link", name="Pindai QR ini").last
    expect(scan).to_be_visible(timeout=20_000)
    return re.search(r"AO-\w+", scan.get_attribute("href") or "").group()  # type: ignore[union-attr]


def test_a_purchase_in_the_browser(page: Page, shot: Any) -> None:
    number = buy_spotify(page, "Sari")
    shot(page, "invoice")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Pindai QR ini").last.click()
    gateway = opened.value
    gateway.get_by_role("listitem").filter(has_text=number).get_by_role("button", name="Bayar").click()
    expect(gateway.get_by_role("listitem").filter(has_text=number)).to_contain_text("lunas")
    expect(gateway.get_by_text("Pembayaran berhasil")).to_be_visible()
    assert "null" not in gateway.locator("main").inner_text()
    shot(gateway, "gateway")
    page.bring_to_front()
    goods = page.get_by_role("listitem").filter(has_text=f"Pembayaran {number} diterima. Ini barangnya:")
    expect(goods).to_be_visible(timeout=20_000)
    expect(goods.locator("code")).to_contain_text("@contoh.id|lagu-enak-")
    expect(page.locator(".messages").get_by_text("SNK Spotify Premium")).to_be_visible(timeout=20_000)
    shot(page, "goods")


def test_it_works_on_a_small_phone_and_by_keyboard(page: Page, shot: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto("/sandbox/")
    page.locator(".person", has_text="Dewi").click()
    field = page.get_by_label("Pesan", exact=True)
    field.fill("/start")
    field.press("Enter")
    button = page.get_by_role("button", name="Bantuan").last
    expect(button).to_be_visible(timeout=20_000)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("/pesanan melihat pesanan")).to_be_visible(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shot(page, "phone")


def test_the_owner_sees_the_order(dashboard: Page, live: Live, shot: Any) -> None:
    live.walk_to_invoice(9001, "Steam Wallet")
    dashboard.goto("/admin/orders/order/")
    dashboard.get_by_role("link", name=re.compile("AO-")).first.click()
    expect(dashboard.get_by_text("Riwayat", exact=True)).to_be_visible()
    expect(dashboard.get_by_text(re.compile("Pesanan dibuat, total Rp"))).to_be_visible()
    shot(dashboard, "order")
