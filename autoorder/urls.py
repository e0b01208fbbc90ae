from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from apps.bot.views import telegram_webhook
from apps.ops.dashboard import backups, dead_letters, settings_page
from apps.ops.views import live, openmetrics, ready
from apps.orders.views import payment_webhook

admin.autodiscover()
home = "/sandbox/" if settings.SANDBOX else f"/{settings.ADMIN_PATH}"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url=home), name="home"),
    path("favicon.ico", RedirectView.as_view(url=f"/{settings.STATIC_URL.strip('/')}/base/favicon.svg")),
    path("telegram/webhook/", telegram_webhook, name="telegram-webhook"),
    path("payments/<slug:gateway>/webhook/", payment_webhook, name="payment-webhook"),
    path("healthz/live", live, name="live"),
    path("healthz/ready", ready, name="ready"),
    path("metrics", openmetrics, name="metrics"),
    path(f"{settings.ADMIN_PATH}pesan-bermasalah/", admin.site.admin_view(dead_letters.page), name="dead-letters"),
    path(f"{settings.ADMIN_PATH}pengaturan/", admin.site.admin_view(settings_page.page), name="shop-settings"),
    path(f"{settings.ADMIN_PATH}cadangan/", admin.site.admin_view(backups.page), name="shop-backups"),
    path(settings.ADMIN_PATH, admin.site.urls),
]
if settings.SANDBOX:
    urlpatterns.append(path("sandbox/", include("apps.sandbox.urls")))
