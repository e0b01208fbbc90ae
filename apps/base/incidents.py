"""Incidents: the floor raises and ends them and knows when somebody must hear; a room above tells
(settings.INCIDENT_TASK).

One incident: one alert, reminders after 15 and 60 min while nobody has taken it, one "resolved". Muted, its key is
silent for hours, however often it comes and goes; what is still open then is told again. Who could not be reached is
told again and again.

Telling may wait for a mail server that hangs, so that it has threads of its own in `runbot` and never takes a queue
worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.models import F
from django.utils.module_loading import import_string

from apps.base import audit
from apps.base.clock import ShopNow, shop_now
from apps.base.ids import uuid7
from apps.base.work.claimable import Claimable, dead_index, due_index, work

log = logging.getLogger(__name__)
audit.describe(
    {
        "incident.acknowledged": "Gangguan ditangani",
        "incident.muted": "Gangguan dibisukan",
        "incident.resolved": "Gangguan ditandai selesai",
    }
)

MUTED = timedelta(hours=8)  # a night
REMINDERS = (timedelta(minutes=15), timedelta(minutes=60))  # after it was opened
LOOK = 0.5  # seconds between two looks at what is to be told
TELLERS = 4  # incidents told at once
UNHEARD_PAUSE, UNHEARD_MOST = (
    timedelta(seconds=30),
    timedelta(hours=1),
)  # before somebody who was not reached is tried again


class Incident(Claimable):
    """Something that needs a hand. One open row per key; repeats are counted, not told again. It has no bell:
    `run_alerts` looks for itself."""

    BELL: ClassVar[str] = ""
    DELAYS: ClassVar[tuple[int, ...]] = (1, 5, 30, 120, 600, 600, 600, 600)

    class State(models.TextChoices):
        OPEN = "open", "Terbuka"
        ACKNOWLEDGED = "acknowledged", "Sedang ditangani"
        RESOLVED = "resolved", "Selesai"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField("kode", max_length=120)
    text = models.CharField("jenis", max_length=60)  # name of the message template
    data = models.JSONField("keterangan", default=dict)  # amounts and keys for the template, no personal data
    state = models.CharField("status", max_length=12, choices=State, default=State.OPEN)
    times = models.PositiveIntegerField("kali", default=1)
    opened_at = models.DateTimeField("mulai", db_default=ShopNow())
    last_at = models.DateTimeField("terakhir", db_default=ShopNow())
    resolved_at = models.DateTimeField("selesai", null=True, blank=True)  # none, though resolved: it went on as another
    muted_until = models.DateTimeField("dibisukan sampai", null=True, blank=True)
    told = models.PositiveSmallIntegerField("kali dikabarkan", default=0)  # the alert itself, then reminders
    end_told = models.BooleanField("selesai dikabarkan", default=False, db_default=False)
    # who was not reached: what about, how often it was tried, when next
    unheard = models.JSONField(default=list, db_default=[])

    class Meta:
        app_label = "base"
        verbose_name = "gangguan"
        verbose_name_plural = "gangguan"
        indexes = [due_index("incident_due"), dead_index("incident_dead")]
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=~models.Q(state="resolved"), name="incident_one_open_per_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} · {self.key}"

    def is_muted(self, now: datetime) -> bool:
        return self.muted_until is not None and now < self.muted_until


def open_incidents() -> models.QuerySet[Incident]:
    """All that are not over, taken ones too."""
    return Incident.objects.exclude(state=Incident.State.RESOLVED)


def raise_incident(key: str, text: str, *, needs_hand: bool = True, **data: Any) -> None:
    """Open the incident `key` and have people told; while it is open, only count.

    `needs_hand=False`: something to know, told once and then over.
    """
    log.error("incident", extra={"action": "incident", "key": key})
    unresolved = open_incidents().filter(key=key)
    if unresolved.update(times=F("times") + 1, last_at=ShopNow()):
        return
    over = {} if needs_hand else {"state": Incident.State.RESOLVED, "resolved_at": shop_now()}
    try:
        with transaction.atomic():
            Incident.objects.create(key=key, text=text, data=data, muted_until=_muted_until(key), **over)
    except IntegrityError:  # somebody opened it between our look and our insert
        unresolved.update(times=F("times") + 1, last_at=ShopNow())


def keep_incident(key: str, text: str, **data: Any) -> None:
    """`raise_incident` for a state that is looked at again and again: while it is open nothing is written, and when
    somebody closed it too early it is told anew."""
    if not open_incidents().filter(key=key).exists():
        raise_incident(key, text, **data)


def replace_incident(key: str, text: str, **data: Any) -> None:
    """What is open under `key` has become worse: told anew, also when somebody has it in hand, with nobody hearing that
    the lesser one was over. Muted stays muted."""
    with transaction.atomic():
        lesser = open_incidents().filter(key=key)
        was_told = lesser.filter(told__gt=0).exists()
        lesser.update(state=Incident.State.RESOLVED, next_at=None)  # no `resolved_at`: it goes on
        raise_incident(key, text, **data)
        if was_told:  # who heard of the lesser one hears the end, also while the worse one is muted
            open_incidents().filter(key=key, muted_until__gt=ShopNow()).update(told=1)


def _muted_until(key: str) -> datetime | None:
    """Until when somebody wants to hear nothing of `key`."""
    muted = Incident.objects.filter(key=key, muted_until__gt=ShopNow()).order_by("-muted_until").first()
    return muted.muted_until if muted else None


def resolve_incident(key: str, *, actor: str = "shop") -> None:
    """Close it and have those told who heard of it; no row, nothing to close."""
    for incident in open_incidents().filter(key=key):
        _move(incident, Incident.State.RESOLVED, actor, resolved_at=ShopNow(), next_at=ShopNow())


def take_incident(key: str, *, actor: str) -> bool:
    """Somebody has it in hand: no more reminders. False when it is over or taken already."""
    incident = Incident.objects.filter(key=key, state=Incident.State.OPEN).first()
    return incident is not None and _move(incident, Incident.State.ACKNOWLEDGED, actor, next_at=None)


def mute_incident(pk: Any, *, actor: str) -> bool:
    """Nothing is heard of its key for MUTED, be it over and come back. False when it is silent already."""
    with transaction.atomic():
        key = Incident.objects.values_list("key", flat=True).get(pk=pk)
        if _muted_until(key) is not None:
            return False
        until = shop_now() + MUTED
        Incident.objects.filter(pk=pk).update(muted_until=until)
        open_now = open_incidents().filter(key=key)
        open_now.update(muted_until=until, next_at=until)
        audit.append("incident.muted", f"incident:{key}", actor=actor, until=str(until))
        return True


def _move(incident: Incident, to: str, actor: str, **more: Any) -> bool:
    with transaction.atomic():
        moved = Incident.objects.filter(pk=incident.pk, state=incident.state).update(state=to, **more)
        if moved and actor != "shop":
            audit.append(f"incident.{to}", f"incident:{incident.key}", actor=actor)
    return bool(moved)


def tend_incident(pk: str) -> None:
    """The alert, a reminder, or the end of one incident; and what somebody has not heard yet."""
    work(Incident, pk, _tend)


def due_incidents(most: int = TELLERS) -> list[str]:
    """Those that have something to tell now, the longest waiting first."""
    due = Incident.objects.filter(next_at__lte=ShopNow()).order_by("next_at")
    return [str(pk) for pk in due.values_list("pk", flat=True)[:most]]


def run_alerts(stop: threading.Event) -> None:
    """Tell what is due until stopped; a database that is away is waited for."""
    pool = ThreadPoolExecutor(TELLERS, thread_name_prefix="alert")
    busy: dict[str, Future[None]] = {}
    while not stop.wait(LOOK):
        busy = {pk: told for pk, told in busy.items() if not told.done()}
        try:
            for pk in due_incidents(TELLERS + len(busy)):
                if pk not in busy and len(busy) < TELLERS:
                    busy[pk] = pool.submit(_tend_in_thread, pk)
        except DatabaseError:
            log.warning("alerts wait for the database", extra={"action": "alerts_wait"})
            connection.close()
    pool.shutdown(wait=False, cancel_futures=True)


def _tend_in_thread(pk: str) -> None:
    try:
        tend_incident(pk)
    except Exception:
        log.exception("an incident could not be told", extra={"action": "alert_failed"})
        connection.close()


def note_unheard(pk: Any, about: str) -> None:
    """Somebody could not be reached: `about` names what and whom for settings.INCIDENT_AGAIN. Tried again after growing
    pauses, for as long as it takes."""
    with transaction.atomic():
        incident = Incident.objects.select_for_update().filter(pk=pk).first()
        if incident is None:
            return
        tries = next((entry["tries"] for entry in incident.unheard if entry["about"] == about), 0)
        at = shop_now() + min(UNHEARD_PAUSE * 2**tries, UNHEARD_MOST)
        others = [entry for entry in incident.unheard if entry["about"] != about]
        incident.unheard = [*others, {"about": about, "tries": min(tries + 1, 10), "at": at.isoformat()}]
        incident.next_at = at if incident.next_at is None else min(incident.next_at, at)
        incident.save(update_fields=["unheard", "next_at"])


def _tell_unheard(incident: Incident, now: datetime) -> None:
    """Try those whose turn it is; until it is known that they heard, they have another turn."""
    again = import_string(settings.INCIDENT_AGAIN)
    for entry in incident.unheard:
        if datetime.fromisoformat(entry["at"]) <= now:
            heard = again(incident, entry["about"])
            _forget_unheard(incident.pk, entry["about"]) if heard else note_unheard(incident.pk, entry["about"])


def _forget_unheard(pk: Any, about: str) -> None:
    with transaction.atomic():
        incident = Incident.objects.select_for_update().get(pk=pk)
        incident.unheard = [entry for entry in incident.unheard if entry["about"] != about]
        incident.save(update_fields=["unheard"])


def _tend(incident: Incident) -> datetime | None:
    """Tell whatever is due; returns when the next is."""
    if incident.unheard:
        _tell_unheard(incident, shop_now())
        incident.refresh_from_db(fields=["unheard"])
    turns = [datetime.fromisoformat(entry["at"]) for entry in incident.unheard]
    if (regular := _tell_due(incident)) is not None:
        turns.append(regular)
    return min(turns, default=None)


def _tell_due(incident: Incident) -> datetime | None:
    """The alert, a reminder or the end, whichever is due; returns when the next is."""
    tell = import_string(settings.INCIDENT_TASK)
    now, before = shop_now(), incident.told
    if incident.is_muted(now):
        return _while_muted(incident, tell)
    if incident.told == 0:
        tell(incident, "opened")
        Incident.objects.filter(pk=incident.pk).update(told=1)
        incident.told = 1
        if incident.resolved_at is not None and incident.resolved_at > incident.opened_at:
            return now  # that it is over is a telling of its own, with a task's whole time
    elif incident.state == Incident.State.RESOLVED:
        _tell_end(incident, tell)
    elif incident.state == Incident.State.OPEN and incident.told <= len(REMINDERS) and now >= _next_word(incident):
        tell(incident, "reminder")
        Incident.objects.filter(pk=incident.pk).update(told=F("told") + 1)
        incident.told += 1
    waits = incident.state == Incident.State.OPEN and incident.told <= len(REMINDERS)
    if not waits:
        return None
    # what was told late, after a mute or an outage, is not followed by all its reminders at once
    return max(_next_word(incident), now + REMINDERS[0]) if incident.told != before else _next_word(incident)


def _while_muted(incident: Incident, tell: Callable[[Incident, str], None]) -> datetime | None:
    """Only that it is over is told, to those who heard that it began."""
    if incident.state != Incident.State.RESOLVED:
        return incident.muted_until
    if incident.told:
        _tell_end(incident, tell)
    return None


def _tell_end(incident: Incident, tell: Callable[[Incident, str], None]) -> None:
    """That it is over, once."""
    if incident.resolved_at is not None and not incident.end_told:
        tell(incident, "resolved")
        Incident.objects.filter(pk=incident.pk).update(end_told=True)


def _next_word(incident: Incident) -> datetime:
    """When the next reminder is due; the end of a mute is one."""
    at = incident.opened_at + REMINDERS[min(incident.told, len(REMINDERS)) - 1]
    return max(at, incident.muted_until) if incident.muted_until else at
