"""The audit log cannot be rewritten, and tampering shows."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from apps.base import audit
from apps.base.audit import AuditRow
from apps.base.invariants import tampered_audit_rows


@pytest.mark.parametrize(
    "sql", ["UPDATE base_auditrow SET actor = 'x'", "DELETE FROM base_auditrow", "TRUNCATE base_auditrow"]
)
def test_no_row_is_changed_or_lost(db: Any, sql: str) -> None:
    audit.append("order.placed", "order:AO-1", total=5)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditRow.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    ["actor = 'x'", "kind = 'x'", "subject = 'x'", "data = '{\"total\": 6}'", "at = at + interval '1 microsecond'"],
)
def test_a_change_behind_the_trigger_shows(db: Any, change: str) -> None:
    audit.append("order.placed", "order:AO-1", total=5)
    call_command("checkinvariants")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"UPDATE base_auditrow SET {change}")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert len(list(tampered_audit_rows())) == 1
    with pytest.raises(SystemExit):
        call_command("checkinvariants")


def test_a_rollback_takes_its_audit_row_along(db: Any) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.append("order.placed", "order:AO-1")
        raise RuntimeError
    assert not AuditRow.objects.exists()
