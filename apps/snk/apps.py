from django.apps import AppConfig


class SnkConfig(AppConfig):
    name = "apps.snk"
    label = "snk"
    verbose_name = "SNK"
