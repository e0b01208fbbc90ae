"""The report at 07.00, for what needs no hand: money to the owner, the machine to owner and operators."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from django.utils import timezone

from apps.base.clock import shop_now
from apps.base.healthchecks import memory_of_machine
from apps.base.incidents import Incident, open_incidents
from apps.base.stored_settings import Setting
from apps.bot.testbuy_chat import without_synthetic
from apps.ops.drills import all_drills
from apps.ops.drills.runner import FREE_MEMORY, REGISTRY
from apps.ops.models import DrillReport, Routine
from apps.ops.monitoring.alerts import tell_report
from apps.orders.models import Order
from apps.orders.services.opening_hours import time_of_day

AT = Setting("daily_report_at", "07:00", "Laporan harian jam", "Dikirim ke pemilik dan admin teknis.", is_time=True)
DRILL_VALID = timedelta(days=40)
SHOWN = 5


def send_report(routine: Routine) -> datetime:
    """Tell of yesterday, once; then wait for the next morning."""
    now = shop_now()
    due = next_morning(now)
    if routine.memory.get("for") is None:  # a new shop has no yesterday
        routine.remember(**{"for": due.isoformat()})
        return due
    upto = datetime.fromisoformat(routine.memory["for"])
    if now < upto:
        return upto
    day = f"{timezone.localtime(upto):%Y-%m-%d}"
    machine = about_machine(upto)
    owners = settings.OWNER_CHAT_IDS
    operators = [chat for chat in settings.ADMIN_CHAT_IDS if chat not in owners]
    said = {"day": upto - timedelta(days=1), "machine": machine}
    tell_report(owners, "daily", about=f"report:{day}", money=about_money(upto), **said)
    tell_report(operators, "daily", about=f"report:{day}", **said)
    routine.remember(**{"for": due.isoformat()})
    return due


def next_morning(now: datetime) -> datetime:
    """The next time the report is due, in the shop's time zone."""
    zone = timezone.get_default_timezone()
    local = timezone.localtime(now, zone)
    at: time = time_of_day(AT.get())
    today = datetime.combine(local.date(), at, zone)
    return today if today > local else datetime.combine(local.date() + timedelta(days=1), at, zone)


def day_before(at: datetime) -> tuple[datetime, datetime]:
    """Yesterday as the shop's time zone has it: its midnight, and today's."""
    zone = timezone.get_default_timezone()
    today = timezone.localtime(at, zone).date()
    return datetime.combine(today - timedelta(days=1), time(), zone), datetime.combine(today, time(), zone)


def about_money(upto: datetime) -> dict[str, Any]:
    """Orders paid on the day before, midnight to midnight as the dashboard counts days, their rupiah, and what sold
    best.
    """
    since, upto = day_before(upto)
    paid = without_synthetic(Order.objects.filter(paid_at__gte=since, paid_at__lt=upto), "buyer")
    totals = paid.aggregate(orders=Count("pk"), rupiah=Sum("total"))
    best = paid.values("lines__name").annotate(units=Sum("lines__quantity")).order_by("-units", "lines__name")[:SHOWN]
    return {
        "orders": totals["orders"], "rupiah": totals["rupiah"] or 0,
        "best": [(row["lines__name"], row["units"]) for row in best],
    }  # fmt: skip


def about_machine(upto: datetime) -> dict[str, Any]:
    """Incidents of the day before, those still open, and drills that are due."""
    since, midnight = day_before(upto)
    day = Incident.objects.filter(opened_at__gte=since, opened_at__lt=midnight)
    all_drills.load()
    fresh = set(
        DrillReport.objects.filter(passed=True, planted="", scale=1, ended_at__gte=upto - DRILL_VALID).values_list(
            "name", flat=True
        )
    )
    return {
        "incidents": day.count(),
        "still_open": list(open_incidents().order_by("opened_at")[:SHOWN]),
        "drills_due": (
            sorted(set(REGISTRY) - fresh) if memory_of_machine()[1] >= FREE_MEMORY else []
        ),  # else each would refuse
    }
