"""The signed report of a drill: JSON for machines, HTML for people, a row in the dashboard, a line in the audit log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string

from apps.base import audit
from apps.bot.templatetags.shop import moment
from apps.ops.drills.measure_labels import MEASURED, TITLES
from apps.ops.drills.measures import Measure
from apps.ops.models import DrillReport

PURPOSE = b"drill report, layout 1\n"  # a signature made for something else is none here

audit.describe({"drill.passed": "Latihan {name} lulus", "drill.failed": "Latihan {name} TIDAK lulus"})


@dataclass
class Report:
    """Everything a drill says; `faults` are what was done to the copy, `notes` what a reader should know."""

    name: str
    hypothesis: str
    seed: int
    version: str
    machine: str
    started_at: datetime
    ended_at: datetime
    faults: list[str]
    measures: list[Measure]
    notes: list[str] = field(default_factory=list)
    planted: str = ""
    scale: float = 1.0  # share of the full counts

    @property
    def passed(self) -> bool:
        """Green only when something was measured and everything was kept."""
        return bool(self.measures) and all(m.kept for m in self.measures)

    def as_dict(self) -> dict[str, Any]:
        said = asdict(self)
        times = {name: said[name].isoformat(timespec="seconds") for name in ("started_at", "ended_at")}
        return {**said, **times, "verdict": "passed" if self.passed else "failed"}


def signature_of(text: str) -> str:
    """HMAC-SHA256 under AUDIT_KEY, hex."""
    return hmac.digest(base64.b64decode(settings.AUDIT_KEY), PURPOSE + text.encode(), hashlib.sha256).hex()


def is_genuine(row: DrillReport) -> bool:
    """Whether the report stands as it was signed."""
    return hmac.compare_digest(row.signature, signature_of(row.text))


def keep(report: Report, *, actor: str = "manage.py") -> DrillReport:
    """Sign and store; a drill whose fault was planted on purpose leaves its report too, and says so."""
    text = json.dumps(report.as_dict(), ensure_ascii=False, sort_keys=True, indent=1)
    with transaction.atomic():
        row = DrillReport.objects.create(
            name=report.name,
            passed=report.passed,
            planted=report.planted,
            scale=report.scale,
            started_at=report.started_at,
            ended_at=report.ended_at,
            text=text,
            signature=signature_of(text),
        )
        kind = "drill.passed" if report.passed else "drill.failed"
        sha = hashlib.sha256(text.encode()).hexdigest()
        audit.append(kind, f"drill:{row.pk}", actor=actor, name=report.name, planted=report.planted, sha256=sha)
    return row


def as_html(row: DrillReport) -> str:
    """The report as a page of its own, without anything from outside."""
    report = json.loads(row.text)
    measures = [{**measure, "words": MEASURED.get(measure["name"], measure["name"])} for measure in report["measures"]]
    said = {
        "report": report, "measures": measures, "title": TITLES.get(row.name, ""), "signature": row.signature,
        "genuine": is_genuine(row), "began": moment(row.started_at), "ended": moment(row.ended_at),
    }  # fmt: skip
    return render_to_string("ops/drill.html", said)
