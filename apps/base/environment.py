"""The `.env` file: read before Django, written once with generated keys. Standard library only."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

SANDBOX_TOKEN = "1000001:sandbox"  # noqa: S105  # nosec B105: of the fake bot
ROOT = Path(__file__).resolve().parent.parent.parent

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
