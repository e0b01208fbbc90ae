"""The fakes refuse what the real ones refuse, and forget nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.orders.gateways.pakasir.fake import Fake as FakePakasir
from apps.orders.gateways.pakasir.fake import Refusal, fee_of
from fakes.bot_api_rules import BadRequest, parse_html, read_keyboard
from fakes.faults import Faults
from fakes.rate_limits import Answer
from fakes.saved_state import Journal
from fakes.telegram import FakeTelegram


@pytest.fixture
def telegram(tmp_path: Path) -> FakeTelegram:
    made = FakeTelegram(Journal(tmp_path, "telegram"), rate=1e6)
    made.add_user(1, "Sari")
    return made


def refuses(telegram: FakeTelegram, method: str, **params: Any) -> str:
    with pytest.raises(Answer) as caught:
        telegram.call(method, params)
    return f"{caught.value.code} {caught.value.description}"


@pytest.mark.parametrize(
    "html", ["<b>x", "x</b>", "<b><i>x</b></i>", "a < b", "<br>", "<script>x</script>", "<b", "<>x</>", "<p>x</p>"]
)
def test_bad_html(telegram: FakeTelegram, html: str) -> None:
    assert "can't parse entities" in refuses(telegram, "sendMessage", chat_id="1", text=html, parse_mode="HTML")


@given(st.text())
def test_escaped_text_always_passes(text: str) -> None:
    import html

    assert parse_html(f"<b>{html.escape(text)}</b>") == text


def test_sizes_and_unknown_things(telegram: FakeTelegram) -> None:
    assert "too long" in refuses(telegram, "sendMessage", chat_id="1", text="x" * 4097)
    assert "empty" in refuses(telegram, "sendMessage", chat_id="1", text="  ")
    assert "unknown parameter" in refuses(telegram, "sendMessage", chat_id="1", text="x", colour="red")
    assert "required" in refuses(telegram, "sendMessage", chat_id="1")
    assert "chat not found" in refuses(telegram, "sendMessage", chat_id="9", text="x")
    assert refuses(telegram, "sendCarrot", chat_id="1") == "404 Not Found"
    assert "not found" in refuses(telegram, "editMessageText", chat_id="1", message_id="99", text="x")
    telegram.block(1, True)
    assert refuses(telegram, "sendMessage", chat_id="1", text="x").startswith("403")


@pytest.mark.parametrize(
    "raw",
    [
        "{",
        "[]",
        '{"inline_keyboard": [[{"text": "x"}]]}',
        '{"inline_keyboard": [[{"text": "x", "callback_data": "' + "y" * 65 + '"}]]}',
        '{"inline_keyboard": [[]]}',
    ],
)
def test_bad_keyboards(raw: str) -> None:
    with pytest.raises(BadRequest):
        read_keyboard(raw)


def test_the_same_edit_twice(telegram: FakeTelegram) -> None:
    sent = telegram.call("sendMessage", {"chat_id": "1", "text": "a"})
    edit = {"chat_id": "1", "message_id": str(sent["message_id"]), "text": "b"}
    telegram.call("editMessageText", edit)
    assert "not modified" in refuses(telegram, "editMessageText", **edit)


def test_too_many_messages(tmp_path: Path) -> None:
    telegram = FakeTelegram(Journal(tmp_path, "telegram"), rate=30)
    telegram.add_user(1, "Sari")
    for _ in range(6):
        telegram.call("sendMessage", {"chat_id": "1", "text": "x"})
    assert "429 Too Many Requests" in refuses(telegram, "sendMessage", chat_id="1", text="x")


def test_webhook_and_polling_exclude_each_other(telegram: FakeTelegram) -> None:
    import asyncio

    telegram.call("setWebhook", {"url": "https://x"})
    with pytest.raises(Answer) as caught:
        asyncio.run(telegram.get_updates({}))
    assert caught.value.code == 409


def test_a_killed_fake_forgets_nothing(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.say(1, "halo")
    telegram.call("sendMessage", {"chat_id": "1", "text": "hai"})
    with (tmp_path / "telegram.jsonl").open("ab") as out:
        out.write(b'{"kind":"mess')  # cut short by the kill
    again = FakeTelegram(Journal(tmp_path, "telegram"))
    assert [m["text"] for m in again.chats[1]] == ["halo", "hai"]
    assert list(again.pending) == list(telegram.pending)
    again.say(1, "lagi")
    assert [m["text"] for m in FakeTelegram(Journal(tmp_path, "telegram")).chats[1]][-1] == "lagi"


@pytest.fixture
def pakasir(tmp_path: Path) -> FakePakasir:
    return FakePakasir(Journal(tmp_path, "pakasir"), Faults(), project="p", key="k", secret="s", shop_url="http://x")


def test_pakasir_finds_or_creates(pakasir: FakePakasir) -> None:
    body = {"method": "qris", "amount": 12_000}
    assert pakasir.create("p", "AO-1", body)["txn_id"] == pakasir.create("p", "AO-1", body)["txn_id"]
    with pytest.raises(Refusal):
        pakasir.create("p", "AO-1", {**body, "amount": 13_000})
    assert pakasir.broken_rules == ["AO-1 with another amount"]


def test_pakasir_refuses_haste_and_strangers(pakasir: FakePakasir) -> None:
    txn = pakasir.create("p", "AO-1", {"method": "qris", "amount": 12_000})["txn_id"]
    pakasir.status("p", txn)
    with pytest.raises(Refusal, match="Too many"):
        pakasir.status("p", txn)
    with pytest.raises(Refusal, match="Project"):
        pakasir.status("other", txn)
    with pytest.raises(Refusal, match="Invalid API key"):
        pakasir.check_key("wrong")
    with pytest.raises(Refusal, match="Too many"):
        for n in range(10):
            pakasir.create("p", f"AO-{n}", {"method": "qris", "amount": 12_000})


def test_a_canceled_qr_may_still_be_paid(pakasir: FakePakasir) -> None:
    txn = pakasir.create("p", "AO-1", {"method": "qris", "amount": 12_000})["txn_id"]
    pakasir.cancel("p", txn)
    assert pakasir.pay(txn)["status"] == "completed"


@pytest.mark.parametrize(("amount", "fee"), [(18_000, 436), (105_000, 1045), (200_000, 2000)])
def test_fees_as_published(amount: int, fee: int) -> None:
    assert fee_of(amount) == fee
