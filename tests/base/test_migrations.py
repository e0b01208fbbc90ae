"""Migrations: labels need none, and rows follow the tasks that moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from apps.base.work.deferred_calls import Errand
from apps.base.work.registered_tasks import load_tasks, task_named
from apps.base.work.renamed_tasks import MOVED, rename
from apps.bot.models import Chat


def test_a_changed_label_needs_no_migration(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    field: Any = Chat._meta.get_field("language")
    monkeypatch.setattr(field, "_verbose_name", "another word")
    monkeypatch.setattr(Chat._meta, "original_attrs", {**Chat._meta.original_attrs, "verbose_name": "another"})
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_a_changed_column_needs_one(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    field: Any = Chat._meta.get_field("language")
    monkeypatch.setattr(field, "max_length", field.max_length + 1)
    with pytest.raises(SystemExit):
        call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_no_migration_holds_a_label() -> None:
    for path in Path(settings.BASE_DIR).glob("apps/*/migrations/0*.py"):
        assert "verbose_name" not in path.read_text(), path


def run_sql(statements: Any) -> None:
    with connection.cursor() as cursor:
        for sql, values in statements:
            cursor.execute(sql, values)


def test_rows_follow_the_tasks_that_moved_and_go_back(db: Any) -> None:
    rows = [
        Errand.objects.create(task=name, key="x")
        for name in ("apps.ops.alerts.unheard", "apps.orders.tasks.tend_order")
    ]
    move = rename("base_errand", "task")
    run_sql(move.sql)
    names = [Errand.objects.get(pk=row.pk).task for row in rows]
    assert names == ["apps.ops.monitoring.alerts.unheard", "apps.orders.tasks.tend_order"]
    assert all(task_named(name) for name in names)
    run_sql(move.reverse_sql)
    assert Errand.objects.get(pk=rows[0].pk).task == "apps.ops.alerts.unheard"


def test_every_new_place_has_tasks() -> None:
    from apps.base.work import registered_tasks

    load_tasks()
    for place in MOVED.values():
        assert [name for name in registered_tasks._registered if name.startswith(place)], place
