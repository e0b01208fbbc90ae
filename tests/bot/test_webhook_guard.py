"""What the leader finds once a minute: a webhook that somebody else set, a token that is dead, an address Telegram
still keeps.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from telegram.error import Conflict

from apps.base.audit import AuditRow
from apps.base.credentials import adopt_environment, credential
from apps.base.incidents import Incident, raise_incident, resolve_incident
from apps.bot.api.client import Outcome, Verdict
from apps.bot.connection import failover, token_conflict

OURS = "https://toko.example/telegram/webhook/"


class Telegram:
    """Keeps what it is told, as Telegram does."""

    token = "1:x"

    def __init__(self) -> None:
        self.url, self.address, self.secret, self.works = "", "", "", True
        self.calls: list[str] = []
        self.silent = self.park = 0.0
        self.refuses = False
        self.info: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self.me = {"id": 1, "first_name": "Toko", "username": "toko_bot", "can_join_groups": True}

    def silent_for(self) -> float:
        return self.silent

    async def try_call(self, method: str, params: dict[str, Any], **more: Any) -> Outcome:
        self.calls.append(method)
        if self.silent:
            return Outcome(Verdict.NOT_SENT, "no route")
        if not self.works:
            return Outcome(Verdict.REVOKED, "Unauthorized")
        if method != "getWebhookInfo" and self.refuses:
            return Outcome(Verdict.REFUSED, "Bad Request: bad webhook: IP address is reserved")
        if method != "getWebhookInfo" and self.park:
            return Outcome(Verdict.PARK, "Too Many Requests", retry_after=self.park)
        if method == "setWebhook":
            self.url, self.secret, self.address = params["url"], params["secret_token"], params.get("ip_address", "")
        if method == "deleteWebhook":
            self.url = ""
        if method == "getMe":
            return Outcome(Verdict.SENT, result=dict(self.me))
        if method == "getMyName":
            return Outcome(
                Verdict.SENT, result={"name": self.names.get(params["language_code"], self.me["first_name"])}
            )
        found = {"url": self.url, **self.info, **({"ip_address": self.address} if self.address else {})}
        return Outcome(Verdict.SENT, result=found if method == "getWebhookInfo" else True)


@pytest.fixture
def leader(db: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> failover.Failover:
    async def here(job: Any) -> Any:
        return job()

    async def healthy(client: Any) -> bool:
        return True

    settings.PUBLIC_URL, settings.TELEGRAM_MODE = "https://toko.example", "auto"
    monkeypatch.setattr(failover, "in_thread", here)
    monkeypatch.setattr(failover, "probe_webhook", healthy)
    monkeypatch.setattr(failover.ADDRESS, "_read", -1e9)
    monkeypatch.setattr(failover.MODE, "_read", -1e9)
    adopt_environment()
    return failover.Failover(Telegram())  # type: ignore[arg-type]


def step(leader: failover.Failover, *, a_minute_later: bool = True) -> Telegram:
    if a_minute_later:
        leader._info_at = -1e9
    with suppress(StopIteration):  # nothing in it really waits: without a loop it shares the test's transaction
        leader.step(None).send(None)  # type: ignore[arg-type]
    return leader.telegram  # type: ignore[return-value]


def states(key: str) -> list[str]:
    return list(Incident.objects.filter(key=key).order_by("id").values_list("state", flat=True))


def test_a_hijacked_webhook_is_set_again_and_told(leader: failover.Failover) -> None:
    telegram = step(leader)
    assert telegram.url == OURS
    telegram.url = "https://thief.example/"
    step(leader)
    assert telegram.url == OURS
    assert states("telegram.webhook") == ["open"]
    step(leader)
    assert states("telegram.webhook") == ["open"], "a thief comes again"
    leader._strange_at -= failover.CLEAN
    step(leader)
    assert states("telegram.webhook") == ["resolved"]


def test_our_own_webhook_that_came_late_is_no_theft(leader: failover.Failover) -> None:
    leader.choice.want("polling")
    failover.MODE.set("polling", actor="test")
    leader._start_polling = lambda: None  # type: ignore[method-assign]
    telegram = step(leader)
    telegram.url = OURS
    step(leader)
    assert telegram.url == ""
    assert states("telegram.webhook") == []


def test_a_token_that_is_dead_from_the_start_is_told(leader: failover.Failover) -> None:
    leader.telegram.works = False  # type: ignore[attr-defined]
    step(leader)
    assert states("telegram.token") == ["open"]
    telegram = step(leader)
    assert telegram.calls.count("setWebhook") + telegram.calls.count("deleteWebhook") <= 2


def test_a_way_in_that_cannot_be_opened_is_told_after_a_minute(leader: failover.Failover) -> None:
    leader._start_polling = lambda: None  # type: ignore[method-assign]
    telegram = leader.telegram
    telegram.refuses = True  # type: ignore[attr-defined]
    step(leader)
    assert states("telegram.deaf") == []
    leader._deaf_since = time.monotonic() - failover.DEAF
    step(leader)
    assert states("telegram.deaf") == ["open"]
    assert telegram.calls.count("deleteWebhook") == 1, "a refused webhook keeps nobody from polling"  # type: ignore[attr-defined]
    step(leader)
    assert telegram.calls.count("deleteWebhook") == 1, "not asked again at every look"  # type: ignore[attr-defined]
    telegram.refuses = False  # type: ignore[attr-defined]
    leader._again_at.clear()
    step(leader)
    assert states("telegram.deaf") == ["resolved"]


def test_what_telegram_asks_to_wait_is_waited(leader: failover.Failover) -> None:
    leader.telegram.park = 40.0  # type: ignore[attr-defined]
    for _ in range(4):
        telegram = step(leader)
    assert [call for call in telegram.calls if call != "getWebhookInfo"] == ["setWebhook", "deleteWebhook"]


def test_updates_that_telegram_cannot_bring_make_us_poll(leader: failover.Failover, shop: Any) -> None:
    """Our own probe is well all the while: only Telegram's own words show it."""
    leader._start_polling = lambda: None  # type: ignore[method-assign]
    telegram = step(leader)
    telegram.info = {"pending_update_count": 3, "last_error_date": int(time.time())}
    step(leader)
    step(leader)
    assert leader.choice.ails
    leader.choice._bad_since = time.monotonic() - failover.PATIENCE
    step(leader)
    assert (telegram.url, leader.choice.mode) == ("", "polling")


