"""What lasts for some days: reminders, renewal, the end, and a shared account that changes."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from apps.orders.models import Order, OrderLine, Seat, StockUnit, Variant
from apps.orders.services import holders, hours
from apps.orders.services.review import serve_reviewed_order
from apps.orders.services.stock import NewUnit, add_units
from tests.conftest import make_product
from tests.driver import Buyer, Shop


@pytest.fixture
def netflix(db: object) -> Variant:
    return make_product("netflix", kind="shared", name="Netflix", units=1, seats=3, days=30, price=32_000)


def buy(shop: Shop, buyer: Buyer, product: str = "Netflix") -> str:
    number = buyer.orders(product)
    shop.pays(number)
    return number


def goods(buyer: Buyer) -> list[str]:
    return [t for t in buyer.heard if "<code>" in t]


def books_hold() -> None:
    call_command("checkinvariants", stdout=io.StringIO())


def test_two_reminders_before_the_end(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    number = buy(shop, sari)
    shop.forward(days=26)
    assert not [t for t in sari.heard if "⏳" in t]
    shop.forward(days=1, minutes=1)
    assert len([t for t in sari.heard if "⏳" in t and number in t]) == 1
    shop.forward(days=1)
    assert len([t for t in sari.heard if "⏳" in t]) == 1
    shop.forward(days=1)
    assert len([t for t in sari.heard if "⏳" in t]) == 2
    assert sari.button("Perpanjang · Rp32.000")


def test_renewing_keeps_the_seat_and_adds_the_days(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    first = OrderLine.objects.get()
    seat = Seat.objects.get(line=first)
    shop.forward(days=28)
    sari.presses("Perpanjang").presses("QRIS")
    assert Seat.objects.filter(state="reserved").count() == 0, "a renewal takes no second seat"
    shop.pays(sari.invoice_number())
    new = OrderLine.objects.exclude(pk=first.pk).get()
    seat.refresh_from_db()
    first.refresh_from_db()
    assert (seat.line_id, seat.state) == (new.pk, "sold")
    assert new.ends_at is not None
    assert first.ends_at is not None
    assert (new.ends_at - first.ends_at).days == 30
    assert first.ended_at is not None
    assert first.next_at is None
    assert goods(sari)[0].split("<code>")[1].split("</code>")[0] in goods(sari)[-1], "the same account"
    assert "Diperpanjang, akunnya tetap yang sama" in goods(sari)[-1]
    shop.forward(days=3)
    assert Seat.objects.filter(line=new, state="sold").exists(), "the old end frees nothing"
    sari.says("/pesanan").presses(first.order.number)
    assert "sudah diperpanjang" in sari.screen["text"]
    books_hold()


def test_an_open_invoice_holds_the_seat_past_its_end(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=29, hours=23, minutes=55)
    sari.presses("Perpanjang").presses("QRIS")
    number = sari.invoice_number()
    shop.forward(minutes=8)
    assert Seat.objects.filter(state="sold").count() == 1
    shop.pays(number)
    shop.forward(seconds=5)
    assert Order.objects.get(number=number).state == "delivered"
    books_hold()


def test_an_unpaid_renewal_lets_go(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=29, hours=23, minutes=55)
    sari.presses("Perpanjang").presses("QRIS")
    shop.forward(minutes=16)
    shop.forward(minutes=2)
    assert Seat.objects.filter(state="available").count() == 3
    assert [t for t in sari.heard if "sudah berakhir" in t]
    books_hold()


def test_money_for_a_renewal_after_the_end_finds_a_seat(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=29, hours=23, minutes=55)
    sari.presses("Perpanjang").presses("QRIS")
    number = sari.invoice_number()
    shop.forward(minutes=16)
    shop.forward(minutes=2)
    shop.pays(number)
    shop.forward(seconds=5)
    order = Order.objects.get(number=number)
    assert order.state == "needs_review"
    serve_reviewed_order(order_id=order.pk, actor="user:1")
    shop.settle()
    assert Seat.objects.get(state="sold").line_id == order.lines.get().pk
    books_hold()


def test_one_renewal_at_a_time(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=28)
    reminder = sari.screen
    sari.presses("Perpanjang", reminder).presses("QRIS")
    sari.presses("Perpanjang", reminder).presses("QRIS")
    assert "belum ditagih lagi" in sari.screen["text"]
    assert Order.objects.filter(state="awaiting_payment").count() == 1


def test_reminders_keep_quiet_at_night(
    shop: Shop, sari: Buyer, netflix: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(shop, sari)
    line = OrderLine.objects.get()
    assert line.remind_at is not None
    at = line.remind_at.astimezone(hours.timezone.get_default_timezone())
    hours.QUIET_FROM.set(f"{(at.hour - 1) % 24:02d}:00", actor="test")
    hours.QUIET_TO.set(f"{(at.hour + 2) % 24:02d}:30", actor="test")
    moved = hours.after_quiet(line.remind_at)
    assert moved > line.remind_at
    local = moved.astimezone(hours.timezone.get_default_timezone())
    assert (local.hour, local.minute) == ((at.hour + 2) % 24, 30)


def test_a_changed_account_reaches_every_current_holder(shop: Shop, sari: Buyer, dewi: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    buy(shop, dewi)
    unit = StockUnit.objects.get()
    told = holders.change_unit(
        unit=unit, content="baru@contoh.id | sandi-baru", labels=["", "Profil B | PIN 9999"], actor="user:1"
    )
    shop.settle()
    assert told == 2
    assert "baru@contoh.id | sandi-baru | Profil 1 | PIN 1111" in goods(sari)[-1]
    assert "baru@contoh.id | sandi-baru | Profil B | PIN 9999" in goods(dewi)[-1]
    assert "Ada perubahan dari penjual" in goods(sari)[-1]
    assert OrderLine.objects.filter(state="sent").count() == 2
    shop.forward(days=31)
    assert holders.change_unit(unit=unit, content="lagi", labels=[], actor="user:1") == 0, "nobody holds it any more"


def test_a_content_the_product_has_already_is_refused(shop: Shop, netflix: Variant) -> None:
    add_units(variant=netflix, units=[NewUnit("lain@contoh.id", ["a"])], actor="test")
    unit = StockUnit.objects.order_by("id").first()
    assert unit is not None
    with pytest.raises(holders.Duplicate):
        holders.change_unit(unit=unit, content="lain@contoh.id", labels=[], actor="user:1")


def test_named_parts_can_be_copied_one_by_one(shop: Shop, sari: Buyer) -> None:
    make_product("viu", name="Viu", units=1, account_fields="email|password")
    buy(shop, sari, "Viu")
    assert "<code>viu-00001@contoh.id|rahasia-1</code>" in goods(sari)[-1], "verbatim on its own line"
    assert "email: <code>viu-00001@contoh.id</code>\npassword: <code>rahasia-1</code>" in goods(sari)[-1]


def test_who_asked_hears_that_it_is_back(shop: Shop, sari: Buyer, dewi: Buyer, spotify: Variant) -> None:
    for _ in range(3):
        Seat.objects.filter(state="available").update(state="withdrawn")
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Kabari saya")
    assert "kami kabari" in sari.toast
    sari.presses("Kabari saya")
    add_units(variant=spotify, units=[NewUnit("baru-1")], actor="test")
    shop.settle()
    assert len([t for t in sari.heard if "ada lagi, Rp18.000" in t]) == 1
    assert not [t for t in dewi.heard if "ada lagi" in t]
    add_units(variant=spotify, units=[NewUnit("baru-2")], actor="test")
    shop.settle()
    assert len([t for t in sari.heard if "ada lagi, Rp18.000" in t]) == 1, "told once"
