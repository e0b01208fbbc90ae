"""For migrations: tasks that moved to another module, in rows that name them."""

from __future__ import annotations

from typing import Any

from django.db import migrations

MOVED = {
    "apps.base.errands.": "apps.base.work.deferred_calls.",
    "apps.base.queue.cluster.": "apps.base.work.cluster.",
    "apps.bot.inbox.": "apps.bot.inbound.inbox.",
    "apps.ops.routines.": "apps.ops.monitoring.routines.",
    "apps.ops.alerts.": "apps.ops.monitoring.alerts.",
}


def rename(table: str, column: str) -> migrations.RunSQL:
    """Old places become new ones in a column that names tasks; backwards the other way."""

    def statements(pairs: list[tuple[str, str]]) -> list[Any]:
        update = f"UPDATE {table} SET {column} = %s || substr({column}, %s) WHERE starts_with({column}, %s)"
        return [(update, [new, len(old) + 1, old]) for old, new in pairs]

    return migrations.RunSQL(statements([*MOVED.items()]), statements([(new, old) for old, new in MOVED.items()]))
