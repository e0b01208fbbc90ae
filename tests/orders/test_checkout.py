"""From a look at the shelf to an invoice; limits; what buyers read when it does not work out."""

from __future__ import annotations

import pytest

from apps.base import audit
from apps.base.audit import AuditRow
from apps.orders.models import CartItem, Order, OrderLine, Payment, Seat, Variant
from apps.orders.services import stock, storefront
from tests.conftest import make_product
from tests.driver import Buyer, Shop


def held(code: str = "spotify") -> int:
    return Seat.objects.filter(state="reserved", variant__product__code=code).count()


def test_the_menu_greets_by_name_and_shows_categories(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    sari.says("/start")
    assert "👋 Halo Sari, selamat datang di <b>Toko Maju</b>!" in sari.heard[-1]
    sari.presses("Streaming").presses("Spotify Premium")
    assert "Rp18.000 · stok 3" in sari.heard[-1]
    assert sari.button("Beli sekarang")
    assert len(sari.heard) == 1, "one message is edited in place"


def test_search_finds_and_pages(shop: Shop, sari: Buyer) -> None:
    for number in range(10):
        make_product(f"game-{number}", units=1, name=f"Voucher Game {number}")
    sari.says("/cari").says("voucher game")
    assert "Hasil untuk <b>voucher game</b>" in sari.heard[-1]
    sari.presses("Berikutnya").presses("Voucher Game 9")
    assert "Voucher Game 9" in sari.heard[-1]
    sari.says("/cari").says("<b>tidak ada")
    assert "Belum ketemu yang cocok dengan <b>&lt;b&gt;tidak ada</b>" in sari.heard[-1]


def test_back_and_cancel_lead_home(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli").presses("Kembali")
    assert sari.button("Beli")
    sari.presses("Menu")
    assert "selamat datang" in sari.heard[-1]
    sari.says("/cari").says("/batal")
    assert "Oke, dibatalkan" in sari.heard[-1]
    assert not Order.objects.exists()


def test_an_order_holds_its_stock_and_opens_a_payment(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    order = Order.objects.get(number=number)
    assert order.state == "awaiting_payment"
    assert held() == 1
    assert Payment.objects.get().state == "pending"
    assert Payment.objects.get().reference == number
    assert order.expires_at == Payment.objects.get().pay_before


def test_pressing_qris_twice_makes_one_order(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli")
    shown = sari.screen
    pay = sari.button("QRIS")
    sari.presses_data(pay, shown["message_id"]).presses_data(pay, shown["message_id"])
    assert Order.objects.count() == 1
    assert "sudah dipakai" in sari.toast


def test_sold_out_is_said_before_paying(shop: Shop, sari: Buyer, dewi: Buyer) -> None:
    make_product("canva", units=1, name="Canva")
    dewi.says("/start").presses("Semua produk").presses("Canva").presses("Beli")
    sari.orders("Canva")
    dewi.presses("QRIS")
    assert "Maaf, <b>Canva</b> barusan habis. Uangmu belum terpakai." in dewi.heard[-1]
    dewi.says("/start").presses("Semua produk")
    assert dewi.button("Canva · habis")
    dewi.presses("Canva")
    assert "stok habis" in dewi.heard[-1]


def test_a_cart_of_several_products_is_one_order(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    make_product("netflix", kind="shared", units=1, seats=2, name="Netflix", price=32_000)
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Tambah ke keranjang")
    sari.presses("Lihat produk").presses("Netflix").presses("Tambah ke keranjang")
    assert "Total <b>Rp50.000</b>" in sari.heard[-1]
    sari.presses("Bayar semua").presses("QRIS")
    number = sari.invoice_number()
    assert Order.objects.get().total == 50_000
    assert not CartItem.objects.exists()
    shop.pays(number)
    goods = sari.heard[-1]
    assert "<code>netflix-00001@contoh.id|rahasia-1 | Profil 1 | PIN 1111</code>" in goods
    assert "<code>spotify-00001@contoh.id|rahasia-1</code>" in goods


def test_the_cart_changes_by_its_buttons(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Tambah ke keranjang")
    sari.presses("+")
    assert CartItem.objects.get().quantity == 2
    sari.presses("✕")
    assert "Keranjangmu masih kosong" in sari.heard[-1]
    sari.presses_data("cartq:rubbish:1").presses_data("cartq:" + "0" * 32 + ":5").presses_data("checkout")
    assert not Order.objects.exists()


def test_two_variants_are_chosen_on_one_screen(shop: Shop, sari: Buyer) -> None:
    first = make_product("netflix", kind="shared", units=1, seats=2, name="Netflix", price=32_000, days=30)
    Variant.objects.create(product=first.product, name="3 bulan", price=89_000, duration_days=90, position=1)
    sari.says("/start").presses("Semua produk").presses("Netflix").presses("3 bulan")
    assert "Rp89.000" in sari.heard[-1]
    assert sari.button("● 3 bulan")


def test_questions_are_asked_and_checked(shop: Shop, sari: Buyer) -> None:
    questions = [{"label": "ID?", "pattern": r"\d{6}", "hint": "enam angka"}, {"label": "Server?", "pattern": r"\d{4}"}]
    make_product("ml", kind="manual", name="Diamond", questions=questions, max_quantity=1)
    sari.says("/start").presses("Semua produk").presses("Diamond").presses("Beli")
    assert "ID?\n<i>enam angka</i>" in sari.heard[-1]
    sari.says("abc")
    assert "Jawaban itu belum pas" in sari.heard[-1]
    sari.says("123456").says("9999")
    assert "ID: <code>123456</code>" in sari.heard[-1]
    sari.presses("QRIS")
    assert OrderLine.objects.get().answers == [
        {"label": "ID?", "answer": "123456"},
        {"label": "Server?", "answer": "9999"},
    ]
    shop.pays(sari.invoice_number())
    assert "diproses manual" in sari.heard[-1]


def test_sellers_hear_what_is_to_be_made(shop: Shop, sari: Buyer, tono: Buyer) -> None:
    make_product("ml", kind="manual", name="Diamond", questions=[{"label": "ID?"}], max_quantity=1)
    sari.says("/start").presses("Semua produk").presses("Diamond").presses("Beli").says("<777>").presses("QRIS")
    shop.pays(sari.invoice_number())
    assert "ID: <code>&lt;777&gt;</code>" in tono.heard[-1]


def test_a_shared_unit_sells_each_seat_once(shop: Shop) -> None:
    make_product("netflix", kind="shared", units=1, seats=3, name="Netflix")
    buyers = [shop.buyer(800 + n, f"B{n}") for n in range(4)]
    for buyer in buyers[:3]:
        shop.pays(buyer.orders("Netflix"))
    pins = {line for buyer in buyers[:3] for line in buyer.heard[-1].split("\n") if "PIN" in line}
    assert len(pins) == 3
    buyers[3].says("/start").presses("Semua produk")
    assert buyers[3].button("Netflix · habis")


def test_a_seat_is_free_after_its_time(shop: Shop, sari: Buyer) -> None:
    make_product("netflix", kind="shared", units=1, seats=1, name="Netflix", days=30)
    shop.pays(sari.orders("Netflix"))
    assert "Berlaku sampai" in sari.heard[-1]
    shop.forward(days=29)
    assert not Seat.objects.filter(state="available").exists()
    shop.forward(days=2)
    assert Seat.objects.filter(state="available").count() == 1
    sari.says("/pesanan").presses("AO-")
    assert "masa aktif sudah berakhir" in sari.heard[-1]


def test_one_content_serves_everybody_up_to_its_limit(shop: Shop, sari: Buyer, dewi: Buyer) -> None:
    variant = make_product("buku", kind="content", name="E-book", content_limit=1, price=25_000)
    stock.set_content(variant=variant, content="https://contoh.id/buku <1>", actor="test")
    shop.pays(sari.orders("E-book"))
    assert "<code>https://contoh.id/buku &lt;1&gt;</code>" in sari.heard[-1]
    dewi.says("/start").presses("Semua produk").presses("E-book")
    assert "stok habis" in dewi.heard[-1]


def test_content_without_a_limit_never_runs_out(shop: Shop, sari: Buyer, dewi: Buyer) -> None:
    variant = make_product("buku", kind="content", name="E-book", price=25_000)
    stock.set_content(variant=variant, content="tautan", actor="test")
    for buyer in (sari, dewi):
        shop.pays(buyer.orders("E-book"))
        assert "<code>tautan</code>" in buyer.heard[-1]


def test_a_gateway_without_keys_takes_no_order(
    shop: Shop, sari: Buyer, spotify: Variant, settings: pytest.Item
) -> None:
    settings.PAKASIR_PROJECT = ""  # type: ignore[attr-defined]
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli").presses("QRIS")
    assert "Pembayaran belum dibuka" in sari.heard[-1]
    assert held() == 0


@pytest.mark.parametrize("price", [100, 10_000_001])
def test_totals_outside_qris_are_refused(shop: Shop, sari: Buyer, price: int) -> None:
    make_product("x", units=1, name="Xyz", price=price)
    sari.says("/start").presses("Semua produk").presses("Xyz").presses("Beli").presses("QRIS")
    assert "Kamu belum ditagih" in sari.heard[-1]


def test_an_end_is_written_down_with_who_ended_it(shop: Shop, sari: Buyer, dewi: Buyer, spotify: Variant) -> None:
    expired, cancelled = sari.orders("Spotify"), dewi.orders("Spotify")
    dewi.presses("Batalkan")
    shop.forward(minutes=16)
    rows = AuditRow.objects.filter(kind__in=["order.expired", "order.cancelled"])
    told = {row.subject: (row.kind, audit.actor_name(row.actor)) for row in rows}
    assert told[f"order:{expired}"][0] == "order.expired"
    assert told[f"order:{cancelled}"][0] == "order.cancelled"
    assert told[f"order:{expired}"][1] != told[f"order:{cancelled}"][1]


class TestHoarding:
    """Threat 8: who never paid may hold little, and not for ever."""

    def test_two_open_orders_at_most(self, shop: Shop, sari: Buyer, spotify: Variant) -> None:
        for code in ("a", "b", "c"):
            make_product(code, units=1, name=f"Produk {code}")
        sari.orders("Produk a")
        sari.orders("Produk b")
        sari.says("/start").presses("Semua produk").presses("Produk c").presses("Beli")
        assert "Masih ada 2 pesanan" in sari.heard[-1]

    def test_the_last_press_asks_again(self, shop: Shop, sari: Buyer, spotify: Variant) -> None:
        sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli")
        storefront.SHOP_CLOSED.set(True, actor="test")
        sari.presses("QRIS")
        assert "Toko sedang tutup" in sari.heard[-1]
        assert held() == 0

    def test_a_new_buyer_takes_one_of_small_stock(self, shop: Shop, sari: Buyer) -> None:
        make_product("spotify", units=99, name="Spotify")
        sari.says("/start").presses("Semua produk").presses("Spotify").presses("+").presses("Beli")
        assert "Untuk pembelian pertama, ambil 1 dulu" in sari.heard[-1]
        sari.presses("Ambil 1").presses("Beli").presses("QRIS")
        assert held() == 1

    def test_two_percent_of_large_stock(self, shop: Shop, sari: Buyer) -> None:
        make_product("spotify", units=100, name="Spotify")
        sari.orders("Spotify", quantity=2)
        assert held() == 2

    def test_ten_accounts_hold_no_more_than_a_fifth(self, shop: Shop) -> None:
        make_product("spotify", units=50, name="Spotify")
        for n in range(10):
            shop.buyer(900 + n, "x").orders("Spotify")
        assert held() <= 10

    def test_who_has_paid_is_free(self, shop: Shop, sari: Buyer) -> None:
        make_product("spotify", units=10, name="Spotify")
        shop.pays(sari.orders("Spotify"))
        sari.orders("Spotify", quantity=5)
        assert held() == 5

    def test_unpaid_expiries_cost_time(self, shop: Shop, sari: Buyer) -> None:
        make_product("spotify", units=10, name="Spotify")
        for wait in (5, 15):
            sari.orders("Spotify")
            shop.forward(minutes=16)
            assert held() == 0
            sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli")
            assert "bisa dipesan lagi mulai" in sari.heard[-1]
            assert held() == 0
            shop.forward(minutes=wait)

    def test_cancelling_in_time_does_not_buy_more_hold(self, shop: Shop, sari: Buyer) -> None:
        make_product("spotify", units=10, name="Spotify")
        minutes = 0
        for _ in range(8):
            sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli")
            if "bisa dipesan lagi" in sari.heard[-1]:
                break
            sari.presses("QRIS")
            shop.forward(minutes=14)
            sari.presses("Batalkan")
            minutes += 14
        assert minutes <= 45
        assert "bisa dipesan lagi mulai" in sari.heard[-1]
