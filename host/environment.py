"""The `.env` file: read before Django, written once with generated keys. Standard library only."""

from __future__ import annotations

import base64
import os
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SANDBOX_TOKEN = "1000001:sandbox"  # noqa: S105  # nosec B105: of the fake bot
ROOT = Path(__file__).resolve().parent.parent

TEMPLATE = """\
# autoorder. Values in the process environment win over this file. Every name: .env.example
# Lose FIELD_KEYS and nobody can open the goods again: keep a copy of this file somewhere safe.
SECRET_KEY={secret}
FIELD_KEYS=k1:{field}
LOOKUP_KEY={lookup}
AUDIT_KEY={audit}
TELEGRAM_WEBHOOK_SECRET={webhook}
METRICS_TOKEN={metrics}

# With a token the shop sells for real. Without one, `make run` is a sandbox.
TELEGRAM_BOT_TOKEN=
OWNER_CHAT_IDS=
PUBLIC_URL=
PAKASIR_PROJECT=
PAKASIR_API_KEY=
PAKASIR_WEBHOOK_SECRET=
"""


def env_file() -> Path:
    """Where settings are read from: AUTOORDER_ENV_FILE (production), else `.env` beside manage.py."""
    return Path(os.environ.get("AUTOORDER_ENV_FILE") or ROOT / ".env")


def ensure_env_file() -> bool:
    """Write `.env`, mode 0600, with fresh keys if there is none. True when it was written."""
    path = env_file()
    if path.exists():
        return False
    text = TEMPLATE.format(
        secret=secrets.token_urlsafe(48),
        field=base64.b64encode(secrets.token_bytes(32)).decode(),
        lookup=base64.b64encode(secrets.token_bytes(32)).decode(),
        audit=base64.b64encode(secrets.token_bytes(32)).decode(),
        webhook=secrets.token_urlsafe(32),
        metrics=secrets.token_urlsafe(24),
    )
    scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(scratch, path)  # whoever links first wins: two starts never mix their keys
    except FileExistsError:
        return False
    finally:
        scratch.unlink()
    return True


def read_env_file() -> dict[str, str]:
    """Names and values of the file as written: `NAME=value`, `#` comments, optional quotes."""
    values: dict[str, str] = {}
    path = env_file()
    if not path.exists():
        return values
    for line in path.read_text().splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            name = name.removeprefix("export ").strip()
            values[name] = value.strip().strip("'\"")
    return values


NUMBERS = (
    "PAYMENT_POLL_FIRST",
    "PAYMENT_POLL_EVERY",
    "AUTOORDER_WORKERS",
    "AUTOORDER_WEB_WORKERS",
    "AUTOORDER_WEB_THREADS",
)
FRACTIONS = ("TELEGRAM_RATE", "TELEGRAM_WEBHOOK_PATIENCE", "TELEGRAM_WEBHOOK_HEALTH")
SWITCHES = ("SANDBOX", "DEBUG", "PAKASIR_SANDBOX")
CHATS = ("OWNER_CHAT_IDS", "ADMIN_CHAT_IDS", "SELLER_CHAT_IDS")


def wrong_setting() -> str:
    """The first setting that the shop cannot start with, as one sentence that says what to write; empty when all can be
    read.
    """
    for found in (
        *map(_wrong_database, ("DATABASE_URL", "DATABASE_ADMIN_URL")),
        _wrong_zone(),
        *map(_wrong_chats, CHATS),
    ):
        if found:
            return found
    for name in NUMBERS:
        if (value := value_of(name)) and not (value.isascii() and value.isdigit()):
            return f"{name} must be a whole number; it is {value[:40]!r}."
    for name in FRACTIONS:
        if (value := value_of(name)) and re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is None:
            return f"{name} must be a number such as 25; it is {value[:40]!r}."
    for name in SWITCHES:
        if (value := value_of(name)) and value.lower() not in ("0", "1", "true", "false", "yes", "no", "on", "off"):
            return f"{name} must be 1 or 0; it is {value[:40]!r}."
    if (mode := value_of("TELEGRAM_MODE")) not in ("", "auto", "webhook", "polling"):
        return f"TELEGRAM_MODE must be auto, webhook or polling; it is {mode[:40]!r}."
    url = value_of("PUBLIC_URL")
    if url and not sandbox_wanted() and re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]+)?/?", url) is None:
        return f"PUBLIC_URL must be https://your-domain, or empty (then the shop polls); it is {url[:80]!r}."
    return ""


def _wrong_database(name: str) -> str:
    """Nothing of the address is shown: it may hold a password."""
    value = value_of(name)
    if not value:
        return ""
    wanted = (
        f"{name} must look like postgres://user:password@host:5432/database, or be empty (then the shop brings its"
        " own)."
    )
    try:
        address = urlsplit(value)
        port = address.port or 5432
    except ValueError:
        return wanted
    named = bool(address.path.strip("/")) and address.scheme in ("postgres", "postgresql", "pgsql", "psql")
    return "" if named and 0 < port < 65536 else wanted


def _wrong_zone() -> str:
    zone = value_of("TIME_ZONE")
    try:
        ZoneInfo(zone or "Asia/Jakarta")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"TIME_ZONE must be a name such as Asia/Jakarta, Asia/Makassar or Asia/Jayapura; it is {zone[:40]!r}."
    return ""


def _wrong_chats(name: str) -> str:
    parts = [part.strip() for part in value_of(name).split(",") if part.strip()]
    bad = next((part for part in parts if re.fullmatch(r"-?[0-9]{1,18}", part) is None), "")
    hint = "send /start to @userinfobot to learn yours"
    return f"{name} must be numeric Telegram ids, comma separated ({hint}); {bad[:40]!r} is none." if bad else ""


def value_of(name: str) -> str:
    """One setting as the shop will see it, before Django is there: environment, NAME_FILE, `.env`."""
    for source in (dict(os.environ), read_env_file()):
        if source.get(name):
            return source[name]
        if source.get(f"{name}_FILE"):
            return Path(source[f"{name}_FILE"]).read_text().strip()
    return ""


def sandbox_wanted() -> bool:
    """Sandbox exactly when there is no bot token, unless SANDBOX says otherwise (system check E001 guards it)."""
    return (value_of("SANDBOX") or ("0" if value_of("TELEGRAM_BOT_TOKEN") else "1")) == "1"


def sandbox_url() -> str:
    """Where the fakes of the running sandbox listen: `up` chooses a port and leaves it here for the commands."""
    note = shop_folder() / "run" / "sandbox.url"
    return note.read_text().strip() if note.exists() else "http://127.0.0.1:8901"


def shop_folder() -> Path:
    """`var/sandbox` or `var/shop`: database and files of one never mix with the other's.

    AUTOORDER_VAR moves `var` elsewhere, for tests and benchmarks that must not meet the checkout's own shop.
    """
    return Path(os.environ.get("AUTOORDER_VAR") or ROOT / "var") / ("sandbox" if sandbox_wanted() else "shop")


def run_folder() -> Path:
    """Where a running shop keeps sockets, locks and signs of life."""
    return Path(os.environ.get("AUTOORDER_RUN") or shop_folder() / "run")
