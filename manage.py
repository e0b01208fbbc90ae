#!/usr/bin/env python3
"""Every command of the shop. `up`, `watch` and `observe` start without Django, so that they stay small."""

from __future__ import annotations

import gc
import os
import sys

from host.environment import ensure_env_file, shop_folder, value_of, wrong_setting
from host.postgres import SHOP_ROLE, CannotStart, borrowed_server

AS_OWNER = ("migrate", "dbshell", "sqlflush", "flush")  # in the embedded database; all others run as the shop
AS_ADMIN = (
    "migrate",
    "backup",
    "verifybackup",
    "restore",
    "jobs",
)  # on a server, run by root, who is the owner of the tables
LASTING = ("runbot", "runcluster")  # these say when they have loaded everything (apps.base.work.preload.loaded)


def run_django(argv: list[str]) -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(argv)


def list_commands() -> None:
    import django

    django.setup()
    from apps.base.command_list import command_list

    sys.stdout.write(f"{command_list()}\n")


def main(argv: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoorder.settings")
    command = argv[1] if len(argv) > 1 else "help"
    asks_for_help = command == "help" or "--help" in argv or "-h" in argv
    if not asks_for_help and (wrong := wrong_setting()):
        sys.stderr.write(f"{wrong}\n")
        sys.exit(2)
    if command == "up" and not asks_for_help:
        from host.up import main as up

        sys.exit(up())
    if command == "watch" and not asks_for_help:
        from host.watchdog.main import main as watch

        sys.exit(watch())
    if command == "observe" and not asks_for_help:
        from host.observe import main as observe

        sys.exit(observe(argv[2:]))
    if command in LASTING and not asks_for_help:
        gc.disable()  # nothing that a start loads is garbage, and looking for some takes a sixth of it
    ensure_env_file()
    if argv[1:] in ([], ["help"], ["--help"], ["-h"]):
        list_commands()
        return
    if command in AS_ADMIN and value_of("DATABASE_ADMIN_URL") and (command == "migrate" or os.geteuid() == 0):
        os.environ["DATABASE_URL"] = value_of("DATABASE_ADMIN_URL")
    if asks_for_help or value_of("DATABASE_URL"):
        run_django(argv)
        return
    try:
        with borrowed_server(shop_folder()) as cluster:
            owner = command in AS_OWNER
            os.environ["DATABASE_URL"] = cluster.url() if owner else cluster.url(role=SHOP_ROLE)
            os.environ["DATABASE_ADMIN_URL"] = cluster.url()
            os.environ["AUTOORDER_EMBEDDED"] = "true"
            run_django(argv)
    except CannotStart as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv)
