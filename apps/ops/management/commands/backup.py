"""`backup`."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from apps.base.commands import ShopCommand
from apps.ops.jobs.desk import ask_for, mark_broken
from apps.ops.jobs.runner import take_and_run
from apps.ops.models import Backup, Job

LOOK = 0.5  # seconds between two looks at a job of another process


class Command(ShopCommand):
    help = (
        "Make an encrypted backup now: read back, copied to the offsite, and restored into a scratch database to prove "
        "it. Exit 1 when it is not proven."
    )
    example = "manage.py backup · manage.py backup --kind hourly"

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = [str(kind) for kind in Backup.Kind.values]
        parser.add_argument("--kind", choices=kinds, default="manual", help="hourly: the database alone, not proven")

    def handle(self, *args: Any, **options: Any) -> None:
        job = run_here("backup", {"kind": options["kind"]})
        if job.state == Job.State.DONE:
            self.stdout.write(job.words)
            return
        raise CommandError(job.words or f"The backup is {job.state}: manage.py jobs shows it.")


def run_here(name: str, arguments: dict[str, Any]) -> Job:
    """Ask for a job and run it in this process, with a bar on a terminal. One that another process has in hand already
    is waited for.
    """
    job = ask_for(name, arguments, actor="manage.py")
    with tqdm(total=100, disable=not sys.stderr.isatty(), leave=False, bar_format="{l_bar}{bar}| {desc}") as bar:

        def tell(percent: int, words: str) -> None:
            bar.set_description(words)
            bar.update(percent - bar.n)

        job = take_and_run(job, tell)
        while job.state in Job.OPEN:
            time.sleep(LOOK)
            mark_broken()
            job.refresh_from_db()
            tell(job.progress, job.words)
    return job
