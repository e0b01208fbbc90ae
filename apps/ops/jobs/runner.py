"""The jobs' process: works off what waits, one after the other, and ends.

Killed at any moment it leaves a row whose lease runs out, which is marked and told (`desk.mark_broken`); asked for
again, a job begins anew.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, close_old_connections, connection, transaction
from django.utils.module_loading import import_string

from apps.base.clock import RealNow, shop_now
from apps.base.incidents import raise_incident, resolve_incident
from apps.ops.jobs.desk import is_genuine, mark_broken
from apps.ops.jobs.registry import KINDS, JobFailed
from apps.ops.models import Job
from host.environment import run_folder
from host.job_bell import silence

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
RENEW = 15.0  # seconds between two signs of life
SAY = 1.0  # seconds between two lines of progress that are written down


class AlreadyRunning(Exception):
    """Another process runs the jobs of this host."""


def run_waiting() -> int:
    """Run every job that waits, oldest first; returns how many. Raises AlreadyRunning."""
    folder = run_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "jobs.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning("Jobs are running already: manage.py jobs shows them.") from error
        silence(folder)
        mark_broken()
        count = 0
        while (job := _take()) is not None:
            run(job)
            count += 1
        return count


def _take(pk: UUID | None = None) -> Job | None:
    """The oldest that waits, or the one named, as ours."""
    with transaction.atomic():
        waiting = Job.objects.select_for_update(skip_locked=True).filter(state=Job.State.WAITING).order_by("id")
        job = (waiting.filter(pk=pk) if pk else waiting).first()
        if job is None:
            return None
        if not is_genuine(job):
            _end(job, Job.State.FAILED, "This row was not written by the shop; it was not run.")
            raise_incident("job.forged", "job_forged", kind=job.name[:40])
            return _take(pk)
        job.state, job.started_at = Job.State.RUNNING, shop_now()
        Job.objects.filter(pk=job.pk).update(
            state=job.state, started_at=job.started_at, lease_until=RealNow() + LEASE, progress=0, words=""
        )
    return job


def take_and_run(job: Job, tell: object = None) -> Job:
    """Run a job that was just asked for in this process, unless another one has it. `tell(percent, words)` shows it."""
    taken = _take(job.pk)
    if taken is not None:
        run(taken, tell)
    job.refresh_from_db()
    return job


def run(job: Job, tell: object = None) -> None:
    """One job to its end; how it went stands in its row, and a failure is told."""
    kind = KINDS[job.name]
    told = _Told(job, tell)
    try:
        with _alive(job):
            words = import_string(kind.run)(dict(job.arguments), told)
        _end(job, Job.State.DONE, words or told.words, progress=100)
        resolve_incident(f"job.{job.name}")
    except JobFailed as failure:
        _fail(job, str(failure))
    except Exception as error:
        log.exception("a job stumbled", extra={"action": "job_failed", "job": job.name})
        _fail(job, f"{type(error).__name__}: {error}"[:500])
    except BaseException:  # told to stop
        Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(lease_until=RealNow())
        mark_broken()
        raise


def _fail(job: Job, words: str) -> None:
    _end(job, Job.State.FAILED, words)
    raise_incident(f"job.{job.name}", "job_failed", kind=KINDS[job.name].label, said=words[:300])


def _end(job: Job, state: str, words: str, **more: int) -> None:
    Job.objects.filter(pk=job.pk).update(state=state, words=words, ended_at=shop_now(), lease_until=None, **more)


class _Told:
    """What a job is given to say how far it is."""

    def __init__(self, job: Job, also: object) -> None:
        self._job, self._also, self._said = job, also, 0.0
        self.words = ""

    def __call__(self, percent: int, words: str) -> None:
        changed, self.words = words != self.words, words
        if callable(self._also):
            self._also(percent, words)
        if changed or time.monotonic() - self._said > SAY:
            self._said = time.monotonic()
            Job.objects.filter(pk=self._job.pk).update(progress=max(0, min(99, percent)), words=words)


@contextmanager
def _alive(job: Job) -> Iterator[None]:
    """Signs of life while the job works, from a thread: it may be busy for long."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW):
            try:
                close_old_connections()
                Job.objects.filter(pk=job.pk).update(lease_until=RealNow() + LEASE)
            except DatabaseError:
                log.warning("a job's sign of life waits for the database", extra={"action": "job_lease"})
        connection.close()

    thread = threading.Thread(target=renew, name="job-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)
