"""Nothing on the shelf is hidden by a cap, and nothing in the cart goes by itself."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client

from apps.bot.chats import chat_of
from apps.orders.models import CartItem, Category, Product, Variant
from apps.orders.services import cart
from tests.conftest import make_product
from tests.driver import Buyer, Shop


def labels(buyer: Buyer) -> list[str]:
    return [b["text"] for row in buyer.screen["keyboard"] for b in row]


def test_every_variant_can_be_bought(shop: Shop, sari: Buyer) -> None:
    variant = make_product("canva", units=1, name="Canva")
    for n in range(2, 31):
        Variant.objects.create(product=variant.product, name=f"{n} bulan", price=18_000 + n)
    sari.says("/start").presses("Semua produk").presses("Canva")
    seen = set(labels(sari))
    for _ in range(2):
        sari.presses("Berikutnya")
        seen |= set(labels(sari))
    assert sum(" bulan · " in label for label in seen) == 29
    sari.presses("30 bulan")
    assert "Rp18.030" in sari.screen["text"]
    assert any(label.startswith("● 30 bulan") for label in labels(sari)), "its own page is shown"


def test_every_category_is_reached(shop: Shop, sari: Buyer) -> None:
    for n in range(45):
        product = make_product(f"p{n}", units=1).product
        product.category = Category.objects.create(name=f"Kategori {n:02d}", position=n)
        product.save()
    sari.says("/start")
    seen = set(labels(sari))
    sari.presses("Kategori lain (26)")
    seen |= set(labels(sari))
    sari.presses("Berikutnya")
    seen |= set(labels(sari))
    assert sum(label.startswith("Kategori ") and "lain" not in label for label in seen) == 45


@pytest.mark.parametrize(
    ("least", "most", "have", "press", "left", "toast"),
    [
        (3, 10, 1, "+", 3, "paling sedikit 3"),
        (1, 10, 1, "+", 2, ""),
        (1, 2, 2, "+", 2, "paling banyak 2"),
        (1, 2, 5, "+", 2, "paling banyak 2"),
        (1, 10, 1, "−", None, ""),
        (3, 10, 3, "−", None, ""),
        (1, 10, 4, "✕", None, ""),
        (3, 10, 2, "−", None, ""),
    ],
)
def test_a_step_up_never_takes_away(
    shop: Shop, sari: Buyer, least: int, most: int, have: int, press: str, left: int | None, toast: str
) -> None:
    variant = make_product("canva", units=20, name="Canva")
    sari.says("/start")
    CartItem.objects.create(chat=chat_of(701), variant=variant, quantity=have)
    Product.objects.update(min_quantity=least, max_quantity=most)  # the seller changed the limits meanwhile
    sari.says("/keranjang").presses(press)
    item = CartItem.objects.first()
    assert (item.quantity if item else None) == left
    assert toast in sari.toast


@pytest.mark.parametrize(
    "path", ["orders/order/", "orders/stockunit/", "base/auditrow/", "orders/gatewayevent/", "auth/user/"]
)
@pytest.mark.parametrize("name", ["state__exact", "q", "p", "o", "kejadian", "kerja", "dead_at__isempty", "e"])
def test_a_nul_in_an_address_is_400(admin_client: Client, path: str, name: str) -> None:
    assert admin_client.get(f"/admin/{path}?{name}={quote(chr(0))}").status_code == 400


@pytest.mark.parametrize("page", ["pesan-bermasalah/", "orders/product/impor/", "pengaturan/"])
def test_and_in_a_form(admin_client: Client, page: str) -> None:
    body = "row=a%00b&text=x%00y&q=%00"
    answer = admin_client.post(f"/admin/{page}", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400


def test_a_cart_holds_twenty_kinds_and_more_of_each(shop: Shop, sari: Buyer) -> None:
    chat = chat_of(701, name="Sari")
    made = [make_product(f"barang{n}", name=f"Barang {n}", units=1) for n in range(cart.MOST_ITEMS + 1)]
    assert all(cart.add_to_cart(chat=chat, variant=variant, quantity=1) for variant in made[:-1])
    assert not cart.add_to_cart(chat=chat, variant=made[-1], quantity=1)
    assert cart.add_to_cart(chat=chat, variant=made[0], quantity=1)
    assert CartItem.objects.filter(chat=chat).count() == cart.MOST_ITEMS
