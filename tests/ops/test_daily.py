"""The daily report: once, at seven, money for the owner only."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.base.clock import shift_clock, shop_now
from apps.base.incidents import raise_incident
from apps.ops.drills.measures import Measure
from apps.ops.drills.report import Report, keep
from apps.ops.models import Routine
from apps.ops.monitoring import daily_report
from apps.ops.monitoring.routines import ensure_routines
from apps.orders.models import Variant
from tests.driver import Buyer, Shop

WIB = timezone.get_fixed_timezone(7 * 60)


def reports(person: Buyer) -> list[str]:
    return [text for text in person.heard if "Laporan" in text]


def test_the_next_morning(db: Any) -> None:
    before, after = datetime(2026, 11, 24, 6, 59, tzinfo=WIB), datetime(2026, 11, 24, 7, 0, tzinfo=WIB)
    assert daily_report.next_morning(before) == datetime(2026, 11, 24, 7, tzinfo=WIB)
    assert daily_report.next_morning(after) == datetime(2026, 11, 25, 7, tzinfo=WIB)


def test_yesterday_is_told_once_in_the_morning(
    shop: Shop, tono: Buyer, sari: Buyer, spotify: Variant, settings: Any
) -> None:
    settings.ADMIN_CHAT_IDS = [700, 705]
    rudi = shop.buyer(705, "Rudi")
    for person in (tono, rudi):
        person.says("/start")
    ensure_routines()
    routine = Routine.objects.get(name="report")
    upto = daily_report.send_report(routine)  # a new shop has no yesterday: it only notes the next morning
    assert reports(tono) == []
    evening = upto - timedelta(hours=10) - shop_now()
    shift_clock(evening)
    shop.fakes.world.faults.clock_ahead += int(evening.total_seconds())
    shop.pays(sari.orders("Spotify"))
    raise_incident("gateway.down", "gateway_down", gateway="pakasir")

    def morning(at: datetime) -> datetime:
        shift_clock(at + timedelta(minutes=1) - shop_now())
        routine.refresh_from_db()
        due = daily_report.send_report(routine)
        shop.settle()
        return due

    again = morning(upto)
    assert again == upto + timedelta(days=1)
    assert len(reports(tono)) == 1
    assert "Terjual: 1 pesanan, Rp18.000." in reports(tono)[0]
    assert "• Spotify Premium × 1" in reports(tono)[0]
    assert "Masih terbuka:\n• 🔴 Gateway pakasir gagal berkali-kali\n" in reports(tono)[0]
    assert "chaos" in reports(tono)[0]
    assert "Terjual" not in reports(rudi)[0]
    routine.refresh_from_db()
    assert daily_report.send_report(routine) == again, "it is not yet the next morning"
    shop.settle()
    assert len(reports(tono)) == 1
    morning(again)
    assert "Terjual: 0 pesanan, Rp0." in reports(tono)[1]


def test_a_drill_in_small_is_none(db: Any) -> None:
    def due_after(scale: float) -> list[str]:
        now = shop_now()
        keep(Report("chaos", "", 1, "", "", now, now, [], [Measure("a", "b", "c", kept=True)], scale=scale))
        return daily_report.about_machine(now)["drills_due"]

    assert due_after(0.1) == ["backup", "chaos", "failover"]
    assert due_after(1.0) == ["backup", "failover"]


def test_a_day_is_the_calendars(db: Any) -> None:
    morning = datetime(2026, 11, 24, 7, 0, tzinfo=WIB)
    assert daily_report.day_before(morning) == (datetime(2026, 11, 23, tzinfo=WIB), datetime(2026, 11, 24, tzinfo=WIB))
