"""Django's `makemigrations`, for migrations without labels."""

from django.core.management.commands import makemigrations

from apps.base.migration_labels import AutodetectorWithoutLabels


class Command(makemigrations.Command):
    autodetector = AutodetectorWithoutLabels
