"""Ways out that need neither database nor Django: what died is told, a host that is gone too, and nothing leaks."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError

from apps.base.credentials import adopt_environment, copy_tokens, rotate
from apps.base.sealing import seal
from apps.bot.connection import leader
from host import alert_channels, heartbeats, observe, sealed_tokens, start_delay
from host.crypto import CannotOpen
from host.environment import ROOT
from host.watchdog import announcer, deaths, main, units
from tests.ops.conftest import Listener


@pytest.fixture
def configured(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Listener:
    monkeypatch.setenv("OWNER_BOT_TOKEN", "77:secret")
    monkeypatch.setenv("OWNER_CHAT_IDS", "700")
    monkeypatch.setenv("ADMIN_CHAT_IDS", "703, 700")
    monkeypatch.setenv("OWNER_API_URL", listener.address)
    monkeypatch.setattr(alert_channels, "PAUSE", 0.0)
    return listener


def test_owner_and_operators_are_told_once_each(configured: Listener) -> None:
    assert alert_channels.tell("halo") == "telegram"
    assert configured.heard == [("/bot77:secret/sendMessage", f"chat_id={chat}&text=halo") for chat in (700, 703)]


def test_when_telegram_fails_the_webhook_is_asked(configured: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    second = Listener()
    monkeypatch.setenv("ALERT_WEBHOOK_URL", f"{second.address}/topik")
    configured.status = 500
    assert alert_channels.tell("halo") == "webhook"
    assert second.heard == [("/topik", "halo")]
    assert len(configured.heard) == 2 * alert_channels.TRIES, "each way is tried twice"
    second.shutdown()
    second.server_close()


def test_nobody_to_tell_is_said_and_never_raised(configured: Listener) -> None:
    configured.status = 403
    assert alert_channels.tell("halo") == ""


def test_an_error_does_not_hold_the_token(configured: Listener) -> None:
    configured.status = 401
    with pytest.raises(OSError, match="could not tell anybody") as caught:
        alert_channels.tell_by_bot("77:secret", configured.address, "halo")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_address_that_cannot_be_reached_gives_way_to_the_next(
    configured: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        blocked = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    monkeypatch.setenv("OWNER_API_URL", f"{blocked}, {configured.address}")
    assert alert_channels.tell("halo") == "telegram"
    assert len(configured.heard) == 2


def test_an_answer_that_points_elsewhere_is_not_followed(configured: Listener) -> None:
    elsewhere = Listener()
    configured.status, configured.location = 302, elsewhere.address
    with pytest.raises(OSError, match="302"):
        alert_channels.ping(configured.address)
    assert elsewhere.heard == []
    elsewhere.shutdown()
    elsewhere.server_close()


def test_only_web_addresses_are_called(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only http"):
        alert_channels.ping(f"file://{tmp_path}")


def test_rubbish_instead_of_http_is_an_error_like_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            wire, _ = server.accept()
            wire.recv(1000)
            wire.sendall(b"rubbish\r\n\r\n")
            wire.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(OSError, match="rubbish"):
            alert_channels.ping(f"http://127.0.0.1:{server.getsockname()[1]}/")


def test_a_way_that_drips_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_channels, "WITHIN", 0.2)
    dripping = threading.Event()
    ways = [("mail", lambda: dripping.wait(5)), ("webhook", lambda: None)]
    began = time.monotonic()
    assert alert_channels.first_that_works(ways, within=3) == "webhook"  # type: ignore[arg-type]
    assert time.monotonic() - began < 2
    monkeypatch.setattr(alert_channels, "WITHIN", 15.0)
    assert alert_channels.first_that_works(ways, within=1) == "webhook", "the first leaves time to the last"  # type: ignore[arg-type]
    assert alert_channels.first_that_works(ways[1:], within=0) == "", "no time is no try"


class TestTokens:
    """`watch` knows the token in force when the database is gone, and nobody reads it from the file."""

    @pytest.fixture
    def rotated(self, db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> str:
        monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path / "run"))
        monkeypatch.setenv("FIELD_KEYS", settings.FIELD_KEYS)
        monkeypatch.setenv("OWNER_BOT_TOKEN", "77:old")
        monkeypatch.setenv("OWNER_CHAT_IDS", "700")
        settings.CREDENTIALS = {**settings.CREDENTIALS, "OWNER_BOT_TOKEN": "77:old"}
        adopt_environment()
        rotate("OWNER_BOT_TOKEN", "78:new", actor="test")
        return "78:new"

    def test_the_one_in_force_first_then_the_environments(self, rotated: str) -> None:
        assert alert_channels.tokens() == ["77:old"]
        assert copy_tokens()
        assert alert_channels.tokens() == [rotated, "77:old"]
        assert not copy_tokens(), "nothing changed"

    def test_it_is_sealed_and_private(self, rotated: str) -> None:
        copy_tokens()
        assert b"new" not in sealed_tokens.path().read_bytes()
        assert sealed_tokens.path().stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("keys", ["", "rubbish", "k9:" + "A" * 43 + "="])
    def test_another_key_opens_nothing_and_breaks_nothing(
        self, rotated: str, monkeypatch: pytest.MonkeyPatch, keys: str
    ) -> None:
        copy_tokens()
        monkeypatch.setenv("FIELD_KEYS", keys or "k9:" + "B" * 43 + "=")
        assert alert_channels.tokens() == ["77:old"]

    @pytest.mark.parametrize("content", [b"", b"\x00\xff", b"v1:short", b"\x01" * 400])
    def test_a_damaged_copy_breaks_nothing(self, rotated: str, content: bytes) -> None:
        copy_tokens()
        sealed_tokens.path().write_bytes(content)
        assert alert_channels.tokens() == ["77:old"]

    def test_what_is_no_table_of_tokens_breaks_nothing(
        self, rotated: str, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        copy_tokens()
        sealed = seal(b'["77:new"]', column=sealed_tokens.COLUMN, pk=sealed_tokens.PK)
        sealed_tokens.path().write_bytes(sealed)
        assert alert_channels.tokens() == ["77:old"]

    def test_whatever_goes_wrong_the_copying_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tried: list[str] = []

        def write() -> None:
            tried.append("")
            raise [InterfaceError("the connection already closed"), CannotOpen("k1")][len(tried) % 2]

        async def copies() -> None:
            copying = asyncio.create_task(leader.keep_copying_tokens())
            while len(tried) < 3 and not copying.done():
                await asyncio.sleep(0.01)
            copying.cancel()

        monkeypatch.setattr(leader, "COPY", 0.0)
        monkeypatch.setattr(leader, "copy_tokens", write)
        asyncio.run(copies())
        assert len(tried) >= 3

    def test_watch_reads_it_without_django(self, rotated: str) -> None:
        copy_tokens()
        asks = (
            "from host import alert_channels; import host.watchdog.main, sys; assert alert_channels.tokens()[0] =="
            " '78:new'; assert 'django.db' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", asks], check=True, cwd=ROOT)


def test_a_full_disk_stops_no_start_no_sign_of_life_and_no_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("a folder cannot be made below a file, as on a disk without room")
    monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path / "file" / "run"))
    start_delay.wait_before_start("bot", tmp_path / "file" / "run")
    heartbeats.beat("bot")
    assert heartbeats.silence("bot") is None
    announcer.Diary(tmp_path / "file" / "run" / "watch.jsonl").write(action="died")


class TestDeaths:
    def test_who_leaves_on_purpose_is_not_dead(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path))
        assert not heartbeats.left_lately("bot", 30)
        heartbeats.leave("bot")
        assert heartbeats.left_lately("bot", 30)
        os.utime(heartbeats.folder() / "bot.left", (1, 1))
        assert not heartbeats.left_lately("bot", 30), "long ago"
        os.utime(heartbeats.folder() / "bot.left", (time.time() + 60, time.time() + 60))
        assert not heartbeats.left_lately("bot", 30), "under a clock that was ahead"

    def test_a_leave_excuses_one_end_and_somebody_must_follow(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path))
        heartbeats.leave("bot")
        heartbeats.forget_leave("bot")
        assert not heartbeats.left_lately("bot", 30)
        heartbeats.forget_leave("bot")
        away = deaths.Absences()
        away.left("bot", 0.0)
        away.left("web", 0.0)
        assert away.overdue({"web": {7}}, 30.0) == []
        assert away.overdue({}, 61.0) == ["bot"], "the web process came back"
        assert away.overdue({}, 90.0) == [], "said once"

    def test_a_leader_that_is_gone_or_another(self) -> None:
        led = deaths.Roll()
        assert led.deaths({"worker": {10}, "bot": {11}}) == []
        assert led.deaths({"worker": {10}, "bot": {11}}) == []
        assert led.deaths({"worker": {12}, "bot": {11}}) == ["worker"]
        assert led.deaths({"worker": set(), "bot": {11}}) == ["worker"]
        assert led.deaths({"worker": set(), "bot": {11}}) == [], "said once"
        assert led.deaths({"worker": {13}, "bot": {11}}) == []

    def test_a_count_that_begins_anew_is_no_death(self) -> None:
        """systemd forgets how often it had to start a service when somebody starts it by hand."""
        led = deaths.Roll()
        for count, died in ((1, []), (0, []), (1, ["nginx"]), (3, ["nginx"]), (3, [])):
            assert led.deaths({"nginx": {count}}, {"nginx"}) == died

    def test_a_watch_that_died_missed_nothing_and_says_so(self, tmp_path: Path) -> None:
        led = deaths.Roll(tmp_path / "roll")
        assert not led.died_before
        led.deaths({"worker": {10}, "bot": {11}})
        follower = deaths.Roll(tmp_path / "roll")
        assert follower.died_before
        assert follower.deaths({"worker": {12}, "bot": {11}}) == ["worker"], "while nobody looked"
        follower.forget()
        assert not deaths.Roll(tmp_path / "roll").died_before, "an end in order is no death"
        (tmp_path / "roll").write_text('{"boot": "another", "known": {"worker": 10}}')
        assert not deaths.Roll(tmp_path / "roll").died_before, "after a reboot everybody is somebody else"
        (tmp_path / "roll").write_text("rubbish")
        assert not deaths.Roll(tmp_path / "roll").died_before

    def test_what_a_watch_told_before_it_died_is_only_counted(self, tmp_path: Path) -> None:
        diary = announcer.Diary(tmp_path / "d.jsonl")
        told: list[str] = []
        diary.write(action="died", process="worker")
        diary.write(action="told", process="worker")
        diary.write(action="died", process="bot")  # ended before anybody heard of it
        teller = announcer.Herald(diary, lambda text: told.append(text) or "telegram")  # type: ignore[func-returns-value]
        teller.recall(0.0)
        teller.died("worker", 1.0)
        until = time.monotonic() + 5
        while not told and time.monotonic() < until:
            time.sleep(0.01)
        assert len(told) == 1
        assert "bot" in told[0]

    def test_a_machine_that_slept_makes_nobody_silent(self) -> None:
        time_goes = deaths.Steadiness()
        assert time_goes.see(1000.0, 0.0)
        assert time_goes.see(1002.0, 2.0)
        assert not time_goes.see(1100.0, 4.0), "the clock was set"
        assert not time_goes.see(1108.0, 12.0)
        assert not time_goes.see(1117.0, 21.0)
        assert time_goes.see(1121.0, 25.0)
        assert not time_goes.see(1161.0, 65.0), "nobody looked for forty seconds"

    def test_a_database_that_died_is_seen_by_its_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUTOORDER_EMBEDDED", "true")
        place = tempfile.mkdtemp()
        monkeypatch.setenv("DATABASE_URL", f"postgres://x@{place.replace('/', '%2F')}/autoorder")
        assert units.Services().marks() == {"postgres": set()}
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"{place}/.s.PGSQL.5432")
            listening.listen()
            assert units.Services().marks() == {"postgres": {os.getpid()}}

    def test_systemd_says_what_it_started_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        systemctl = tmp_path / "systemctl"
        systemctl.write_text(
            "#!/bin/sh\nprintf 'Id=nginx.service\\nNRestarts=2\\n\\nId=postgresql@15-main.service\\nNRestarts=0\\n'\n"
        )
        systemctl.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setenv("NOTIFY_SOCKET", "/x")
        monkeypatch.delenv("AUTOORDER_EMBEDDED", raising=False)
        assert units.Services().marks() == {"nginx": {2}, "postgres": {0}}
        monkeypatch.setenv("PATH", "/nowhere")
        assert units.restarts() == {}

    def test_two_hundred_deaths_are_two_messages(self, tmp_path: Path) -> None:
        told: list[str] = []

        def tell(text: str) -> str:
            told.append(text)
            return "telegram"

        teller = announcer.Herald(announcer.Diary(tmp_path / "d.jsonl"), tell)
        for second in range(200):
            teller.died("worker", float(second))
            teller.sum_up(float(second))
        teller.sum_up(announcer.QUIET + 1)
        deadline = time.monotonic() + 5
        while len(told) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "berhenti mendadak" in told[0]
        assert "berhenti 199 kali lagi" in told[1]
        assert len(told) == 2

    def test_what_nobody_took_is_brought_again(self, tmp_path: Path) -> None:
        answers = iter(["", "", "telegram"])
        told: list[str] = []

        def tell(text: str) -> str:
            told.append(text)
            return next(answers)

        teller = announcer.Herald(announcer.Diary(tmp_path / "d.jsonl"), tell)
        teller.died("worker", 0.0)
        for second in range(0, 120, 2):
            time.sleep(0.01)
            teller.sum_up(float(second + 100))
        assert len(told) == 3
        assert len(set(told)) == 1


class TestDeadMansSwitch:
    @pytest.mark.parametrize(("quiet", "path"), [(1.0, "/abc"), (31.0, "/abc/fail"), (None, "/abc/fail")])
    def test_it_says_what_is_so(
        self, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: float | None, path: str
    ) -> None:
        monkeypatch.setattr(main, "silence", lambda name: quiet)
        main.ping_switch(f"{listener.address}/abc", announcer.Diary(tmp_path / "d.jsonl"))
        assert [heard for heard, _ in listener.heard] == [path]

    def test_a_dead_address_is_noted(self, tmp_path: Path) -> None:
        main.ping_switch("http://127.0.0.1:9/x", announcer.Diary(tmp_path / "d.jsonl"))
        assert "ping_failed" in (tmp_path / "d.jsonl").read_text()


class TestObserver:
    def test_told_once_within_two_minutes_and_when_it_is_back(self) -> None:
        observer = observe.Observer("https://toko.example")
        said = [(at, observer.see(False, float(at))) for at in range(0, 300, 25)]  # a slow look and a pause
        told = [(at, text) for at, text in said if text]
        assert len(told) == 1
        assert told[0][0] <= 120
        assert "tidak menjawab" in told[0][1]
        assert "menjawab lagi" in observer.see(True, 400.0)
        assert observer.see(True, 410.0) == ""

    def test_a_short_gap_is_no_alarm(self) -> None:
        observer = observe.Observer("https://toko.example")
        assert [observer.see(at % 60 == 0, float(at)) for at in range(0, 3600, 15)] == [""] * 240

    def test_a_real_host_that_goes_and_comes(self, listener: Listener) -> None:
        assert observe.answers(listener.address)
        listener.status = 502
        assert not observe.answers(listener.address)
        assert not observe.answers("http://127.0.0.1:9")

    @pytest.mark.parametrize(("status", "works"), [(200, True), (401, False), (404, False), (500, None)])
    def test_it_knows_whether_its_token_is_taken(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch, status: int, works: bool | None
    ) -> None:
        """Another bot took over, and nobody told the second server."""
        listener.status = status
        for name, value in (
            ("OWNER_BOT_TOKEN", "7:owner"),
            ("OWNER_CHAT_IDS", "700"),
            ("OWNER_API_URL", listener.address),
        ):
            monkeypatch.setenv(name, value)
        assert alert_channels.token_works() is works
        told: list[str] = []

        def rest(seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(observe, "answers", lambda address: True)
        with pytest.raises(KeyboardInterrupt):
            observe.run("https://toko.example", tell=lambda text: told.append(text) or "mail", rest=rest)
        assert told == ([observe.REFUSED_HERE] if works is False else [])

    def test_what_nobody_took_is_brought_again(self, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(observe, "PATIENCE", -1.0)
        tried: list[str] = []

        def tell(text: str) -> str:
            tried.append(text)
            return "telegram" if len(tried) == 3 else ""

        rests = iter(range(4))

        def rest(seconds: float) -> None:
            if next(rests) == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            observe.run("http://127.0.0.1:9", tell=tell, rest=rest)
        assert len(tried) == 3
        assert len(set(tried)) == 1

    @pytest.mark.parametrize("argv", [[], ["toko.example"], ["https://a", "https://b"]])
    def test_used_wrongly(self, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert observe.main(argv) == 2
        assert "manage.py observe https://" in capsys.readouterr().err
