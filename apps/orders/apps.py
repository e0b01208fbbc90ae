from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "apps.orders"
    label = "orders"
    verbose_name = "Pesanan"

    def ready(self) -> None:
        from apps.orders import healthchecks, invariants  # noqa: F401  (registers them)
