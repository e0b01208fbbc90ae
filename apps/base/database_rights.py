"""After every migration the shop's own role gets its rights on new tables, and loses what would undo history
(database_rights.sql).
"""

from __future__ import annotations

from typing import Any

from django.db import connections

from host.postgres import RIGHTS


def grant_rights(*, using: str, **_: Any) -> None:
    """Receiver of post_migrate; runs as whoever owns the tables."""
    with connections[using].cursor() as cursor:
        cursor.execute(RIGHTS.read_text())
