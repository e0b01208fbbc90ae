"""Encrypted columns: nothing readable in the table, nothing moved opens, nothing half-handled slips through."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from apps.base.ids import uuid7
from apps.base.sealing import lookup_hash, open_sealed, seal
from apps.bot.models import Chat, telegram_hash
from host.crypto import CannotOpen, key_ring
from tests.plugin import KEY

OTHER = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


def make_chat(number: int = 5, name: str = "Sari") -> Chat:
    return Chat.objects.create(telegram_hash=telegram_hash(number), telegram_id=str(number), name=name)


@given(st.binary(max_size=5000))
def test_what_is_sealed_opens_again(plain: bytes) -> None:
    pk = uuid7()
    assert open_sealed(seal(plain, column="a.b", pk=pk), column="a.b", pk=pk) == plain


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_changed_byte_is_noticed(plain: bytes, data: Any) -> None:
    pk = uuid7()
    sealed = bytearray(seal(plain, column="a.b", pk=pk))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotOpen):
        open_sealed(bytes(sealed), column="a.b", pk=pk)


def test_a_value_moved_to_another_row_does_not_open(db: Any) -> None:
    sari, dewi = make_chat(1, "Sari"), make_chat(2, "Dewi")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE bot_chat SET name = (SELECT name FROM bot_chat WHERE id = %s) WHERE id = %s", [sari.pk, dewi.pk]
        )
    with pytest.raises(CannotOpen):
        _ = Chat.objects.get(pk=dewi.pk).name


def test_nothing_readable_lies_in_the_table(db: Any) -> None:
    make_chat(987654321, "Sari Wulandari")
    with connection.cursor() as cursor:
        cursor.execute("SELECT bot_chat::text FROM bot_chat")
        row = cursor.fetchone()[0]
    for secret in ("Sari", "987654321"):
        assert secret not in row
        assert secret.encode().hex() not in row


def test_old_rows_open_after_a_new_key_came_first(db: Any) -> None:
    chat = make_chat()
    with override_settings(FIELD_KEYS=f"k2:{OTHER},k1:{KEY}"):
        fresh = Chat.objects.get(pk=chat.pk)
        assert fresh.name == "Sari"
        fresh.name = "Sari Baru"
        fresh.save()
    with override_settings(FIELD_KEYS=f"k1:{KEY}"), pytest.raises(CannotOpen, match="k2"):
        _ = Chat.objects.get(pk=chat.pk).name


def test_reading_around_the_model_is_refused(db: Any) -> None:
    make_chat()
    with pytest.raises(TypeError):
        str(Chat.objects.values_list("name", flat=True)[0])
    with pytest.raises(TypeError), transaction.atomic():
        Chat.objects.update(name="x")
    with pytest.raises(TypeError):
        Chat.objects.filter(name="Sari").exists()
    chat = Chat.objects.get()
    chat.name = "y"
    with pytest.raises(TypeError), transaction.atomic():
        Chat.objects.bulk_update([chat], ["name"])


def test_a_deferred_value_is_loaded_and_opened(db: Any) -> None:
    make_chat()
    assert Chat.objects.defer("name").get().name == "Sari"
    assert Chat.objects.only("id").get().name == "Sari"


def test_saving_untouched_keeps_the_value(db: Any) -> None:
    chat = make_chat()
    again = Chat.objects.get(pk=chat.pk)
    again.save()
    assert Chat.objects.get(pk=chat.pk).name == "Sari"


def test_lookup_hashes_differ_by_purpose() -> None:
    assert lookup_hash("a", "1") != lookup_hash("b", "1")
    assert len(lookup_hash("a", "1")) == 33


@pytest.mark.parametrize("ring", ["", "k1", "k1:short", "k1:AAAA", ":" + KEY])
def test_a_bad_ring_is_refused(ring: str) -> None:
    with pytest.raises(ValueError):
        key_ring(ring)


def test_keys_grow_with_time() -> None:
    made = [uuid7() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == 5000
    assert {key.version for key in made} == {7}
