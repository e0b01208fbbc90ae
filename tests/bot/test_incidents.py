"""One incident: one alert, reminders after 15 and 60 min, one word when it is over; taken and ended by a button."""

from __future__ import annotations

from typing import Any

import pytest

from apps.base.audit import AuditRow
from apps.base.incidents import Incident, raise_incident, replace_incident, resolve_incident
from tests.driver import Buyer, Shop


def trouble() -> None:
    raise_incident("telegram.mode", "webhook_down")


def heard(person: Buyer) -> list[str]:
    return [text for text in person.heard if "webhook" in text]


@pytest.fixture
def rudi(shop: Shop, settings: Any) -> Buyer:
    """An operator who is not the owner."""
    settings.ADMIN_CHAT_IDS = [703]
    return shop.buyer(703, "Rudi")


def test_one_alert_two_reminders_and_no_more(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    trouble()
    shop.settle()
    assert len(heard(tono)) == 1
    shop.forward(minutes=14)
    assert len(heard(tono)) == 1
    shop.forward(minutes=2)
    assert len(heard(tono)) == 2
    assert "Masih terbuka sejak" in heard(tono)[-1]
    assert "2 kali" in heard(tono)[-1]
    shop.forward(minutes=40)
    assert len(heard(tono)) == 2
    shop.forward(minutes=5)
    assert len(heard(tono)) == 3
    shop.forward(days=2)
    assert len(heard(tono)) == 3


def test_one_word_when_it_is_over(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    resolve_incident("telegram.mode")
    resolve_incident("telegram.mode")
    shop.settle()
    assert len(heard(tono)) == 2
    assert heard(tono)[-1].startswith("✅ Selesai")
    shop.forward(minutes=61)
    assert len(heard(tono)) == 2


def test_over_before_anybody_was_told_is_told_in_order(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.forward(seconds=1)
    Incident.objects.update(told=0)
    resolve_incident("telegram.mode")
    shop.settle()
    shop.forward(seconds=2)
    assert [text[:1] for text in heard(tono)] == ["⚠", "✅"]


def test_who_takes_it_is_left_in_peace(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    tono.presses("Kutangani")
    assert tono.toast == "Baik, tidak diingatkan lagi."
    assert Incident.objects.get().state == "acknowledged"
    assert [b["text"] for row in tono.screen["keyboard"] for b in row] == ["Bisukan 8 jam", "Selesai"]
    shop.forward(minutes=61)
    assert len(heard(tono)) == 1
    tono.presses("Selesai")
    shop.settle()
    assert Incident.objects.get().state == "resolved"
    assert heard(tono)[-1].startswith("✅ Selesai")
    assert AuditRow.objects.filter(kind__startswith="incident.").count() == 2


def test_muted_is_silent_for_a_night_however_often_it_comes_back(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    tono.presses("Bisukan 8 jam")
    assert tono.toast.startswith("Dibisukan 8 jam")
    assert [b["text"] for row in tono.screen["keyboard"] for b in row] == ["Kutangani", "Selesai"]
    shop.forward(minutes=61)
    assert len(heard(tono)) == 1
    resolve_incident("telegram.mode")
    shop.settle()
    assert [text[:1] for text in heard(tono)] == ["⚠", "✅"], "who heard that it began hears that it is over"
    trouble()
    shop.forward(minutes=61)
    resolve_incident("telegram.mode")
    shop.settle()
    trouble()
    shop.forward(minutes=1)
    assert len(heard(tono)) == 2
    shop.forward(hours=7)
    assert len(heard(tono)) == 3, "the night is over, and it is still there"
    shop.forward(minutes=61)
    assert "Masih terbuka sejak" in heard(tono)[-1]


def test_a_trouble_that_is_over_can_be_muted_and_again_after_the_night(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    data, message = tono.button("Bisukan 8 jam"), tono.screen["message_id"]
    resolve_incident("telegram.mode")
    shop.settle()
    tono.presses_data(data, message)
    assert tono.toast.startswith("Dibisukan 8 jam")
    tono.presses_data(data, message)
    assert tono.toast == "Sudah dibisukan."
    trouble()
    shop.settle()
    assert len(heard(tono)) == 2, "it came back, and nobody is woken"
    shop.forward(hours=8, minutes=1)
    assert len(heard(tono)) == 3
    tono.presses("Bisukan 8 jam")
    assert tono.toast.startswith("Dibisukan 8 jam")
    shop.forward(hours=7)
    assert len(heard(tono)) == 3


def test_what_was_told_and_muted_is_remembered_when_the_night_is_over(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    tono.presses("Bisukan 8 jam")
    shop.forward(hours=7, minutes=50)
    assert len(heard(tono)) == 1
    shop.forward(minutes=11)
    assert len(heard(tono)) == 2
    assert "Masih terbuka sejak" in heard(tono)[-1]


def test_the_same_trouble_again_is_a_new_incident(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    resolve_incident("telegram.mode")
    trouble()
    shop.settle()
    assert Incident.objects.count() == 2
    assert len(heard(tono)) == 3


def test_operators_hear_of_the_machine_and_not_of_money(shop: Shop, tono: Buyer, rudi: Buyer) -> None:
    trouble()
    raise_incident("review.AO-1", "money_review", number="AO-1", why="late", amount=1, asked=1)
    shop.settle()
    assert len(rudi.heard) == 1
    assert len(tono.heard) == 2


def test_a_buyer_cannot_press_it(shop: Shop, tono: Buyer, sari: Buyer) -> None:
    trouble()
    shop.settle()
    data = tono.button("Selesai")
    sari.says("/start").presses_data(data)
    assert sari.toast == "Tombol ini sudah tidak berlaku."
    assert Incident.objects.get().state == "open"


@pytest.mark.parametrize("data", ["incident", "incident:over", "incident:x:y", "incident:over:" + "0" * 32])
def test_rubbish_is_answered(shop: Shop, tono: Buyer, data: str) -> None:
    trouble()
    shop.settle()
    tono.presses_data(data)
    assert tono.toast == "Tombol ini sudah tidak berlaku."


def test_what_only_informs_is_told_once(shop: Shop, tono: Buyer) -> None:
    raise_incident("credential.X", "credential_adopted", needs_hand=False, name="X")
    shop.settle()
    assert len(tono.heard) == 1
    assert "keyboard" not in tono.messages[-1] or not tono.messages[-1]["keyboard"]
    shop.forward(minutes=61)
    assert len(tono.heard) == 1


def worsens() -> None:
    replace_incident("telegram.mode", "webhook_down")


def test_what_becomes_worse_while_muted_stays_silent_and_its_end_is_told(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    tono.presses("Bisukan 8 jam")
    worsens()
    shop.settle()
    assert len(heard(tono)) == 1
    resolve_incident("telegram.mode")
    shop.settle()
    assert [text[0] for text in heard(tono)] == ["⚠", "✅"]


def test_taking_an_old_alert_takes_what_became_of_it(shop: Shop, tono: Buyer) -> None:
    trouble()
    shop.settle()
    old = tono.button("Kutangani")
    worsens()
    shop.settle()
    tono.presses_data(old)
    assert tono.toast == "Baik, tidak diingatkan lagi."
    assert [row.state for row in Incident.objects.order_by("id")] == ["resolved", "acknowledged"]
    tono.presses_data(old)
    assert tono.toast == "Sudah ada yang menangani, atau sudah selesai."
