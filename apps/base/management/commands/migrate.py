"""Django's `migrate`, for migrations without labels."""

from django.core.management.commands import migrate

from apps.base.migration_labels import AutodetectorWithoutLabels


class Command(migrate.Command):
    autodetector = AutodetectorWithoutLabels
