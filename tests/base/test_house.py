"""The house itself: arrows between rooms, settings that are refused, logs without secrets."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import get_template

from apps.base import checks
from autoorder.logs import OneLine

ROOT = Path(__file__).resolve().parent.parent.parent
FLOORS = ["autoorder", "base", "bot", "orders", "snk", "broadcasts", "ops"]


def imports_of(path: Path) -> set[str]:
    """Rooms that a file imports."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in getattr(node, "names", [])]
            if isinstance(node, ast.Import)
            else []
        )
        for name in names:
            parts = name.split(".")
            if parts[0] == "apps" and len(parts) > 1:
                rooms.add(parts[1])
            elif parts[0] == "autoorder":
                rooms.add("autoorder")
    return rooms


@pytest.mark.parametrize("room", [*FLOORS[1:], "sandbox"])
def test_imports_go_one_way(room: str) -> None:
    allowed = {room} if room == "sandbox" else set(FLOORS[1 : FLOORS.index(room) + 1])
    for path in (ROOT / "apps" / room).rglob("*.py"):
        strangers = imports_of(path) - allowed - {"autoorder"}
        assert not strangers, f"{path.relative_to(ROOT)} imports {strangers}"


def test_only_urls_and_settings_look_up_from_the_ground() -> None:
    for path in (ROOT / "autoorder").glob("*.py"):
        if path.name != "urls.py":
            assert imports_of(path) <= {"base", "autoorder"}, path


def test_no_text_of_a_message_is_missing_in_english() -> None:
    folder = ROOT / "templates" / "bot"
    indonesian = {p.relative_to(folder / "id") for p in (folder / "id").rglob("*.html")}
    english = {p.relative_to(folder / "en") for p in (folder / "en").rglob("*.html")}
    assert indonesian == english


def test_every_template_compiles() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        get_template(str(path.relative_to(ROOT / "templates")))


def test_sandbox_beside_a_token_is_refused(settings: Any) -> None:
    settings.REAL_TOKEN_GIVEN = True
    assert [e.id for e in checks.sandbox_beside_a_token()] == ["autoorder.E001"]


@pytest.mark.parametrize("name", ["FIELD_KEYS", "LOOKUP_KEY", "AUDIT_KEY"])
def test_unusable_keys_are_refused(settings: Any, name: str) -> None:
    setattr(settings, name, "rubbish")
    assert [e.id for e in checks.keys_are_usable()] == ["autoorder.E002"]


def test_addresses_that_see_secrets_are_private(settings: Any) -> None:
    settings.TELEGRAM_API_URLS = ["http://example.com"]
    assert [e.id for e in checks.outside_addresses_are_private()] == ["autoorder.E004"]


def test_another_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert [e.id for e in checks.only_postgresql()] == ["autoorder.E003"]


def test_the_sandbox_is_nowhere_without_sandbox_mode() -> None:
    """A shop with a token has neither the pages nor the app."""
    code = (
        "import django; django.setup(); from django.conf import settings; from django.urls import resolve, Resolver404\n"
        "assert not settings.SANDBOX and 'apps.sandbox' not in ''.join(settings.INSTALLED_APPS)\n"
        "try: resolve('/sandbox/')\nexcept Resolver404: print('closed')"
    )
    env = {"PATH": "/usr/bin", "DJANGO_SETTINGS_MODULE": "autoorder.settings", "TELEGRAM_BOT_TOKEN": "1:x", "SECRET_KEY": "x",
           "FIELD_KEYS": settings.FIELD_KEYS, "LOOKUP_KEY": settings.LOOKUP_KEY, "AUDIT_KEY": settings.AUDIT_KEY,
           "AUTOORDER_ENV_FILE": "/nonexistent"}  # fmt: skip
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "closed", run.stderr


def test_the_fakes_refuse_a_real_token() -> None:
    env = {"PATH": "/usr/bin", "TELEGRAM_BOT_TOKEN": "1:x"}
    run = subprocess.run(
        [sys.executable, "-m", "apps.sandbox.fakes"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "refuses" in run.stderr


@pytest.mark.parametrize(
    "text",
    [
        "failed https://api.telegram.org/bot123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe",
        "token 123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    ],
)
def test_tokens_never_reach_the_log(text: str) -> None:
    line = OneLine("%(message)s").format(logging.makeLogRecord({"msg": text}))
    assert "AAHdq" not in line
    assert "[token]" in line


def test_a_log_line_carries_its_extra() -> None:
    line = OneLine("%(message)s").format(logging.makeLogRecord({"msg": "settled", "action": "settle"}))
    assert line == "settled action=settle"


def test_files_stay_small() -> None:
    for path in [*(ROOT / "apps").rglob("*.py"), *(ROOT / "autoorder").rglob("*.py")]:
        if "migrations" not in path.parts:
            assert len(path.read_text().splitlines()) < 400, path


def test_every_invariant_has_its_page() -> None:
    from apps.base.invariants import REGISTRY, page_of

    for invariant in REGISTRY:
        page = (ROOT / page_of(invariant.name)).read_text()
        assert invariant.says.lower() in page.lower(), invariant.name
        assert "## When it is broken" in page
    assert len(list((ROOT / "docs" / "invariants").glob("*.md"))) == len(REGISTRY)
