"""Rows by hand, for the hot paths: the ORM's compiler costs about a millisecond a statement, these a quarter.

Fields still do their own work (encryption, JSON, defaults); only the building of SQL is spared.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection, models
from django.db.models.expressions import DatabaseDefault

Row = TypeVar("Row", bound=models.Model)
Result = TypeVar("Result")

RECONNECT = 0.3  # seconds before the third try; each later one waits as much longer


def through_a_restart(job: Callable[[], Result], *, tries: int) -> Result:
    """Do it, again at once on a fresh connection (a restart leaves every thread a dead one), then after growing moments
    while the database restarts. For what may be done twice. Raises OperationalError or InterfaceError after the last
    try."""
    failed = 0
    while True:
        try:
            return job()
        except (OperationalError, InterfaceError):
            connection.close()
            failed += 1
            if failed == tries:
                raise
            time.sleep(RECONNECT * (failed - 1))


def insert_row(row: models.Model) -> bool:
    """INSERT a new row; False when a unique constraint already knows it. Plain values only, no expressions.

    Columns left to their database default are not read back.
    """
    columns, values = [], []
    for field in row._meta.concrete_fields:
        value = field.pre_save(row, True)
        if isinstance(value, DatabaseDefault) or (value is None and field.primary_key):
            continue
        columns.append(field.column)
        values.append(field.get_db_prep_save(value, connection))
    with connection.cursor() as cursor:
        cursor.execute(_insert_sql(row._meta.db_table, tuple(columns)), values)
        row._state.adding = False
        row._state.db = connection.alias
        return cursor.rowcount == 1


@functools.cache
def _insert_sql(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(columns))}) ON CONFLICT DO NOTHING"


def update_row(row: models.Model, **values: Any) -> None:
    """UPDATE the named columns of a row and set them on it. Plain values only."""
    model = type(row)
    params = []
    for name, value in values.items():
        setattr(row, name, value)
        field = _column(model, name)
        params.append(field.get_db_prep_save(field.pre_save(row, False), connection))
    with connection.cursor() as cursor:
        cursor.execute(_update_sql(model, tuple(values)), [*params, row.pk])


def _column(model: type[models.Model], name: str) -> Any:
    """The field of this name, which has a column of its own."""
    return model._meta.get_field(name)


@functools.cache
def _update_sql(model: type[models.Model], names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{_column(model, name).column}" = %s' for name in names)
    return f"UPDATE {model._meta.db_table} SET {columns} WHERE id = %s"


@functools.cache
def columns_of(model: type[models.Model], alias: str) -> str:
    """`a."id", a."state", …` in the order `from_row` expects."""
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


def width_of(model: type[models.Model]) -> int:
    """How many columns `from_row` reads."""
    return len(model._meta.concrete_fields)


def from_row(model: type[Row], values: Sequence[Any]) -> Row:
    """A model instance from the columns that `columns_of` names."""
    fields = model._meta.concrete_fields
    read = [
        field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
        for field, value in zip(fields, values, strict=True)
    ]
    return model.from_db(connection.alias, [field.attname for field in fields], read)
