"""The house itself: arrows between rooms, settings that are refused, logs without secrets."""

from __future__ import annotations

import ast
import logging
import re
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import get_template

from apps.base import checks
from autoorder.logs import OneLine

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ["host", "autoorder", "base", "bot", "orders", "snk", "broadcasts", "ops", "sandbox"]  # imports go to the left
PUT_TOGETHER = {"autoorder/settings.py", "autoorder/urls.py", "autoorder/wsgi.py"}  # these may name every room
DOTTED = re.compile(r"(apps|host|fakes|autoorder)(\.\w+)+")
SOURCES = [
    p
    for room in ("host", "fakes", "autoorder", "apps")
    for p in (ROOT / room).rglob("*.py")
    if "migrations" not in p.parts
]


def room_of(module: str) -> str:
    """`apps.base.clock` → `base`; empty for what is not ours."""
    first, _, rest = module.partition(".")
    if first == "apps":
        return rest.partition(".")[0]
    return first if first in (*ROOMS, "fakes") else ""


def named_in(path: Path) -> set[str]:
    """Our modules that a file names: by an import, or by a string (a task, a routine, a child process)."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            named.add(node.module or "")
        elif isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and DOTTED.fullmatch(node.value):
            if node.value == "autoorder.settings":  # what Django is told, not what we call
                continue
            named.add(node.value)
    return named


def strange_arrows(path: Path) -> set[str]:
    room = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    twin = {"fakes"} if path.match("gateways/*/fake.py") else set()  # stands beside what it imitates
    allowed = {"", room, *twin, *(ROOMS[: ROOMS.index(room)] if room in ROOMS else [])}
    return {name for name in named_in(path) if room_of(name) not in allowed}


@pytest.mark.parametrize("room", [*ROOMS, "fakes"])
def test_arrows_go_one_way(room: str) -> None:
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if room_of(".".join(path.relative_to(ROOT).parts)) == room and name not in PUT_TOGETHER:
            assert not strange_arrows(path), name


def test_an_arrow_by_name_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    file = tmp_path / "apps" / "base" / "x.py"
    file.parent.mkdir(parents=True)
    file.write_text('import host.tls\nTASK = "apps.ops.monitoring.alerts.unheard"\n')
    assert strange_arrows(file) == {"apps.ops.monitoring.alerts.unheard"}


def test_every_name_in_the_settings_leads_somewhere() -> None:
    for name in named_in(ROOT / "autoorder/settings.py"):
        if DOTTED.fullmatch(name) and name.startswith("apps."):
            assert resolve_name(name), name


def test_the_host_room_needs_no_django() -> None:
    modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in (ROOT / "host").rglob("*.py")]
    code = (
        f"import sys; sys.modules['django'] = None\nimport importlib\nfor m in {modules!r}: importlib.import_module(m)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert not run.returncode, run.stderr


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
        "import django; django.setup(); from django.conf import settings; from django.urls import resolve,"
        " Resolver404\nassert not settings.SANDBOX and 'apps.sandbox' not in ''.join(settings.INSTALLED_APPS)\ntry:"
        " resolve('/sandbox/')\nexcept Resolver404: print('closed')"
    )
    env = {
        "PATH": "/usr/bin",
        "DJANGO_SETTINGS_MODULE": "autoorder.settings",
        "TELEGRAM_BOT_TOKEN": "1:x",
        "SECRET_KEY": "x",
        "FIELD_KEYS": settings.FIELD_KEYS,
        "LOOKUP_KEY": settings.LOOKUP_KEY,
        "AUDIT_KEY": settings.AUDIT_KEY,
        "AUTOORDER_ENV_FILE": "/nonexistent",
    }
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "closed", run.stderr


def test_the_fakes_refuse_a_real_token() -> None:
    env = {"PATH": "/usr/bin", "TELEGRAM_BOT_TOKEN": "1:x"}
    run = subprocess.run(
        [sys.executable, "-m", "fakes"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
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
    for path in SOURCES:
        assert len(path.read_text().splitlines()) < 400, path


def test_every_invariant_has_its_page() -> None:
    from apps.base.invariants import REGISTRY, page_of

    for invariant in REGISTRY:
        page = (ROOT / page_of(invariant.name)).read_text()
        assert invariant.says.lower() in page.lower(), invariant.name
        assert "## When it is broken" in page
    assert len(list((ROOT / "docs" / "invariants").glob("*.md"))) == len(REGISTRY)


@pytest.mark.parametrize("words", [[], ["help"], ["--help"]])
def test_the_shops_commands_come_first(words: list[str]) -> None:
    run = subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = run.stdout.split("\n")
    assert lines[0].startswith("The shop's commands")
    assert [line.split()[0] for line in lines[2:-3]] == [
        "backup", "checkinvariants", "drill", "export", "failover", "health", "importproducts", "importstock", "jobs",
        "observe",
        "prepare",
        "reconcile", "restore", "runbot", "runcluster", "testbuy", "up", "verifybackup", "watch",
    ]  # fmt: skip
    assert all(len(line) > 30 for line in lines[2:-3]), "each says what it does"