def test_an_old_error_is_none_when_something_came_since(shop: Any) -> None:
    failed = time.time() - 30
    info = {"pending_update_count": 3, "last_error_date": int(failed)}
    assert failover.cannot_bring(info)
    assert not failover.cannot_bring({**info, "pending_update_count": 0})
    assert not failover.cannot_bring({"url": OURS, "pending_update_count": 3})
    shop.buyer(701, "Sari").says("/start")
    assert not failover.cannot_bring(info)


def test_what_was_closed_too_early_is_told_anew(leader: failover.Failover) -> None:
    telegram = step(leader)
    telegram.works = False
    step(leader)
    resolve_incident("telegram.token", actor="owner")
    step(leader)
    assert states("telegram.token") == ["resolved", "open"]


def test_a_leader_that_dies_while_we_poll_is_followed_at_once(
    leader: failover.Failover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The webhook is down, and waiting for it would leave nobody to hear the buyers."""

    async def down(client: Any) -> bool:
        raise AssertionError("it waits")

    monkeypatch.setattr(failover, "probe_webhook", down)
    failover.note_mode("polling")
    with pytest.raises(StopIteration):
        leader._let_web_start(None).send(None)  # type: ignore[arg-type]
    failover.note_mode("webhook")
    with pytest.raises(AssertionError, match="it waits"):
        leader._let_web_start(None).send(None)  # type: ignore[arg-type]


def test_a_webhook_set_while_we_poll_is_deleted_and_told(leader: failover.Failover) -> None:
    leader.choice.want("polling")
    failover.MODE.set("polling", actor="test")
    leader._start_polling = lambda: None  # type: ignore[method-assign]
    telegram = step(leader)
    assert telegram.url == ""
    telegram.url = "https://thief.example/"
    step(leader)
    assert telegram.url == ""
    assert states("telegram.webhook") == ["open"]


def test_a_dead_token_is_told_once_and_its_end_too(leader: failover.Failover) -> None:
    telegram = step(leader)
    step(leader)
    telegram.works = False
    step(leader)
    step(leader)
    assert states("telegram.token") == ["open"]
    assert Incident.objects.get(key="telegram.token").times == 1
    telegram.works = True
    step(leader)
    assert states("telegram.token") == ["resolved"]


def test_a_move_needs_an_address_and_a_new_secret(leader: failover.Failover) -> None:
    telegram = step(leader)
    before = telegram.secret
    wanted = failover.move_webhook("203.0.113.7", actor="manage.py")
    step(leader, a_minute_later=False)
    assert (telegram.address, telegram.secret) == ("203.0.113.7", wanted.secret)
    assert telegram.secret != before
    assert failover.webhook_now() == wanted.mark()
    assert AuditRow.objects.filter(kind="telegram.address", data__address="203.0.113.7").count() == 1
    assert wanted.secret not in failover.webhook_now()


def test_an_address_that_telegram_keeps_is_changed(leader: failover.Failover) -> None:
    telegram = step(leader)
    failover.move_webhook("203.0.113.7", actor="manage.py")
    step(leader, a_minute_later=False)
    telegram.address, before = "198.51.100.1", telegram.secret
    step(leader)
    step(leader, a_minute_later=False)
    assert (telegram.address, telegram.secret != before) == ("203.0.113.7", True)


def test_a_rotated_secret_is_not_undone_by_the_environment(leader: failover.Failover) -> None:
    step(leader)
    wanted = failover.move_webhook("", actor="manage.py")
    assert adopt_environment() == []
    assert credential("TELEGRAM_WEBHOOK_SECRET", fresh=0) == wanted.secret


def test_the_web_process_knows_a_new_secret_within_a_second(leader: failover.Failover) -> None:
    from apps.bot.views import knows_secret

    old = credential("TELEGRAM_WEBHOOK_SECRET")
    assert knows_secret(old)
    assert not knows_secret("")
    wanted = failover.move_webhook("", actor="manage.py")
    assert knows_secret(wanted.secret)
    assert not knows_secret(old)


def test_an_unreachable_telegram_is_told_after_a_minute_and_its_end_too(leader: failover.Failover) -> None:
    telegram = step(leader)
    telegram.silent = 59.0
    step(leader)
    assert states("telegram.unreachable") == []
    telegram.silent = 61.0
    step(leader)
    step(leader)
    assert states("telegram.unreachable") == ["open"]
    telegram.silent = 0.0
    step(leader)
    assert states("telegram.unreachable") == ["resolved"]


def test_a_leader_that_starts_without_telegram_does_not_call_it_mended(leader: failover.Failover) -> None:
    raise_incident("telegram.unreachable", "telegram_unreachable")
    leader.telegram.silent = 1.0  # type: ignore[attr-defined]
    step(leader)
    assert states("telegram.unreachable") == ["open"]


def test_while_it_is_silent_it_is_asked_at_every_look(leader: failover.Failover) -> None:
    telegram = step(leader)
    telegram.silent = 5.0
    telegram.calls.clear()
    step(leader, a_minute_later=False)
    assert telegram.calls == ["getWebhookInfo"]


def test_another_who_polls_with_our_token_is_told_and_its_end_too(
    leader: failover.Failover, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader.choice.want("polling")
    failover.MODE.set("polling", actor="test")
    leader._start_polling = lambda: None  # type: ignore[method-assign]
    now = 1000.0
    monkeypatch.setattr(token_conflict.time, "monotonic", lambda: now)
    ours = Conflict("Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first")
    theirs = Conflict(
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    )
    for ended in (ours, ours, ours, theirs, theirs):
        leader._rival.note(ended)
    step(leader, a_minute_later=False)
    assert states("telegram.rival") == [], "a leader that was replaced makes one or two"
    leader._rival.note(theirs)
    step(leader, a_minute_later=False)
    step(leader, a_minute_later=False)
    assert states("telegram.rival") == ["open"]
    now += token_conflict.GONE
    step(leader, a_minute_later=False)
    assert states("telegram.rival") == ["resolved"]


def test_a_bot_that_somebody_renames_is_told_once(leader: failover.Failover) -> None:
    """A thief of the token may call the shop's bot what he likes."""

    def look() -> Telegram:
        leader._profile_at = -1e9
        return step(leader)

    telegram = look()
    assert "getMe" in telegram.calls
    telegram.me = {**telegram.me, "has_topics_enabled": False}
    look()
    assert states("telegram.profile") == [], "what Telegram adds to its answers is no change of ours"
    telegram.me["first_name"] = "Toko Murah"
    look()
    look()
    told = Incident.objects.get(key="telegram.profile")
    assert (told.state, told.data["was"], told.data["now"]) == (
        "resolved",
        "Toko (@toko_bot)",
        "Toko Murah (@toko_bot)",
    )
    telegram.me["can_join_groups"] = False
    look()
    telegram.names["id"] = "Toko Gratis"
    look()
    told = Incident.objects.order_by("id")
    assert [row.data["renamed"] for row in told] == [True, False, True]
    assert told[2].data["now"] == "Toko Murah / Toko Gratis (@toko_bot)", "for Indonesians only"
    telegram.me = {**telegram.me, "id": 2, "username": "toko_baru_bot"}
    look()
    assert Incident.objects.count() == 3, "another bot was put in force by failover bot, which tells it"


def test_polling_that_nobody_asked_for_is_told_for_as_long_as_it_lasts(
    leader: failover.Failover, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unwell(client: Any) -> bool:
        return False

    def wanted(mode: str) -> None:
        failover.MODE.set(mode, actor="test")
        step(leader)

    monkeypatch.setattr(failover, "probe_webhook", unwell)
    leader._start_polling = lambda: None  # type: ignore[method-assign]
    step(leader)
    assert states("telegram.mode") == ["open"]
    resolve_incident("telegram.mode", actor="owner")
    step(leader)
    assert states("telegram.mode") == ["resolved", "open"], "it was closed too early"
    wanted("polling")
    assert states("telegram.mode") == ["resolved", "resolved"], "now somebody asked for it"
    wanted("auto")
    assert states("telegram.mode") == ["resolved", "resolved"], "and waits for the webhook to prove itself"
    leader.choice._bad_since = time.monotonic() - failover.PATIENCE
    step(leader)
    assert states("telegram.mode") == ["resolved", "resolved", "open"], "it is still down"
