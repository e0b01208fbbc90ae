"""On a server nobody opens the dashboard from the internet before logins have a second factor."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client


@pytest.mark.parametrize(
    ("came_by", "allowed", "status"),
    [
        ("203.0.113.9", "", 403),
        ("203.0.113.9", "203.0.113.9", 302),
        ("203.0.113.9", "198.51.100.1 203.0.113.0/24", 302),
        ("2001:db8::9", "203.0.113.0/24 2001:db8::/32", 302),
        ("127.0.0.1", "", 302),
        ("rubbish", "203.0.113.0/24", 403),
        ("203.0.113.9", "rubbish", 403),
        ("203.0.113.9", "rubbish 203.0.113.9", 302),
        ("203.0.113.9", "all", 302),
        ("", "", 302),  # through SSH, straight to the socket
    ],
)
def test_who_may_open_the_dashboard(db: None, settings: Any, came_by: str, allowed: str, status: int) -> None:
    settings.BEHIND_NGINX, settings.ADMIN_PATH, settings.ADMIN_ALLOW = True, "admin/", allowed.split()
    headers = {"X-Forwarded-For": came_by} if came_by else {}
    assert Client().get("/admin/", headers=headers).status_code == status


def test_everything_else_is_open(db: None, settings: Any) -> None:
    settings.BEHIND_NGINX, settings.ADMIN_ALLOW = True, []
    assert Client().get("/healthz/live", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200


def test_a_try_out_is_open_to_whoever_reaches_it(db: None, settings: Any) -> None:
    settings.BEHIND_NGINX = False
    assert Client().get("/admin/", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 302
