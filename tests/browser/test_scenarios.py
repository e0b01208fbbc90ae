"""Every scenario of the chat page, played by its button."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.live import Live
from tests.plugin import ROOT

pytestmark = pytest.mark.browser

SCRIPT = (ROOT / "apps" / "sandbox" / "static" / "sandbox" / "scenarios.js").read_text()
SCENARIOS = re.findall(r'id: "([a-z-]+)"', SCRIPT)
ASKED_FOR = {
    "happy", "last-unit", "late-payment", "webhook-lost", "telegram-down", "restart", "by-hand", "renewal",
}  # fmt: skip


def test_the_scenarios_that_were_promised() -> None:
    assert set(SCENARIOS) == ASKED_FOR


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario(page: Page, live: Live, name: str) -> None:
    page.goto("/sandbox/")
    page.get_by_role("tab", name="Skenario").click()
    page.locator(f"#scenario-{name}").click()
    result = page.locator(".result")
    expect(result).to_have_class(re.compile("done|failed"), timeout=120_000)
    assert "selesai dalam" in result.inner_text(), f"{result.inner_text()}\n{rows_of(live)}"


def rows_of(live: Live) -> str:
    """What the shop knows at this moment, for whoever reads a failure."""
    asked = {
        "now": "SELECT now(), shop_now()",
        "orders": (
            "SELECT number, state, created_at, expires_at, next_at, attempts, last_error FROM orders_order ORDER BY id"
            " DESC LIMIT 3"
        ),
        "payments": (
            "SELECT reference, state, shown_at, next_at, attempts, last_error FROM orders_payment ORDER BY id DESC"
            " LIMIT 3"
        ),
        "outbox": (
            "SELECT kind, state, method, about, queued_at, next_at, attempts, unknowns, last_error FROM"
            " bot_outboundmessage ORDER BY id DESC LIMIT 8"
        ),
        "inbox": (
            "SELECT outcome, stored_at, next_at, attempts, last_error FROM bot_inboundupdate ORDER BY id DESC LIMIT 3"
        ),
        "incidents": "SELECT key, state, times FROM base_incident ORDER BY id DESC LIMIT 5",
    }
    return "\n".join(f"{what}: {live.sql(query)}" for what, query in asked.items())


def test_what_happens_inside_is_seen(page: Page, live: Live) -> None:
    number = live.walk_to_invoice(9100, "Steam Wallet")
    live.insist("pay", order_id=number)
    live.goods(9100, number)
    page.goto("/sandbox/")
    page.locator(".person", has_text="Pembeli 9100").click()
    steps = page.locator(".steps")
    for what in ("disimpan", "slot dipegang", "QR dibuat", "bel berbunyi", "lunas menurut gateway", "barang terkirim"):
        expect(steps).to_contain_text(what, timeout=10_000)


def test_a_picture_is_sent_and_two_phones_stand_side_by_side(page: Page) -> None:
    page.set_viewport_size({"width": 1500, "height": 800})
    page.goto("/sandbox/")
    page.get_by_role("button", name="Buka Dewi di samping").click()
    expect(page.locator(".phone")).to_have_count(2)
    picture = {"name": "bukti.png", "mimeType": "image/png", "buffer": PNG}
    page.locator(".phone", has_text="Dewi").locator("input[type=file]").set_input_files(picture)
    expect(page.locator(".phone", has_text="Dewi").get_by_alt_text("Gambar dari pembeli")).to_be_visible(timeout=10_000)


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f00050001ff89993d1d0000000049454e44ae426082"
)
