"""Being let into the dashboard is no right to do anything there: every page and action asks for one."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from apps.base.incidents import Incident, raise_incident
from apps.orders.models import Order, Product, Seat, StockUnit, Variant
from tests.conftest import make_product
from tests.driver import Buyer, Shop


@pytest.fixture
def nobody(db: Any) -> Client:
    """Somebody with an account and no right at all."""
    client = Client()
    client.force_login(get_user_model().objects.create_user("nana", password="x", is_staff=True))
    return client


def test_every_list_and_form_is_closed(nobody: Client, spotify: Variant) -> None:
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert nobody.get(reverse(f"{name}_changelist")).status_code == 403, name
        assert nobody.get(reverse(f"{name}_add")).status_code == 403, name


def test_every_page_of_our_own_is_closed(nobody: Client, shop: Shop, sari: Buyer, spotify: Variant) -> None:
    make_product("joki", kind="manual", name="Joki")
    shop.pays(sari.orders("Joki"))
    order, unit = Order.objects.get(), StockUnit.objects.first()
    assert unit is not None
    pages = [
        reverse("admin:orders_variant_stock", args=[spotify.pk]),
        reverse("admin:orders_stockunit_content", args=[unit.pk]),
        reverse("admin:orders_product_import"),
        reverse("admin:orders_product_sample"),
        reverse("dead-letters"),
        reverse("shop-settings"),
        reverse("admin:orders_line_finish", args=[order.lines.get().pk]),
        *(
            reverse("admin:orders_order_act", args=[order.pk, act])
            for act in ("kirim", "kembalikan", "ulang", "cek", "batal")
        ),
    ]
    for page in pages:
        assert nobody.get(page).status_code == 403, page
        assert (
            nobody.post(page, {"text": "x", "confirm": "1", "content": "dicuri", "row": "base.Errand:1"}).status_code
            == 403
        ), page
    assert Product.objects.count() == 2
    assert Order.objects.get().state == "paid"


@pytest.mark.parametrize(
    ("model", "action"),
    [
        ("orders_stockunit", "withdraw"),
        ("orders_stockunit", "sell_again"),
        ("base_incident", "resolve"),
        ("orders_payment", "ask_again"),
        ("bot_outboundmessage", "retry"),
        ("bot_inboundupdate", "handle_again"),
    ],
)
def test_who_may_look_may_not_act(db: Any, spotify: Variant, model: str, action: str) -> None:
    from django.contrib.auth.models import Permission

    label, name = model.split("_")
    looker = get_user_model().objects.create_user("lina", password="x", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename=f"view_{name}", content_type__app_label=label))
    client = Client()
    client.force_login(looker)
    raise_incident("x", "gateway_down", gateway="pakasir")
    page = reverse(f"admin:{model}_changelist")
    shown = client.get(page)
    assert shown.status_code == 200
    assert f'value="{action}"' not in shown.content.decode()
    rows = StockUnit if name == "stockunit" else Incident
    client.post(page, {"action": action, "_selected_action": [str(rows.objects.first().pk)]})  # type: ignore[union-attr]
    assert Seat.objects.filter(state="available").count() == 3
    assert Incident.objects.get().state == "open"


def test_with_the_right_it_works(db: Any, spotify: Variant) -> None:
    from django.contrib.auth.models import Permission

    seller = get_user_model().objects.create_user("budi", password="x", is_staff=True)
    for codename in ("view_stockunit", "change_stockunit", "add_stockunit"):
        seller.user_permissions.add(Permission.objects.get(codename=codename))
    client = Client()
    client.force_login(seller)
    assert client.get(reverse("admin:orders_variant_stock", args=[spotify.pk])).status_code == 200
    unit = StockUnit.objects.first()
    assert unit is not None
    client.post(
        reverse("admin:orders_stockunit_changelist"), {"action": "withdraw", "_selected_action": [str(unit.pk)]}
    )
    assert Seat.objects.filter(state="withdrawn").count() == 1
