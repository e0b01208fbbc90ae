"""Health of the floor: database, migrations, queue, clock, disk, memory, signs of life."""

from __future__ import annotations

import shutil

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext_lazy as _

from apps.base.health import Figures, ServiceUnavailable, ServiceWarning, health_check
from apps.base.work.clock_thread import ringing_models
from host.clock_drift import seconds_off
from host.heartbeats import silence

LATE = 60.0  # seconds after which a bell or a due row counts as stuck
SILENT = 30.0  # seconds without a sign of life
DISK_WARN, DISK_STOP = 80, 97  # percent
MEMORY_WARN, MEMORY_ALERT = 85, 95  # percent
DRIFT = 30.0  # seconds the machine's clock may be off
PROCESSES = ("worker", "bot")

_migrated = False  # a schema that was complete stays so while this process lives


@health_check("database", gates=True, tells=_("Database tidak bisa ditulis. Selama itu toko tidak bisa berjualan."))
def database() -> Figures:
    """Whether transactions can write: a standby, and a database made read-only, refuse both statements."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            raise ServiceUnavailable("the database is a standby and takes no writes")
        cursor.execute("UPDATE base_lease SET epoch = epoch WHERE FALSE")
        cursor.execute("SELECT pg_database_size(current_database()), pg_current_xact_id()")
        return {"bytes": cursor.fetchone()[0]}


@health_check("migrations", gates=True)
def migrations() -> None:
    global _migrated
    if _migrated:
        return
    if missing := missing_migrations():
        raise ServiceUnavailable(f"{missing} migrations are missing: manage.py migrate")
    _migrated = True


def missing_migrations() -> int:
    """How many the code knows and the database has not had yet."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@health_check("disk", gates=True, tells=_("Disk server hampir penuh. Hapus yang tidak perlu, atau perbesar disknya."))
def disk() -> Figures:
    usage = shutil.disk_usage(settings.SHOP_FOLDER if settings.SHOP_FOLDER.exists() else settings.BASE_DIR)
    percent = 100 * usage.used / (usage.used + usage.free)
    return judged_disk(percent, usage.free)


def judged_disk(percent: float, free: float) -> Figures:
    """Percent used, bytes free. Over 97 % only what is running may end."""
    if percent > DISK_STOP:
        raise ServiceUnavailable(f"the disk is {percent:.0f} % full: make room at once")
    if percent > DISK_WARN:
        raise ServiceWarning(f"the disk is {percent:.0f} % full")
    return {"percent": percent, "free_bytes": free}


@health_check("memory", tells=_("Memori server hampir habis. Toko tetap jalan, tapi bisa melambat."))
def memory() -> Figures:
    total, available = memory_of_machine()
    return judged_memory(100 * (1 - available / total), available)


def memory_of_machine() -> tuple[int, int]:
    """All of it, and what could be used without swapping, in bytes."""
    import psutil  # only who looks carries it in memory

    found = psutil.virtual_memory()
    return found.total, found.available


def judged_memory(percent: float, available: float) -> Figures:
    if percent > MEMORY_ALERT:
        raise ServiceUnavailable(f"{percent:.0f} % of the memory is used")
    if percent > MEMORY_WARN:
        raise ServiceWarning(f"{percent:.0f} % of the memory is used")
    return {"percent": percent, "available_bytes": available}


@health_check("time", tells=_("Jam server meleset. Pesanan memakai jam database, tapi perbaiki jam server sekarang."))
def machine_time() -> Figures | None:
    """By the Date of Telegram's and the gateway's answers; nothing to say before the first."""
    offset = seconds_off()
    if offset is None:
        return None
    if abs(offset) > DRIFT:
        way = "ahead" if offset > 0 else "behind"
        raise ServiceUnavailable(f"this machine's clock is {abs(offset):.0f} s {way}: is systemd-timesyncd running?")
    return {"seconds_off": offset}


@health_check("processes")
def processes() -> Figures:
    """The signs of life of this host's worker and bot; a host that runs neither has no say."""
    quiet = {name: silence(name) for name in PROCESSES}
    if all(seconds is None for seconds in quiet.values()):
        raise ServiceWarning("no sign of life from worker or bot: is the shop running?")
    silent = [name for name, seconds in quiet.items() if seconds is None or seconds > SILENT]
    if silent:
        raise ServiceUnavailable(f"no sign of life from {' and '.join(silent)} for over {SILENT:.0f} s")
    return {f"{name}_silent_seconds": seconds for name, seconds in quiet.items() if seconds is not None}


@health_check("queue", tells=_("Pekerjaan toko menumpuk. Pesanan dan uang aman, tapi semuanya lebih lambat."))
def queue() -> Figures:
    """Bells that wait. They live for seconds, so counting them costs nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), COALESCE(extract(epoch FROM now() - min(lock)), 0) FROM django_q_ormq WHERE lock <= now()"
        )
        waiting, oldest = cursor.fetchone()
    if oldest > LATE:
        raise ServiceWarning(f"{waiting} bells wait, the oldest for {oldest:.0f} s: are the workers busy or gone?")
    return {"waiting": waiting, "oldest_seconds": float(oldest)}


@health_check("clock", tells=_("Pekerjaan toko menumpuk. Pesanan dan uang aman, tapi semuanya lebih lambat."))
def clock() -> Figures:
    """Rows whose time has come and that nobody rang: the clock stands still, or everything is far behind."""
    late = 0.0
    with connection.cursor() as cursor:
        for model in ringing_models():
            cursor.execute(
                f"SELECT extract(epoch FROM shop_now() - next_at) FROM {model._meta.db_table}"
                " WHERE next_at <= shop_now() ORDER BY next_at LIMIT 1"
            )
            late = max([late, *(float(row[0]) for row in cursor.fetchall())])
    if late > LATE:
        raise ServiceWarning(f"work has been due for {late:.0f} s and nobody rang its bell: is runbot alive?")
    return {"late_seconds": late}
