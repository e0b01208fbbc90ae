"""Triggers that keep a table append-only, and those that nobody can leave out."""

from __future__ import annotations

import pgtrigger
from django.db import migrations


def append_only() -> list[pgtrigger.Trigger]:
    """No row is changed or deleted, and the table is not emptied. Beside these the shop's role has no right to
    (database_rights.sql).
    """
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name="no_truncate",
            operation=pgtrigger.Truncate,
            when=pgtrigger.Before,
            level=pgtrigger.Statement,
            func="RAISE EXCEPTION 'this table is append-only';",
        ),
    ]


def guard(table: str, name: str, *, before: str, when: str, says: str) -> migrations.RunSQL:
    """A trigger of our own for a table that the shop must update: `pgtrigger.ignore`, a setting of any session, does
    not leave it out. `before`: UPDATE or DELETE. `when`: the condition, with OLD and NEW."""
    make = f"""
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{says}'; END $$;
DROP TRIGGER IF EXISTS {name} ON {table};
CREATE TRIGGER {name} BEFORE {before} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}();
"""
    return migrations.RunSQL(make, f"DROP TRIGGER IF EXISTS {name} ON {table}; DROP FUNCTION IF EXISTS {name}();")
