"""Another bot in place of a banned one: same buyers, same orders, nothing paid is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from apps.base.audit import AuditRow
from apps.base.credentials import adopt_environment, credential
from apps.bot.models import Chat, OutboundMessage
from apps.orders.models import Order, Variant
from tests.conftest import make_product
from tests.driver import Buyer, Shop

NEW = "2000002:barubarubaru"


def test_an_open_order_is_told_and_can_be_paid(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    shop.change_bot(NEW)
    sari.says("/start")
    assert any("Kami sekarang memakai bot ini" in text and number in text for text in sari.heard)
    photos = [m for m in sari.messages if m.get("photo") and number in m["text"]]
    assert len(photos) == 2, "the QR again, by the new bot"
    shop.pays(number)
    assert "Ini barangnya" in sari.heard[-1] or any("Ini barangnya" in text for text in sari.heard)
    assert Order.objects.get(number=number).state == "delivered"
    closed = [m for m in sari.messages if m.get("photo")][-1]
    assert "Batalkan" not in str(closed["keyboard"]), "the new bot's invoice is closed, not the old one's"


def test_goods_paid_meanwhile_wait_for_the_buyer(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    shop.change_bot(NEW)
    shop.pays(number)
    assert not any("Ini barangnya" in text for text in sari.heard), "the new bot may not write first"
    assert not OutboundMessage.objects.filter(dead_at__isnull=False).exists()
    sari.says("/start")
    assert sum("barang" in text and number in text for text in sari.heard) >= 1
    assert any("spotify-00001@contoh.id" in text for text in sari.heard)
    call_command("checkinvariants", "--fresh")


def test_it_is_told_once(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    sari.orders("Spotify")
    shop.change_bot(NEW)
    sari.says("/start").says("/start")
    assert sum("memakai bot ini" in text for text in sari.heard) == 1


def test_who_has_nothing_open_only_meets_the_menu(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    sari.says("/start")
    shop.change_bot(NEW)
    sari.says("/start")
    assert "selamat datang" in sari.heard[-1]
    assert not any("memakai bot ini" in text for text in sari.heard)


def test_old_messages_are_not_edited_by_the_new_bot(shop: Shop, sari: Buyer, spotify: Variant) -> None:
    number = sari.orders("Spotify")
    shop.change_bot(NEW)
    shop.forward(minutes=20)  # the invoice runs out: its buttons were to be taken off
    assert Order.objects.get(number=number).state == "expired"
    assert not OutboundMessage.objects.filter(method__startswith="edit", state="queued").exists()
    assert not OutboundMessage.objects.filter(dead_at__isnull=False).exists()


def test_a_newcomer_needs_no_second_meeting(shop: Shop, dewi: Buyer, spotify: Variant) -> None:
    shop.change_bot(NEW)
    dewi.says("/start")
    assert not Chat.objects.exclude(bot=None).filter(blocked_at__isnull=False).exists()
    number = dewi.orders("Spotify")
    shop.pays(number)
    assert any("Ini barangnya" in text for text in dewi.heard)


def test_pictures_survive(shop: Shop, sari: Buyer) -> None:
    """They are kept as bytes: file ids die with the bot."""
    import io

    from PIL import Image

    from apps.bot.pictures import keep_picture
    from apps.orders.models import Product

    out = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(out, "PNG")
    make_product("kopi", units=1)
    Product.objects.update(picture=keep_picture(out.getvalue()))
    sari.says("/start").presses("Semua produk").presses("Kopi")
    assert sari.screen["photo"]
    shop.change_bot(NEW)
    sari.says("/start").presses("Semua produk").presses("Kopi")
    assert sari.screen["photo"]
    assert sari.screen["bot"] == 2000002


def test_it_is_audited_told_and_not_undone(shop: Shop, tono: Buyer) -> None:
    tono.says("/start")
    shop.change_bot(NEW)
    assert adopt_environment() == []
    assert credential("TELEGRAM_BOT_TOKEN", fresh=0) == NEW
    assert AuditRow.objects.filter(kind="telegram.bot", data__username="baru_bot").count() == 1
    assert NEW not in str(list(AuditRow.objects.values_list("data", flat=True)))
    tono.says("/start")
    shop.settle()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("rubbish", "no bot token"),
        ("1000001:sandbox", "uses already"),
        ("3000003:tidakdikenal", "does not know this token"),
    ],
)
def test_a_token_that_cannot_be_used(shop: Shop, monkeypatch: Any, given: str, words: str) -> None:
    import io

    from apps.base.commands import UsedWrongly

    monkeypatch.setattr("sys.stdin", io.StringIO(given + "\n"))
    before = credential("TELEGRAM_BOT_TOKEN")
    with pytest.raises(UsedWrongly, match=words):
        call_command("failover", "bot")
    assert credential("TELEGRAM_BOT_TOKEN", fresh=0) == before


def test_a_revoked_token_is_replaced_and_nobody_notices(
    shop: Shop, sari: Buyer, spotify: Variant, monkeypatch: Any
) -> None:
    """The same bot under another token, as @BotFather's /revoke gives it."""
    import io

    number = sari.orders("Spotify")
    renewed = "1000001:renewed-token"
    shop.fakes.do(lambda: setattr(shop.fakes.world, "token", renewed))
    monkeypatch.setattr("sys.stdin", io.StringIO(renewed + "\n"))
    out = io.StringIO()
    call_command("failover", "bot", stdout=out)
    assert "goes on with its new token" in out.getvalue()
    assert credential("TELEGRAM_BOT_TOKEN", fresh=0) == renewed
    shop.telegram = None
    shop.pays(number)
    assert any("Ini barangnya" in text for text in sari.heard)
    assert not any("memakai bot ini" in text for text in sari.heard)
