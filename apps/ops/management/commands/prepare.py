"""`prepare`: what must be done before the processes start. Called by `up`; prints one line of JSON for it."""

from __future__ import annotations

import json
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.management import call_command
from django.db import OperationalError, connection

from apps.base.commands import ShopCommand, UsedWrongly
from apps.base.credentials import adopt_environment
from apps.base.stored import StoredSetting

LOGIN = "owner"


class Command(ShopCommand):
    help = "Migrate, adopt credentials, make the owner's login and, in the sandbox, the demo catalogue."
    example = "manage.py prepare"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_bad_settings()
        refuse_silent_database()
        kind = "sandbox" if settings.SANDBOX else "shop"
        refuse_other_kind(kind)
        call_command("migrate", verbosity=0, interactive=False)
        StoredSetting.objects.get_or_create(name="kind_of_shop", defaults={"value": kind})
        adopt_environment()
        if settings.SANDBOX:
            from apps.orders.demo.catalogue import seed

            seed()
        self.stdout.write(json.dumps({"login": LOGIN, "password": first_password()}))


def refuse_bad_settings() -> None:
    """The system checks, the first error as one sentence."""
    errors = [found for found in checks.run_checks() if found.is_serious()]
    if errors:
        raise UsedWrongly(f"{errors[0].msg} ({errors[0].id})")


def refuse_silent_database() -> None:
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise UsedWrongly(
            f"The database does not answer ({str(error).splitlines()[0][:120]}). Check DATABASE_URL."
        ) from error


def refuse_other_kind(kind: str) -> None:
    """A sandbox's database never serves a real bot, and the other way round."""
    if "base_storedsetting" not in connection.introspection.table_names():
        return
    row = StoredSetting.objects.filter(name="kind_of_shop").first()
    if row is None or row.value == kind:
        return
    if kind == "shop":
        raise UsedWrongly("This database holds a sandbox: give the real shop a database of its own (DATABASE_URL).")
    raise UsedWrongly(
        "This database belongs to a real shop: set TELEGRAM_BOT_TOKEN, or give the sandbox a database of its own."
    )


def first_password() -> str:
    """The owner's login, made once; empty when there is one already."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return ""
    password = secrets.token_urlsafe(12)
    users.create_superuser(LOGIN, password=password)
    return password
