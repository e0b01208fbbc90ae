"""A wrong setting is one sentence, never a traceback; and nothing that is for trying out stands beside a real token."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from apps.base import checks
from host import environment
from host.environment import ROOT, wrong_setting


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:geheim@h/x"),
        ("DATABASE_URL", "rubbish"),
        ("DATABASE_URL", "postgres://u@h:port/x"),
        ("DATABASE_URL", "postgres://u@h"),
        ("DATABASE_ADMIN_URL", "http://x/y"),
        ("TIME_ZONE", "Asia/Jakartaa"),
        ("TIME_ZONE", "../etc"),
        ("OWNER_CHAT_IDS", "@tono"),
        ("OWNER_CHAT_IDS", "700, tono"),
        ("ADMIN_CHAT_IDS", "7 00"),
        ("SELLER_CHAT_IDS", "²"),
        ("TELEGRAM_RATE", "fast"),
        ("DEBUG", "maybe"),
        ("TELEGRAM_MODE", "push"),
        ("AUTOORDER_WORKERS", "-1"),
    ],
)
def test_the_setting_is_named_and_its_value_understood(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    said = wrong_setting()
    assert said.startswith(f"{name} must ")
    assert "geheim" not in said


@pytest.mark.parametrize("url", ["http://toko.id", "toko.id", "https://", "https://toko.id/x", "ftp://toko.id"])
def test_an_address_without_https(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    monkeypatch.setattr(environment, "sandbox_wanted", lambda: False)
    assert wrong_setting().startswith("PUBLIC_URL must be https://")


def test_right_ones_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": "postgres://u:p%40@%2Fvar%2Frun%2Fpostgresql/autoorder",
        "TIME_ZONE": "Asia/Makassar",
        "OWNER_CHAT_IDS": "700, -1001",
        "PUBLIC_URL": "https://toko.id/",
        "TELEGRAM_RATE": "12.5",
        "DEBUG": "0",
    }.items():
        monkeypatch.setenv(name, value)
    assert wrong_setting() == ""


@pytest.mark.parametrize("command", ["up", "check", "watch"])
def test_on_the_command_line_it_is_that_sentence_and_2(command: str) -> None:
    env = {**os.environ, "TIME_ZONE": "Mars/Base"}
    run = subprocess.run(
        [sys.executable, "manage.py", command], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stderr.strip().splitlines() == [
        "TIME_ZONE must be a name such as Asia/Jakarta, Asia/Makassar or Asia/Jayapura; it is 'Mars/Base'."
    ]


def test_a_token_that_telegram_refuses_is_said(settings: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.base.commands import UsedWrongly
    from apps.ops.management.commands.prepare import refuse_dead_token

    refuse_dead_token()
    monkeypatch.setattr("apps.ops.management.commands.prepare.credential", lambda name: "1:wrong")
    with pytest.raises(UsedWrongly, match="Telegram refuses the bot's token"):
        refuse_dead_token()
    settings.TELEGRAM_API_URLS = ["http://127.0.0.1:9"]
    refuse_dead_token()  # out of reach is no refusal


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1.evil",
            "http://localhost.evil",
            "http://127.0.0.1@evil",
            "http://evil",
            "ftp://127.0.0.1",
            "http://",
            "https://",
            "http://[::1].evil",
            "http://127.0.0.1:x",
            "https://user@host",
            "",
            "//127.0.0.1",
            "http://10.0.0.1",
        ],
    )
    def test_what_others_can_read_is_refused(self, url: str) -> None:
        assert not checks.is_private(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://api.telegram.org",
            "http://127.0.0.1:8081",
            "http://localhost:1",
            "http://[::1]:2",
            "http://127.1.2.3",
        ],
    )
    def test_what_stays_here_or_is_sealed_is_taken(self, url: str) -> None:
        assert checks.is_private(url)

    def test_every_address_is_looked_at(self, settings: Any) -> None:
        settings.OWNER_API_URLS = ["http://127.0.0.1.evil"]
        assert [e.id for e in checks.outside_addresses_are_private()] == ["autoorder.E004"]


class TestBesideAToken:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DEBUG", True),
            ("ALLOWED_HOSTS", ["*"]),
            ("ALLOWED_HOSTS", [".toko.id"]),
            ("SECRET_KEY", "short"),
            ("METRICS_TOKEN", "abc"),
        ],
    )
    def test_what_is_for_trying_out_is_refused(self, settings: Any, name: str, value: Any) -> None:
        settings.SECRET_KEY, settings.METRICS_TOKEN, settings.DEBUG = "x" * 64, "y" * 32, False
        settings.CREDENTIALS = {}
        setattr(settings, name, value)
        assert checks.a_real_shop_is_closed_to_strangers() == []
        settings.REAL_TOKEN_GIVEN = True
        assert [e.id for e in checks.a_real_shop_is_closed_to_strangers()] == ["autoorder.E005"]

    def test_a_short_webhook_secret(self, settings: Any) -> None:
        settings.REAL_TOKEN_GIVEN, settings.SECRET_KEY, settings.METRICS_TOKEN = True, "x" * 64, ""
        settings.CREDENTIALS = {"TELEGRAM_WEBHOOK_SECRET": "abc"}
        assert len(checks.a_real_shop_is_closed_to_strangers()) == 1

    def test_the_public_address(self, settings: Any) -> None:
        settings.SANDBOX, settings.PUBLIC_URL = False, "http://127.0.0.1:8000"
        assert [e.id for e in checks.the_public_address_is_https()] == ["autoorder.E006"]
        settings.PUBLIC_URL = "https://toko.id"
        assert checks.the_public_address_is_https() == []
