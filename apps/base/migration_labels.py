"""Labels stay out of migrations, so that a changed word needs none (as in pretix)."""

from __future__ import annotations

from typing import Any

from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import MigrationAutodetectorMixin


class AutodetectorWithoutLabels(MigrationAutodetectorMixin, MigrationAutodetector):
    """Compares and writes fields and models without `verbose_name`, `help_text` and `choices`; triggers as pgtrigger
    does.
    """

    def __init__(self, from_state: ProjectState, to_state: ProjectState, *args: Any, **kwargs: Any) -> None:
        for state in (from_state, to_state):
            leave_labels_out(state)
        super().__init__(from_state, to_state, *args, **kwargs)


def leave_labels_out(state: ProjectState) -> None:
    """In place: fields of a state are its own copies."""
    for model in state.models.values():
        for label in ("verbose_name", "verbose_name_plural"):
            model.options.pop(label, None)
        for field in model.fields.values():
            field.verbose_name = field._verbose_name = None
            field.help_text = ""
            field.choices = None
