"""Stored settings: business numbers the owner changes in the dashboard. Defaults live beside their use."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.db import models, transaction

from apps.base import audit

Value = TypeVar("Value", int, str, bool, float)

FRESH = 2.0  # seconds a process believes what it read


class StoredSetting(models.Model):
    """One changed setting; what is not here has its default."""

    name = models.CharField(primary_key=True, max_length=60)
    value = models.JSONField()

    class Meta:
        app_label = "base"


def noted(name: str) -> Any:
    """What a process last noted for others to read (which mode, which bot); None before it ever did."""
    row = StoredSetting.objects.filter(name=name).first()
    return None if row is None else row.value


def note(name: str, value: Any) -> None:
    """Note how things are; not audited, since nobody decided it."""
    StoredSetting.objects.update_or_create(name=name, defaults={"value": value})


ALL: dict[str, Setting[Any]] = {}  # every setting of the loaded rooms, in the order they were met


@dataclass
class Setting(Generic[Value]):
    """A named business number with its default: `OPEN_ORDERS = Setting("open_orders_per_buyer", 2, "Pesanan terbuka")`.

    With a label it stands on the dashboard's page of settings, with `help`, and refused outside `least` … `most`.
    A text that holds a time of day (`08:00`) says so by `is_time`.
    """

    name: str
    default: Value
    label: str = ""
    help: str = ""
    least: int = 0
    most: int = 1_000_000
    is_time: bool = False
    _value: Any = field(default=None, init=False)
    _read: float = field(default=-1e9, init=False)

    def __post_init__(self) -> None:
        ALL[self.name] = self

    def get(self) -> Value:
        """The current value; at most FRESH seconds old."""
        if time.monotonic() - self._read > FRESH:
            row = StoredSetting.objects.filter(name=self.name).first()
            self._value = self.default if row is None else row.value
            self._read = time.monotonic()
        return self._value

    def set(self, value: Value, *, actor: str) -> None:
        """Store and audit a new value."""
        with transaction.atomic():
            StoredSetting.objects.update_or_create(name=self.name, defaults={"value": value})
            audit.append(
                "setting.changed", f"setting:{self.name}", actor=actor, value=value, label=self.label or self.name
            )
        self._read = -1e9
