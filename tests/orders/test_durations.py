"""What lasts for some days: reminders, renewal, the end, and a shared account that changes."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command

from apps.orders.gateways.base import Status, Truth
from apps.orders.models import Order, OrderLine, Payment, Seat, StockUnit, Variant
from apps.orders.services import account_holders, durations, opening_hours, restock_alerts, storefront
from apps.orders.services.money_review import serve_reviewed_order
from apps.orders.services.payment import confirm
from apps.orders.services.stock import NewUnit, add_units, withdraw_unit
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


def test_an_end_comes_once(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=30, minutes=1)
    line = OrderLine.objects.get()
    shop.forward(hours=1)
    assert (
        durations._end(line, line.ended_at + timedelta(hours=1)) is None
    )  # two bells at once: both had read it before
    assert OrderLine.objects.get().ended_at == line.ended_at


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
    assert order.state == "delivered"
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
    at = line.remind_at.astimezone(opening_hours.timezone.get_default_timezone())
    opening_hours.QUIET_FROM.set(f"{(at.hour - 1) % 24:02d}:00", actor="test")
    opening_hours.QUIET_TO.set(f"{(at.hour + 2) % 24:02d}:30", actor="test")
    moved = opening_hours.after_quiet(line.remind_at)
    assert moved > line.remind_at
    local = moved.astimezone(opening_hours.timezone.get_default_timezone())
    assert (local.hour, local.minute) == ((at.hour + 2) % 24, 30)


def test_a_changed_account_reaches_every_current_holder(shop: Shop, sari: Buyer, dewi: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    buy(shop, dewi)
    unit = StockUnit.objects.get()
    told = account_holders.change_unit(
        unit=unit, content="baru@contoh.id | sandi-baru", labels=["", "Profil B | PIN 9999"], actor="user:1"
    )
    shop.settle()
    assert told == 2
    assert "baru@contoh.id | sandi-baru | Profil 1 | PIN 1111" in goods(sari)[-1]
    assert "baru@contoh.id | sandi-baru | Profil B | PIN 9999" in goods(dewi)[-1]
    assert "Ada perubahan dari penjual" in goods(sari)[-1]
    assert OrderLine.objects.filter(state="sent").count() == 2
    shop.forward(days=31)
    assert account_holders.change_unit(unit=unit, content="lagi", labels=[], actor="user:1") == 0, (
        "nobody holds it any more"
    )


def test_a_content_the_product_has_already_is_refused(shop: Shop, netflix: Variant) -> None:
    add_units(variant=netflix, units=[NewUnit("lain@contoh.id", ["a"])], actor="test")
    unit = StockUnit.objects.order_by("id").first()
    assert unit is not None
    with pytest.raises(account_holders.Duplicate):
        account_holders.change_unit(unit=unit, content="lain@contoh.id", labels=[], actor="user:1")


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


class TestNotYetArrived:
    """The buyer has blocked the bot when the goods come."""

    def gone(self, shop: Shop, buyer: Buyer, *, away: bool) -> None:
        shop.fakes.do(lambda: shop.fakes.world.telegram.block(buyer.number, away))

    def test_the_days_count_from_when_the_goods_arrive(self, shop: Shop, sari: Buyer, netflix: Variant) -> None:
        number = sari.orders("Netflix")
        self.gone(shop, sari, away=True)
        shop.pays(number)
        line = OrderLine.objects.get()
        assert line.state == "undeliverable"
        shop.forward(days=40)
        assert Seat.objects.get(line=line).state == "sold", "not freed and sold to another"
        self.gone(shop, sari, away=False)
        sari.says("/start")
        line.refresh_from_db()
        assert "netflix-00001@contoh.id" in goods(sari)[-1]
        assert line.state == "sent"
        assert line.ends_at is not None
        assert line.sent_at is not None
        assert (line.ends_at - line.sent_at).days == 30
        books_hold()

    def test_a_line_without_its_seats_sends_nothing(self, shop: Shop, sari: Buyer, netflix: Variant) -> None:
        number = sari.orders("Netflix")
        Seat.objects.filter(state="reserved").update(state="available", line=None)
        shop.pays(number)
        assert not goods(sari)
        assert Payment.objects.get().received == 32_000, "the money is booked whatever becomes of the goods"
        assert Order.objects.get().state == "needs_review"
        serve_reviewed_order(order_id=Order.objects.get().pk, actor="user:1")
        shop.settle()
        assert goods(sari)

    def test_a_holder_who_was_away_gets_the_new_text(self, shop: Shop, sari: Buyer, netflix: Variant) -> None:
        buy(shop, sari)
        self.gone(shop, sari, away=True)
        account_holders.change_unit(unit=StockUnit.objects.get(), content="baru@contoh.id", labels=[], actor="user:1")
        shop.settle()
        self.gone(shop, sari, away=False)
        sari.says("/start")
        assert "baru@contoh.id" in goods(sari)[-1]
        assert not OrderLine.objects.filter(untold=True).exists()
        sari.says("/start")
        assert len([t for t in goods(sari) if "baru@contoh.id" in t]) == 1


def test_an_account_taken_back_is_not_renewed(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=28)
    reminder = sari.screen
    withdraw_unit(unit=StockUnit.objects.get(), actor="user:1")
    sari.presses("Perpanjang", reminder)
    assert "tidak bisa diperpanjang" in sari.toast
    shop.forward(days=1)
    assert not any("Perpanjang" in b["text"] for row in sari.screen["keyboard"] for b in row)


def test_another_account_is_not_called_the_same(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=29, hours=23, minutes=55)
    sari.presses("Perpanjang").presses("QRIS")
    number = sari.invoice_number()
    shop.forward(minutes=16)
    shop.forward(minutes=2)
    shop.pays(number)
    shop.forward(seconds=5)
    assert len(goods(sari)) == 2
    assert "akunnya tetap yang sama" not in goods(sari)[-1]


def test_money_for_a_renewal_that_waits_for_a_hand_keeps_the_seat(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=29)
    sari.presses("Perpanjang").presses("QRIS")
    row = Payment.objects.get(order__number=sari.invoice_number())
    confirm(row.pk, Truth(row.transaction, row.reference, row.amount - 1, Status.COMPLETED, is_sandbox=True))
    shop.forward(days=2)
    assert Seat.objects.filter(state="sold").count() == 1
    Payment.objects.filter(pk=row.pk).update(received=row.amount)  # the seller waives the rupiah
    serve_reviewed_order(order_id=row.order_id, actor="user:1")
    shop.settle()
    assert "akunnya tetap yang sama" in goods(sari)[-1]


def test_invoices_opened_again_and_again_keep_no_seat(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=29, hours=23, minutes=55)
    reminder = sari.screen
    sari.presses("Perpanjang", reminder).presses("QRIS")
    shop.forward(minutes=10)
    sari.presses("Batalkan")
    sari.presses("Perpanjang", reminder)
    assert "tidak bisa diperpanjang" in sari.toast
    shop.forward(minutes=2)
    assert Seat.objects.filter(state="available").count() == 3


def test_a_closed_shop_still_renews(shop: Shop, sari: Buyer, netflix: Variant) -> None:
    buy(shop, sari)
    shop.forward(days=28)
    storefront.SHOP_CLOSED.set(True, actor="test")
    sari.presses("Perpanjang").presses("QRIS")
    shop.pays(sari.invoice_number())
    assert "Diperpanjang" in goods(sari)[-1]


def test_what_came_back_while_closed_is_told_at_the_opening(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    Seat.objects.filter(state="available").update(state="withdrawn")
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Kabari saya")
    storefront.SHOP_CLOSED.set(True, actor="test")
    add_units(variant=spotify, units=[NewUnit("baru-1")], actor="test")
    shop.settle()
    assert not [t for t in sari.heard if "ada lagi" in t]
    storefront.SHOP_CLOSED.set(False, actor="test")
    restock_alerts.shop_opened()
    shop.settle()
    assert [t for t in sari.heard if "ada lagi" in t]


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("a@b.c||0099", ["email: <code>a@b.c</code>", "pin: <code>0099</code>"]),
        ("a@b.c|ra|sia|1234", []),
        ("a@b.c", []),
    ],
)
def test_a_part_never_stands_under_another_name(shop: Shop, sari: Buyer, unit: str, shown: list[str]) -> None:
    variant = make_product("viu", name="Viu", account_fields="email|password|pin")
    add_units(variant=variant, units=[NewUnit(unit)], actor="test")
    buy(shop, sari, "Viu")
    assert f"<code>{unit}</code>" in goods(sari)[-1]
    assert [t for t in goods(sari)[-1].split("\n") if ": <code>" in t] == shown
