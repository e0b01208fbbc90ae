from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "apps.ops"
    label = "ops"
    verbose_name = "Operasional"

    def ready(self) -> None:
        from apps.ops.monitoring import certificate  # noqa: F401  (they register their health checks)
