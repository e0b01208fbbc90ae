"""`jobs`, `jobs run`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apps.base.commands import ShopCommand
from apps.ops.jobs.runner import AlreadyRunning, run_waiting
from apps.ops.models import Job

SHOWN = 20


class Command(ShopCommand):
    help = "Long work: what runs, its progress, the last ones. `jobs run` works off what waits and ends."
    example = "manage.py jobs"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", choices=["list", "run"], default="list")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "run":
            self._run()
            return
        rows = list(Job.objects.order_by("-id")[:SHOWN])
        for job in reversed(rows):
            at = timezone.localtime(job.started_at or job.asked_at)
            self.stdout.write(f"{at:%d/%m %H:%M}  {job.name:<14}{job.state:<9}{job.progress:>3} %  {job.words}")
        if not rows:
            self.stdout.write("No long work was asked for yet.")

    def _run(self) -> None:
        try:
            count = run_waiting()
        except AlreadyRunning as running:
            self.stdout.write(str(running))
            return
        self.stdout.write(f"{count} jobs run")
