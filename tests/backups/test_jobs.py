"""Long work: asked for once, run once, never silently gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from apps.base.clock import RealNow, shift_clock, shop_now
from apps.base.incidents import Incident
from apps.ops.backups.schedule import look
from apps.ops.jobs import registry
from apps.ops.jobs.desk import NotAsked, ask_for, mark_broken
from apps.ops.jobs.registry import JobFailed, JobKind
from apps.ops.jobs.runner import AlreadyRunning, run_waiting
from apps.ops.models import Backup, Job, Routine

pytestmark = pytest.mark.django_db(transaction=True)
RAN: list[dict[str, Any]] = []


def work(arguments: dict[str, Any], tell: registry.Tell) -> str:
    tell(50, "half of it")
    RAN.append(arguments)
    if arguments.get("how") == "badly":
        raise JobFailed("It did not work.")
    if arguments.get("how") == "strangely":
        raise ZeroDivisionError("x")
    if arguments.get("how") == "interrupted":
        raise KeyboardInterrupt
    return "All of it."


@pytest.fixture(autouse=True)
def work_kind(monkeypatch: Any, tmp_path: Path) -> Iterator[None]:
    RAN.clear()
    kind = JobKind("work", "Bekerja", f"{__name__}.work", {"how": ("well", "badly", "strangely", "interrupted")})
    monkeypatch.setitem(registry.KINDS, "work", kind)
    monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path / "run"))
    return


def test_asked_and_run(tmp_path: Path) -> None:
    job = ask_for("work", {"how": "well"}, actor="user:1")
    assert (tmp_path / "run/jobs.bell").exists()
    assert run_waiting() == 1
    job.refresh_from_db()
    assert (job.state, job.progress, job.words) == ("done", 100, "All of it.")
    assert not (tmp_path / "run/jobs.bell").exists()
    assert run_waiting() == 0


def test_pressed_twice_is_one_job() -> None:
    assert ask_for("work", {}, actor="user:1").pk == ask_for("work", {}, actor="user:2").pk
    assert run_waiting() == 1
    assert RAN == [{}]


@pytest.mark.parametrize(("name", "arguments"), [("rm", {}), ("work", {"path": "/"}), ("work", {"how": "; rm -rf"})])
def test_only_what_is_in_the_list(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(NotAsked):
        ask_for(name, arguments, actor="user:1")
    assert not Job.objects.exists()


def test_a_row_that_somebody_else_wrote_is_not_run() -> None:
    job = ask_for("work", {"how": "well"}, actor="user:1")
    Job.objects.filter(pk=job.pk).update(arguments={"how": "badly"})
    run_waiting()
    assert RAN == []
    assert Job.objects.get().state == Job.State.FAILED
    assert Incident.objects.get().key == "job.forged"


@pytest.mark.parametrize(("how", "said"), [("badly", "It did not work."), ("strangely", "ZeroDivisionError: x")])
def test_a_failure_is_told_and_ends_with_the_next_success(how: str, said: str) -> None:
    ask_for("work", {"how": how}, actor="user:1")
    run_waiting()
    assert Job.objects.get().words == said
    assert Incident.objects.get().state == Incident.State.OPEN
    ask_for("work", {}, actor="user:1")
    run_waiting()
    assert Incident.objects.get().state == Incident.State.RESOLVED


def test_told_to_stop_it_is_marked_at_once() -> None:
    ask_for("work", {"how": "interrupted"}, actor="user:1")
    with pytest.raises(KeyboardInterrupt):
        run_waiting()
    assert Job.objects.get().state == Job.State.BROKEN
    assert Incident.objects.get().text == "job_broken"


def test_killed_it_is_marked_when_its_lease_is_over() -> None:
    job = ask_for("work", {}, actor="user:1")
    Job.objects.filter(pk=job.pk).update(state="running", lease_until=RealNow() + timedelta(seconds=60))
    assert mark_broken() == 0
    Job.objects.filter(pk=job.pk).update(lease_until=RealNow() - timedelta(seconds=1))
    look(Routine.objects.create(name="backups"))
    assert Job.objects.get().state == Job.State.BROKEN
    assert Incident.objects.count() == 1


def test_a_lost_bell_is_rung_again(tmp_path: Path) -> None:
    ask_for("work", {}, actor="user:1")
    (tmp_path / "run/jobs.bell").unlink()
    look(Routine.objects.create(name="backups"))
    assert (tmp_path / "run/jobs.bell").exists()


def test_a_whole_one_that_was_not_proven_is_made_again_in_the_next_hour(settings: Any) -> None:
    settings.BACKUP_RECIPIENTS = ["age1x"]
    routine = Routine.objects.create(name="backups")
    now = shop_now()
    Backup.objects.create(number=1, name="a", kind="daily", whole=True, started_at=now, read_back_at=now)
    look(routine)
    assert not Job.objects.exists()
    shift_clock(timedelta(hours=1))
    look(routine)
    assert Job.objects.get().arguments["kind"] in ("daily", "weekly")


def test_one_process_at_a_time(monkeypatch: Any) -> None:
    ask_for("work", {}, actor="user:1")

    def second(arguments: dict[str, Any], tell: Any) -> str:
        with pytest.raises(AlreadyRunning):
            run_waiting()
        return ""

    monkeypatch.setattr(f"{__name__}.work", second)
    assert run_waiting() == 1


def test_what_the_owner_sees(client: Any, settings: Any) -> None:
    client.force_login(User.objects.create_superuser("tono"))
    settings.BACKUP_RECIPIENTS = ["age1x"]
    assert "Belum ada cadangan" in client.get("/admin/cadangan/").content.decode()
    client.post("/admin/cadangan/", {"job": "verifybackup"})
    client.post("/admin/cadangan/", {"job": "rm -rf /"})
    assert Job.objects.get().name == "verifybackup"
    assert "Memeriksa cadangan" in client.get("/admin/ops/job/").content.decode()


def test_an_account_without_the_right_asks_for_nothing(client: Any) -> None:
    client.force_login(User.objects.create_user("budi", is_staff=True))
    assert client.get("/admin/cadangan/").status_code == 403
    assert client.post("/admin/cadangan/", {"job": "backup"}).status_code == 403
    assert not Job.objects.exists()


def test_the_command_lists_them(capsys: Any) -> None:
    call_command("jobs")
    assert "No long work" in capsys.readouterr().out
    ask_for("work", {}, actor="user:1")
    call_command("jobs", "run")
    call_command("jobs")
    assert "All of it." in capsys.readouterr().out
