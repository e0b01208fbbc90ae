"""`prepare`: what must be done before the processes start. Called by `up`; prints one line of JSON for it."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from os import environ
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core import checks
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import OperationalError, connection

from apps.base.commands import ShopCommand, UsedWrongly
from apps.base.credentials import adopt_environment, credential
from apps.base.healthchecks import missing_migrations
from apps.base.stored_settings import StoredSetting
from apps.bot.dialogue.texts import CONTACT
from apps.ops.monitoring.routines import ensure_routines
from host.alert_channels import Answered, call_bot

LOGIN = "owner"


class Command(ShopCommand):
    help = "Migrate, adopt credentials, make the owner's login and, in the sandbox, the demo catalogue."
    example = "manage.py prepare --contact @budi"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--password", choices=["-"], help="-: the owner's password is the next line of standard input"
        )
        parser.add_argument(
            "--try-password",
            action="store_true",
            help="only say whether that line would do as a password; exit 2 if not",
        )

        parser.add_argument("--contact", default="", help="what buyers see when they need a person: @budi, WA 0812…")
        parser.add_argument(
            "--check-token",
            action="store_true",
            help="ask Telegram whether it takes the bot's token; exit 2 if it says no",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["try_password"]:
            refuse_weak(sys.stdin.readline().rstrip("\n"))
            return
        refuse_bad_settings()
        refuse_silent_database()
        kind = "sandbox" if settings.SANDBOX else "shop"
        refuse_other_kind(kind)
        if missing_migrations():
            migrate()
        StoredSetting.objects.get_or_create(name="kind_of_shop", defaults={"value": kind})
        adopt_environment()
        if options["check_token"] and not settings.SANDBOX:
            refuse_dead_token()
        ensure_routines()
        if settings.SANDBOX:
            from apps.orders.demo.load_demo import seed

            seed()
        if contact := " ".join(options["contact"].split()):
            set_contact(contact)
        given = sys.stdin.readline().rstrip("\n") if options["password"] else ""
        said = {
            "login": LOGIN,
            "password": set_password(given) if given else first_password(),
            "asks_contact": not CONTACT.get(),
        }
        self.stdout.write(json.dumps(said))


def refuse_bad_settings() -> None:
    """The system checks, the first error as one sentence."""
    errors = [found for found in checks.run_checks() if found.is_serious()]
    if errors:
        raise UsedWrongly(f"{errors[0].msg} ({errors[0].id})")


def set_contact(contact: str) -> None:
    """The seller's contact, as it was asked for at set-up; the dashboard changes it later."""
    if len(contact) > CONTACT.most:
        raise UsedWrongly(f"The contact is too long: at most {CONTACT.most} characters.")
    if contact != CONTACT.get():
        CONTACT.set(contact, actor="manage.py")


def refuse_dead_token() -> None:
    """A token that Telegram refuses is said at once, not by a shop that runs and hears nobody. Out of reach is no
    refusal.
    """
    for base in settings.TELEGRAM_API_URLS:
        try:
            call_bot(base, credential("TELEGRAM_BOT_TOKEN"), "getMe", {})
        except Answered as no:
            if no.code in (401, 404):
                raise UsedWrongly(
                    "Telegram refuses the bot's token. Copy it again from @BotFather into TELEGRAM_BOT_TOKEN (it looks"
                    " like 123456789:AA…)."
                ) from None
        except (OSError, ValueError):
            continue
        return


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


def migrate() -> None:
    """Where another role owns the tables (DATABASE_ADMIN_URL), only that one may change them."""
    if environ.get("DATABASE_ADMIN_URL", environ.get("DATABASE_URL")) == environ.get("DATABASE_URL"):
        call_command("migrate", verbosity=0, interactive=False)
    elif environ.get("AUTOORDER_EMBEDDED") == "true":
        connection.close()
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=settings.BASE_DIR, check=True)
    else:
        raise UsedWrongly("The tables are older than the code: run `autoorder migrate` as root first.")


def refuse_weak(given: str) -> None:
    try:
        validate_password(given)
    except ValidationError as refusal:
        raise UsedWrongly(" ".join(refusal.messages)) from refusal


def set_password(given: str) -> str:
    """The owner's login with this password; made when there is none. Returns nothing to show."""
    users = get_user_model().objects
    refuse_weak(given)
    owner = users.filter(username=LOGIN).first() or users.create_superuser(LOGIN)
    owner.set_password(given)
    owner.save()
    return ""


def first_password() -> str:
    """The owner's login, made once; empty when there is one already."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return ""
    password = secrets.token_urlsafe(12)
    users.create_superuser(LOGIN, password=password)
    return password
