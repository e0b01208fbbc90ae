from django.apps import AppConfig


class BotConfig(AppConfig):
    name = "apps.bot"
    label = "bot"
    verbose_name = "Telegram"

    def ready(self) -> None:
        from apps.bot import healthchecks, invariants  # noqa: F401  (registers them)
