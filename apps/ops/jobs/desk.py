"""Asking for long work, and what became of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.base import audit
from apps.base.clock import RealNow, shop_now
from apps.base.ids import uuid7
from apps.base.incidents import raise_incident
from apps.ops.jobs.registry import KINDS
from apps.ops.models import Job
from host.environment import run_folder
from host.job_bell import ring

audit.describe({"job.asked": "Pekerjaan {name} diminta", "job.broken": "Pekerjaan {name} terputus"})


class NotAsked(Exception):
    """The job cannot be asked for. One plain sentence."""


def ask_for(name: str, arguments: dict[str, Any], *, actor: str) -> Job:
    """A row for the job, and its bell. One that is open already is returned as it is: pressing twice asks once.

    Raises NotAsked for what is not in the list.
    """
    kind = KINDS.get(name)
    wrong = kind.refuse(arguments) if kind else f"There is no job {name!r}."
    if wrong:
        raise NotAsked(wrong)
    job = Job(id=uuid7(), name=name, arguments=arguments, asked_by=actor, asked_at=shop_now())
    job.mac = expected_mac(job)
    try:
        with transaction.atomic():
            job.save(force_insert=True)
            audit.append("job.asked", f"job:{job.pk}", actor=actor, name=name)
    except IntegrityError:
        job = Job.objects.get(name=name, state__in=Job.OPEN)
    transaction.on_commit(lambda: ring(run_folder()))
    return job


def expected_mac(job: Job) -> bytes:
    """The HMAC under AUDIT_KEY of what is asked: a row that somebody wrote without the key is not run."""
    said = json.dumps([str(job.pk), job.name, job.arguments, job.asked_by], sort_keys=True)
    return hmac.digest(base64.b64decode(settings.AUDIT_KEY), f"job {said}".encode(), hashlib.sha256)


def is_genuine(job: Job) -> bool:
    return hmac.compare_digest(bytes(job.mac), expected_mac(job))


def label_of(job: Job) -> str:
    """For people; a job of newer code by its name."""
    return KINDS[job.name].label if job.name in KINDS else job.name


def mark_broken() -> int:
    """Jobs whose process is gone: said, and told. Returns how many."""
    gone = list(Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=RealNow()))
    for job in gone:
        with transaction.atomic():
            open_still = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, lease_until__lt=RealNow())
            if open_still.update(state=Job.State.BROKEN, ended_at=shop_now(), lease_until=None):
                audit.append("job.broken", f"job:{job.pk}", name=job.name)
                raise_incident(f"job.{job.name}", "job_broken", kind=label_of(job))
    return len(gone)
