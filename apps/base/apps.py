from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_migrate


class BaseConfig(AppConfig):
    name = "apps.base"
    label = "base"
    verbose_name = "Dasar"

    def ready(self) -> None:
        from apps.base import checks, healthchecks  # noqa: F401  (registers system and health checks)
        from apps.base.database_rights import grant_rights
        from apps.base.incidents import raise_incident
        from apps.base.work.claimable import ON_DEAD_LETTER, Claimable

        def tell(row: Claimable, error: str) -> None:
            with transaction.atomic():
                raise_incident(f"dead_letter.{row._meta.label_lower}", "dead_letter", kind=str(row._meta.verbose_name))

        ON_DEAD_LETTER.append(tell)
        post_migrate.connect(grant_rights, sender=self)
