"""`drill NAME|all`: pre-production rehearsals on a private copy of the shop."""

from __future__ import annotations

import secrets
import sys
import time
from typing import Any

from django.core.management.base import CommandParser

from apps.base.commands import ShopCommand, UsedWrongly
from apps.base.healthchecks import missing_migrations
from apps.ops.drills import all_drills
from apps.ops.drills.report import as_html, keep
from apps.ops.drills.runner import REGISTRY, RefusesToDrill, drills_folder, play
from apps.ops.management.commands.prepare import migrate
from apps.ops.models import DrillReport

all_drills.load()


class Command(ShopCommand):
    help = (
        "Rehearse the worst on a private copy of the shop, with a database of its own and fakes for Telegram and the "
        "gateway; buyers notice nothing. Leaves a signed report in the dashboard, beside it as JSON and HTML. "
        "Exit 1 when a promise was not kept. Drills: " + ", ".join(REGISTRY)
    )
    example = "manage.py drill chaos · again as it was: manage.py drill chaos --seed 7 · manage.py drill all"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=[*REGISTRY, "all"])
        parser.add_argument("--seed", type=int, help="repeat a drill with the seed of its report")
        parser.add_argument(
            "--plant",
            default="",
            metavar="FAULT,FAULT",
            help="plant faults: the drill must then fail (a wrong one lists all)",
        )
        parser.add_argument("--scale", type=float, default=1.0, help="share of the full counts, for a quick look (0.1)")

    def handle(self, *args: Any, **options: Any) -> None:
        if missing_migrations():  # a fresh machine may rehearse before its first start
            migrate()
        names = list(REGISTRY) if options["name"] == "all" else [options["name"]]
        seed = options["seed"] if options["seed"] is not None else secrets.randbelow(1_000_000)
        faults = [fault for fault in options["plant"].split(",") if fault]
        for name in names:
            if not set(faults) <= set(REGISTRY[name].plants):
                raise UsedWrongly(f"{name} knows these faults: {', '.join(REGISTRY[name].plants)}.")
        failed = [name for name in names if not self._play(name, seed, faults, options["scale"])]
        if failed:
            raise SystemExit(1)

    def _play(self, name: str, seed: int, faults: list[str], scale: float) -> bool:
        began = time.monotonic()

        def say(what: str) -> None:
            seconds = int(time.monotonic() - began)
            self.stderr.write(f"{seconds // 60}:{seconds % 60:02d}  {what}", ending="\n")
            sys.stderr.flush()

        try:
            report = play(name, seed=seed, say=say, planted=faults, scale=scale)
        except RefusesToDrill as refusal:
            raise UsedWrongly(str(refusal)) from refusal
        if scale != 1:
            report.notes.append(f"played at {scale:g} of the full counts: no proof for going live")
        row = keep(report)
        files = self._write(row)
        for measure in report.measures:
            self.stdout.write(f"{'ok    ' if measure.kept else 'BROKEN'} {measure.promised}: {measure.seen}")
        verdict = "passed" if report.passed else "FAILED"
        self.stdout.write(f"{name} {verdict} after {time.monotonic() - began:.0f} s, seed {seed}; report: {files}")
        return report.passed

    def _write(self, row: DrillReport) -> str:
        base = drills_folder() / f"{row.name}-{row.started_at:%Y%m%d-%H%M%S}"
        base.with_suffix(".json").write_text(row.text)
        base.with_suffix(".sig").write_text(row.signature + "\n")
        base.with_suffix(".html").write_text('<!doctype html><meta charset="utf-8">' + as_html(row))
        return str(base.with_suffix(".html"))
