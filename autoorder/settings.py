"""Settings, read from the environment and from `.env` (the environment wins). Every name: .env.example."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.templatetags.static import static
from django.urls import reverse_lazy
from environ import FileAwareEnv

from apps.orders.gateways.conf import gateway_confs
from autoorder.logs import logging_config
from host.environment import ROOT, SANDBOX_TOKEN, read_env_file, sandbox_url, sandbox_wanted, shop_folder
from host.redaction import SECRETS, learn, redact_report

env = FileAwareEnv()
for name in [name for name, value in os.environ.items() if not value]:
    del os.environ[name]  # `OWNER_CHAT_IDS=` means: not set, so that .env or the default holds
os.environ.update({name: value for name, value in read_env_file().items() if value and name not in os.environ})

BASE_DIR = ROOT
SANDBOX = sandbox_wanted()
REAL_TOKEN_GIVEN = bool(env.str("TELEGRAM_BOT_TOKEN", default=""))
SHOP_FOLDER: Path = shop_folder()

SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = env.bool("DEBUG", default=False)
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
PORT = env.int("PORT", default=8000)
BIND = env.str("BIND", default="127.0.0.1")
ALLOWED_HOSTS = [  # localhost always: `watch` and the updater ask there
    *(env.list("ALLOWED_HOSTS", default=[]) or filter(None, [urlsplit(PUBLIC_URL).hostname])),
    "localhost",
    "127.0.0.1",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []
ADMIN_PATH = env.str("ADMIN_PATH", default="admin/").strip("/") + "/"
COMMAND = (
    "autoorder" if BASE_DIR.is_relative_to("/opt/autoorder") else ".venv/bin/python manage.py"
)  # as alerts name it
BEHIND_NGINX = bool(os.environ.get("AUTOORDER_WEB_SOCKET"))  # as deploy/install.sh sets it up
ADMIN_ALLOW = env.str("ADMIN_ALLOW", default="").split()  # addresses that may open the dashboard from the internet
STORE_NAME = env.str("STORE_NAME", default="Toko Maju" if SANDBOX else "Toko")

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",  # urls.py discovers: only web carries the dashboard in memory
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pgtrigger",
    "django_q",
    "apps.base.apps.BaseConfig",
    "apps.bot.apps.BotConfig",
    "apps.orders.apps.OrdersConfig",
    "apps.snk.apps.SnkConfig",
    "apps.ops.apps.OpsConfig",
]
if SANDBOX:
    INSTALLED_APPS.append("apps.sandbox.apps.SandboxConfig")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "apps.base.middleware.NoNul",
    "apps.ops.dashboard.access.ClosedDashboard",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "autoorder.urls"
WSGI_APPLICATION = "autoorder.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# manage.py and the test plugin put DATABASE_URL of the embedded server here when none is set
DATABASES = {"default": env.db("DATABASE_URL", default="postgres://autoorder@localhost/autoorder")}
DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])  # a socket folder comes percent-encoded
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="id")
LANGUAGES = [("id", "Bahasa Indonesia"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Jakarta")
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = SHOP_FOLDER / "static"  # empty: whitenoise serves from the packages
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
MEDIA_ROOT = SHOP_FOLDER / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "apps.base.uploads.BoundedUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
if PUBLIC_URL.startswith("https://"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000

FIELD_KEYS = env.str("FIELD_KEYS")
LOOKUP_KEY = env.str("LOOKUP_KEY")
AUDIT_KEY = env.str("AUDIT_KEY")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# The fakes of the sandbox listen here; `up` chooses a free loopback port.
SANDBOX_URL = env.str("SANDBOX_URL", default="") or sandbox_url()
GATEWAYS = list(gateway_confs().values())
SANDBOX_CREDENTIALS = {
    "TELEGRAM_BOT_TOKEN": SANDBOX_TOKEN,
    **{name: known for conf in GATEWAYS for name, known in conf.secrets.items()},
}
CREDENTIALS = {
    name: (SANDBOX and SANDBOX_CREDENTIALS.get(name)) or env.str(name, default="")
    for name in (
        "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET", "OWNER_BOT_TOKEN",
        *(name for conf in GATEWAYS for name in conf.secrets),
    )
}  # fmt: skip
TELEGRAM_API_URLS = (
    [f"{SANDBOX_URL}/telegram"] if SANDBOX else env.list("TELEGRAM_API_URL", default=["https://api.telegram.org"])
)
OWNER_API_URLS = env.list("OWNER_API_URL", default=[])
TELEGRAM_MODE = env.str("TELEGRAM_MODE", default="auto")
WEBHOOK_PATIENCE = env.float("TELEGRAM_WEBHOOK_PATIENCE", default=35.0)  # seconds; polling then runs within 60
WEBHOOK_HEALTH = env.float("TELEGRAM_WEBHOOK_HEALTH", default=300.0)  # seconds
TELEGRAM_RATE = env.float("TELEGRAM_RATE", default=25.0)
for conf in GATEWAYS:
    for name, default in conf.settings.items():
        said = env.bool(name, default=default) if isinstance(default, bool) else env.str(name, default=default)
        value = conf.sandbox.get(name, said) if SANDBOX else said
        globals()[name] = value.replace("{fakes}", SANDBOX_URL) if isinstance(value, str) else value
GATEWAY_ADDRESSES = [name for conf in GATEWAYS for name in conf.addresses]
GATEWAY_DOORS = {name: least for conf in GATEWAYS for name, least in conf.door.items()}  # secret → its least letters
POLL_FIRST = env.int("PAYMENT_POLL_FIRST", default=20)  # seconds after the QR was shown
POLL_EVERY = env.int("PAYMENT_POLL_EVERY", default=25)  # seconds

OWNER_CHAT_IDS = env.list("OWNER_CHAT_IDS", cast=int, default=[700] if SANDBOX else [])
ADMIN_CHAT_IDS = env.list("ADMIN_CHAT_IDS", cast=int, default=OWNER_CHAT_IDS)
BACKUP_RECIPIENTS = env.list("BACKUP_RECIPIENTS", default=[])
SELLER_CHAT_IDS = env.list("SELLER_CHAT_IDS", cast=int, default=[])

# News travels upward by name, never by import.
INCIDENT_TASK = "apps.ops.monitoring.alerts.tell_incident"
INCIDENT_AGAIN = "apps.ops.monitoring.alerts.tell_again"  # somebody could not be reached
BOT_ROUTES = ["apps.bot.staff.buttons.ROUTES", "apps.orders.dialogue.ROUTES"]
ORDER_PAID = ["apps.snk.tasks.send_terms"]
CLOCK_STEPPED = ["apps.orders.tasks.clock_stepped"]  # the database's clock was set: deadlines move with it
TERMS_SET = "apps.snk.tasks.keep_terms"
CHAT_BACK = ["apps.orders.tasks.send_undelivered"]  # a buyer who had blocked the bot writes again
CHAT_MOVED = ["apps.orders.tasks.tell_after_move"]  # a buyer writes to another bot for the first time

# what a row of the database may name: functions registered there by `task`, and nothing else
TASK_MODULES = [
    "apps.base.work.deferred_calls",
    "apps.base.work.cluster",
    "apps.bot.inbound.inbox",
    "apps.orders.tasks",
    "apps.snk.tasks",
    "apps.ops.monitoring.routines",
    "apps.ops.monitoring.alerts",
]
WORKER_PRELOAD = [conf.client.rpartition(".")[0] for conf in GATEWAYS]  # beside the tasks

CLOCK_MAY_SHIFT = SANDBOX or env.bool("AUTOORDER_TESTS", default=False)
DROP_BELLS = env.bool("AUTOORDER_DROP_BELLS", default=False)

WORKERS = env.int("AUTOORDER_WORKERS", default=4)
TASK_TIMEOUT = 60
Q_CLUSTER = {
    "name": "autoorder",
    "orm": "default",
    "broker_class": "apps.base.work.broker.BellBroker",
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "bulk": 1,
    "timeout": TASK_TIMEOUT,
    "retry": TASK_TIMEOUT * 2 + 60,
    "max_attempts": 5,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "scheduler": False,
    "guard_cycle": 0.2,
    "recycle": 5000,
    "log_level": "WARNING",
}

for secret, value in {**os.environ, **CREDENTIALS}.items():
    if secret in SECRETS or secret in CREDENTIALS:
        learn(secret, value)
LOGGING = logging_config(DEBUG)
SESSION_COOKIE_AGE = int(timedelta(days=7).total_seconds())
SILENCED_SYSTEM_CHECKS: list[str] = []
TEST_RUNNER = "django.test.runner.DiscoverRunner"

if SENTRY_DSN := env.str("SENTRY_DSN", default=""):
    import sentry_sdk

    sentry_sdk.init(
        dsn=SENTRY_DSN,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=redact_report,
        before_send_transaction=redact_report,
        before_breadcrumb=redact_report,
    )


def menu(title: str, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(name)}


UNFOLD = {
    "SITE_TITLE": STORE_NAME,
    "SITE_HEADER": STORE_NAME,
    "SITE_SYMBOL": "storefront",
    "ENVIRONMENT": "apps.ops.dashboard.warnings.environment",
    "STYLES": [lambda request: static("base/admin.css")],
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Jualan",
                "items": [
                    menu("Pesanan", "receipt_long", "admin:orders_order_changelist"),
                    menu("Produk", "sell", "admin:orders_product_changelist"),
                    menu("Stok", "inventory_2", "admin:orders_variant_changelist"),
                    menu("Daftar isi stok", "key", "admin:orders_stockunit_changelist"),
                    menu("Kategori", "category", "admin:orders_category_changelist"),
                    menu("SNK", "gavel", "admin:snk_terms_changelist"),
                ],
            },
            {
                "title": "Uang",
                "items": [
                    menu("Pembayaran", "payments", "admin:orders_payment_changelist"),
                    menu("Kabar gateway", "doorbell", "admin:orders_gatewayevent_changelist"),
                    menu("Buku kas", "menu_book", "admin:orders_ledgerentry_changelist"),
                ],
            },
            {
                "title": "Pesan",
                "items": [
                    menu("Pesan masuk", "mail", "admin:bot_inboundupdate_changelist"),
                    menu("Pesan keluar", "send", "admin:bot_outboundmessage_changelist"),
                    menu("Pesan bermasalah", "report", "dead-letters"),
                    menu("Obrolan", "chat", "admin:bot_chat_changelist"),
                ],
            },
            {
                "title": "Penjagaan",
                "items": [
                    menu("Pengaturan", "settings", "shop-settings"),
                    menu("Gangguan", "warning", "admin:base_incident_changelist"),
                    menu("Cadangan", "backup", "shop-backups"),
                    menu("Pekerjaan", "manufacturing", "admin:ops_job_changelist"),
                    menu("Latihan", "exercise", "admin:ops_drillreport_changelist"),
                    menu("Catatan audit", "history", "admin:base_auditrow_changelist"),
                    menu("Akun", "group", "admin:auth_user_changelist"),
                ],
            },
        ],
    },
}
