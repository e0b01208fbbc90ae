"""`make screenshots`: the pictures of the README, taken from a sandbox of their own. Into docs/pictures/."""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, chromium_program
from tests.live import Live
from tests.plugin import ROOT

PICTURES = ROOT / "docs" / "pictures"
COLOURS = 128  # a palette keeps each picture under 100 kB
PATIENCE = 60_000  # ms


def take(page: Page, name: str) -> None:
    """One picture as a small PNG."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
    image.save(PICTURES / f"{name}.png", optimize=True)
    print(f"docs/pictures/{name}.png")


def take_chat(page: Page) -> None:
    """A sale, played by its scenario, with what happened inside beside it."""
    page.goto("/sandbox/")
    page.get_by_role("tab", name="Skenario").click()
    page.locator("#scenario-happy").click()
    page.locator(".result.done").wait_for(timeout=PATIENCE)
    page.get_by_role("tab", name="Di dalam").click()
    page.locator(".steps", has_text="barang terkirim").wait_for(timeout=PATIENCE)
    take(page, "chat")


def take_dashboard(page: Page, login: str, password: str) -> None:
    page.goto("/admin/")
    page.fill("#id_username", login)
    page.fill("#id_password", password)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Pesanan", exact=True).first.wait_for()
    page.goto("/admin/orders/order/")
    take(page, "orders")
    page.get_by_role("link", name=re.compile("AO-")).first.click()
    page.get_by_text("Riwayat", exact=True).wait_for()
    take(page, "order")


def take_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto("/sandbox/")
    page.locator(".messages li").first.wait_for(timeout=PATIENCE)
    take(page, "phone")


def main() -> int:
    """0 when every picture was taken."""
    program = chromium_program()
    if program is None:
        print("Chromium is missing: apt install chromium", file=sys.stderr)
        return 2
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shop = Live(Path(folder) / "shop").start()
        try:
            login = re.search(r"First login: (\S+) / (\S+)", shop.said)
            assert login is not None, shop.said  # a fresh shop always tells it
            with sync_playwright() as player:
                browser = player.chromium.launch(executable_path=program, args=ARGUMENTS)
                page = browser.new_page(
                    base_url=f"http://127.0.0.1:{shop.port}", viewport={"width": 1280, "height": 800}
                )
                take_chat(page)
                take_dashboard(page, login.group(1), login.group(2))
                take_phone(page)
                browser.close()
        finally:
            shop.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
