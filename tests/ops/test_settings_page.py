"""The page of business numbers."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from apps.base.audit import AuditRow
from apps.bot.dialogue.texts import CONTACT
from apps.ops.dashboard.settings_page import labelled
from apps.orders.services import hoarding_limits, opening_hours, storefront


@pytest.fixture
def owner(db: Any) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("tono", password="x"))
    return client


def as_shown() -> dict[str, Any]:
    return {s.name: s.get() for s in labelled() if s.get() is not False}


def test_what_changed_is_stored_and_audited(owner: Client) -> None:
    page = reverse("shop-settings")
    assert "Toko tutup" in owner.get(page).content.decode()
    owner.post(page, {**as_shown(), "shop_closed": "on", "opens_at": "09.30", "hold_minutes": 20})
    assert storefront.SHOP_CLOSED.get() is True
    assert opening_hours.OPENS.get() == "09:30"
    assert hoarding_limits.HOLD_MINUTES.get() == 20
    changed = AuditRow.objects.filter(kind="setting.changed").values_list("subject", flat=True)
    assert set(changed) == {"setting:shop_closed", "setting:opens_at", "setting:hold_minutes"}


def test_rubbish_is_refused_in_plain_words(owner: Client) -> None:
    answer = owner.post(
        reverse("shop-settings"), {**as_shown(), "hold_minutes": 0, "opens_at": "25:99"}
    ).content.decode()
    assert "Belum disimpan" in answer
    assert hoarding_limits.HOLD_MINUTES.get() == 15


def test_only_the_owner_changes_settings(db: Any) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_user("budi", password="x", is_staff=True))
    assert client.get(reverse("shop-settings")).status_code == 403


def test_a_tab_left_open_changes_nothing_back(owner: Client) -> None:
    page = reverse("shop-settings")
    shown = owner.get(page).context["form"]
    before = {f"initial-{name}": str(shown[name].value()) for name in shown.fields}
    stale = {**as_shown(), **before}
    storefront.SHOP_CLOSED.set(True, actor="user:1")  # meanwhile, from the phone
    owner.post(page, {**stale, "contact": "@budi"})
    assert storefront.SHOP_CLOSED.get() is True
    assert CONTACT.get() == "@budi"


def test_an_empty_contact_is_red_on_every_page(admin_client: Client, db: Any) -> None:
    assert "Kontak penjual kosong" in admin_client.get(reverse("admin:index")).content.decode()
    CONTACT.set("@budi", actor="t")
    assert "Kontak penjual kosong" not in admin_client.get(reverse("admin:index")).content.decode()
