from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.live import Live, Prepared
from tests.plugin import ROOT

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SHOTS = ROOT / "var" / "screenshots"


def chromium_program() -> str | None:
    """Where Debian's Chromium is, or another's; None when there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="package")
def live(tmp_path_factory: Any) -> Iterator[Prepared]:
    """One shop for all of them; the scenarios, which kill it and let its clock leap, come last."""
    shop = Prepared(tmp_path_factory.mktemp("browser"))
    shop.start()
    yield shop
    shop.stop()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    if os.environ.get("NO_BROWSER") == "1":
        pytest.skip("NO_BROWSER=1")
    program = chromium_program()
    assert program, "Chromium is missing: apt install chromium, or NO_BROWSER=1"
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, live: Live) -> Iterator[Page]:
    """A page whose console stays silent."""
    context = chromium.new_context(viewport={"width": 1100, "height": 800}, base_url=f"http://127.0.0.1:{live.port}")
    made = context.new_page()
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    made.on("console", lambda m: complaints.append(f"{m.text} {m.location.get('url')}") if m.type == "error" else None)
    yield made
    context.close()
    # a page that outlives a restart of the shop is told so by the browser
    restarts = ("502 (Bad Gateway)", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
    assert [said for said in complaints if not any(word in said for word in restarts)] == []


@pytest.fixture
def dashboard(page: Page, live: Prepared) -> Page:
    """The dashboard, as its owner sees it."""
    name, password = live.login
    page.goto("/admin/")
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Pesanan", exact=True).first).to_be_visible()
    return page


@pytest.fixture
def shot() -> Any:
    def take(page: Page, name: str) -> Path:
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        page.screenshot(path=path)
        return path

    return take
