"""SNK follows the goods: once for an order and product, in the version that held, whoever rings how often."""

from __future__ import annotations

import pytest

from apps.base.audit import AuditRow
from apps.orders.models import Order, Product, Variant
from apps.snk import services, tasks
from apps.snk.models import Dispatch, Terms
from tests.conftest import make_product
from tests.driver import Buyer, Shop


def terms_heard(buyer: Buyer) -> list[str]:
    return [m.get("text", "") for m in buyer.messages if m["from"] == "bot" and "SNK" in m.get("text", "")]


@pytest.fixture
def with_terms(spotify: Variant) -> Product:
    Product.objects.update(terms="Jangan ganti kata sandi.")
    return Product.objects.get()


class TestOnce:
    @pytest.fixture
    def order(self, shop: Shop, sari: Buyer, with_terms: Product) -> Order:
        shop.pays(sari.orders("Spotify"))
        return Order.objects.get()

    def test_it_comes_with_the_goods(self, sari: Buyer, order: Order) -> None:
        (heard,) = terms_heard(sari)
        assert "Jangan ganti kata sandi." in heard
        assert Dispatch.objects.get().order == order

    def test_however_often_it_is_rung(self, shop: Shop, sari: Buyer, order: Order) -> None:
        for _ in range(5):
            tasks.send_terms(str(order.pk))
        shop.settle()
        assert len(terms_heard(sari)) == 1
        assert AuditRow.objects.filter(kind="terms.sent").count() == 1

    def test_a_later_text_is_not_sent_for_an_order_that_has_its_own(
        self, shop: Shop, sari: Buyer, order: Order
    ) -> None:
        Product.objects.update(terms="Boleh ganti kata sandi.")
        tasks.send_terms(str(order.pk))
        shop.settle()
        assert len(terms_heard(sari)) == 1
        assert Dispatch.objects.get().terms.text == "Jangan ganti kata sandi."


class TestWhichOnes:
    def test_each_product_of_an_order(self, shop: Shop, sari: Buyer, with_terms: Product) -> None:
        make_product("canva", units=1, name="Canva", terms="Satu perangkat saja.")
        for name in ("Spotify", "Canva"):
            sari.says("/start").presses("Semua produk").presses(name).presses("Tambah ke keranjang")
        sari.says("/keranjang").presses("Bayar").presses("QRIS")
        shop.pays(sari.invoice_number())
        assert len(terms_heard(sari)) == 2
        assert Dispatch.objects.count() == 2

    def test_none_without_a_text(self, shop: Shop, sari: Buyer, spotify: Variant) -> None:
        shop.pays(sari.orders("Spotify"))
        assert terms_heard(sari) == []

    def test_not_before_the_goods_that_are_made_by_hand(self, shop: Shop, sari: Buyer) -> None:
        make_product("joki", kind="manual", name="Joki", terms="Jangan login dulu.")
        shop.pays(sari.orders("Joki"))
        assert terms_heard(sari) == []

    def test_one_that_fits_no_message_comes_as_a_file(self, shop: Shop, sari: Buyer, with_terms: Product) -> None:
        Product.objects.update(terms="Jangan ganti kata sandi. " * 400)
        shop.pays(sari.orders("Spotify"))
        (sent,) = [m for m in sari.messages if m.get("document")]
        assert sent["document_name"] == "SNK-spotify.txt"


def test_a_version_is_made_only_when_the_text_changes(with_terms: Product) -> None:
    first = services.keep_terms(product_id=with_terms.pk)
    assert services.keep_terms(product_id=with_terms.pk) == first
    Product.objects.update(terms="Boleh ganti kata sandi.")
    assert [services.keep_terms(product_id=with_terms.pk).version for _ in range(2)] == [2, 2]  # type: ignore[union-attr]
    assert Terms.objects.count() == 2
