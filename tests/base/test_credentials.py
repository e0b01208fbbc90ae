"""Rotatable secrets and how the environment meets the database."""

from __future__ import annotations

from typing import Any

import pytest

from apps.base.audit import AuditRow
from apps.base.credentials import Credential, adopt_environment, credential, fingerprint
from apps.base.incidents import Incident, raise_incident, resolve_incident
from apps.bot.models import OutboundMessage
from tests.driver import Buyer, Shop

NAME = "PAKASIR_API_KEY"


@pytest.fixture
def environment(db: Any, settings: Any) -> Any:
    def set_to(value: str) -> list[str]:
        settings.CREDENTIALS = {NAME: value}
        return adopt_environment()

    return set_to


def test_the_first_value_is_adopted_quietly(environment: Any) -> None:
    assert environment("one") == [NAME]
    assert credential(NAME) == "one"
    assert not Incident.objects.exists()


def test_an_unchanged_value_never_undoes_a_rotation(environment: Any) -> None:
    environment("one")
    row = Credential.objects.get(name=NAME)
    row.value = "rotated"
    row.save()
    assert environment("one") == []
    assert credential(NAME) == "rotated"


def test_a_changed_value_is_adopted_audited_and_told(environment: Any) -> None:
    environment("one")
    assert environment("two") == [NAME]
    assert credential(NAME) == "two"
    assert AuditRow.objects.filter(kind="credential.adopted", data={"changed": True}).count() == 1
    assert Incident.objects.get().key == f"credential.{NAME}"


def test_fingerprints_tell_nothing(environment: Any) -> None:
    environment("one")
    assert b"one" not in bytes(Credential.objects.get().fingerprint)
    assert fingerprint("one") != fingerprint("two")


def test_an_unknown_name_is_empty(db: Any) -> None:
    assert credential("NOTHING") == ""


def test_an_incident_reaches_the_owner_once(shop: Shop, tono: Buyer) -> None:
    for _ in range(3):
        raise_incident("gateway.pakasir", "gateway_down", gateway="pakasir")
    shop.settle()
    assert len(tono.heard) == 1
    assert "Gateway pakasir gagal berkali-kali" in tono.heard[0]
    assert Incident.objects.get().times == 3
    resolve_incident("gateway.pakasir")
    raise_incident("gateway.pakasir", "gateway_down", gateway="pakasir")
    shop.settle()
    assert [text[:1] for text in tono.heard] == ["🔴", "✅", "🔴"]
    assert OutboundMessage.objects.filter(state="sent").count() == 3
