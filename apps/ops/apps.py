from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "apps.ops"
    label = "ops"
    verbose_name = "Operasional"

    def ready(self) -> None:
        from apps.ops import healthchecks  # noqa: F401  (registers them)
        from apps.ops.backups import healthchecks as backup_health  # noqa: F401  (registers them)
        from apps.ops.backups import job_kinds  # noqa: F401  (registers them)
        from apps.ops.monitoring import certificate  # noqa: F401  (registers its health check)
