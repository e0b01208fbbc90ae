"""What backups bring to the list of long work."""

from __future__ import annotations

from apps.ops.jobs.registry import JobKind, register

register(
    JobKind(
        "backup",
        "Membuat cadangan",
        "apps.ops.backups.take.run_job",
        {"kind": ("hourly", "daily", "weekly", "manual")},
    )
)
register(JobKind("verifybackup", "Memeriksa cadangan", "apps.ops.backups.verify.run_job"))
