"""Every screen fits Telegram, measured as Telegram does; what it refuses all the same gets a plainer form."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from telegram.error import BadRequest, ChatMigrated, Forbidden

from apps.bot.api.client import Verdict, judge
from apps.bot.chats import chat_of
from apps.bot.dialogue.screens import Button, Screen, send_screen
from apps.bot.dialogue.texts import plain
from apps.bot.models import OutboundMessage, Picture, PictureFile
from apps.bot.outbound import outbox
from apps.bot.outbound.message_limits import BUTTON, BUTTONS, CAPTION, TEXT, cut, cut_html, file_name, seen, units
from apps.bot.picture_encoder import fitting_size, reencoded
from apps.bot.pictures import BadPicture, keep_picture
from apps.orders.models import CartItem, Product, Variant
from fakes.bot_api_rules import CODES, parse_html, size_of
from tests.conftest import make_product
from tests.driver import Buyer, Shop

EMOJI = "🎁"  # two units each


class TestMeasure:
    @given(st.text(max_size=300), st.integers(1, 200))
    def test_a_cut_text_fits_and_is_a_beginning(self, text: str, most: int) -> None:
        short = cut(text, most)
        assert units(short) <= most
        assert short == text or text.startswith(short.removesuffix("…"))

    @given(
        st.lists(st.sampled_from(["<b>", "</b>", "<i>", "</i>", "&amp;", "&lt;", "a", "🎁", "\n", "é"]), max_size=80),
        st.integers(2, 60),
    )
    def test_a_cut_html_text_fits_and_stays_whole(self, pieces: list[str], most: int) -> None:
        text, open_tags = "", []
        for piece in pieces:  # well nested, as templates are
            if piece.startswith("</"):
                if open_tags and open_tags[-1] == piece[2:-1]:
                    open_tags.pop()
                    text += piece
            else:
                if piece.startswith("<"):
                    open_tags.append(piece[1:-1])
                text += piece
        text += "".join(f"</{tag}>" for tag in reversed(open_tags))
        short = cut_html(text, most)
        assert seen(short) <= most
        parse_html(short)

    @pytest.mark.parametrize(
        ("name", "kept"),
        [("Bukti bayar.pdf", "Bukti bayar.pdf"), ("x" * 100 + ".pdf", "x" * 56 + ".pdf"), ("é🎁+ %.csv", "é🎁+ %.csv"),
         ("a/b\\c.txt", "abc.txt"), ("", "barang"), ("x" * 100, "x" * 60), (".env", ".env"), ("a\r\nb.txt", "ab.txt")],
    )  # fmt: skip
    def test_names_of_files_keep_their_ending(self, name: str, kept: str) -> None:
        assert file_name(name, "barang") == kept


class TestScreens:
    def test_a_product_with_a_picture_and_many_emoji_opens(self, shop: Shop, sari: Buyer, spotify: Variant) -> None:
        out = io.BytesIO()
        Image.new("RGB", (300, 200), "navy").save(out, "PNG")
        Product.objects.update(description=EMOJI * 700, picture=keep_picture(out.getvalue()))
        sari.says("/start").presses("Semua produk").presses("Spotify")
        assert sari.screen["photo"] or EMOJI in sari.screen["text"]
        assert any("Beli" in b["text"] for row in sari.screen["keyboard"] for b in row)
        assert not OutboundMessage.objects.exclude(last_error="").exists()

    @pytest.mark.parametrize("chars", [EMOJI, "&", "<", "é"])
    def test_an_invoice_always_says_number_amount_and_deadline(self, shop: Shop, sari: Buyer, chars: str) -> None:
        sari.says("/start")
        for n in range(8):
            variant = make_product(f"p{n}", units=1, name=(f"P{n} " + chars * 60)[:60], price=1_000 + n)
            CartItem.objects.create(chat=chat_of(701), variant=variant, quantity=1)
        sari.says("/keranjang").presses("Bayar semua").presses("QRIS")
        number = sari.invoice_number()
        text = next(m["text"] for m in sari.messages if m.get("photo"))
        assert number in text
        assert "Rp8.394" in text
        assert "Bayar sebelum" in text
        assert seen(text) <= CAPTION

    def test_a_cart_of_twenty_lines_keeps_within_the_buttons(self, shop: Shop, sari: Buyer) -> None:
        for n in range(20):
            make_product(f"p{n}", units=1, name=f"Produk {n:02d} {EMOJI * 20}")
        sari.says("/start")
        for variant in Variant.objects.all():
            CartItem.objects.create(chat=chat_of(701), variant=variant, quantity=1)
        sari.says("/keranjang")
        buttons = [b for row in sari.screen["keyboard"] for b in row]
        assert len(buttons) <= BUTTONS
        assert any(b["text"] == "Bayar semua" for b in buttons)
        seen_names = set()
        for _ in range(3):
            seen_names |= {
                b["text"][:9] for row in sari.screen["keyboard"] for b in row if b["text"].startswith("Produk")
            }
            if any("Berikutnya" in b["text"] for row in sari.screen["keyboard"] for b in row):
                sari.presses("Berikutnya")
        assert len(seen_names) == 20

    @given(st.text(min_size=1, max_size=300))
    def test_labels_fit(self, text: str) -> None:
        label = Button(text, "x").as_json()["text"]
        assert 1 <= units(label) <= BUTTON

    def test_the_old_screen_goes_only_when_the_new_one_stands(self, shop: Shop, sari: Buyer, spotify: Variant) -> None:
        out = io.BytesIO()
        Image.new("RGB", (300, 200), "navy").save(out, "PNG")
        Product.objects.update(picture=keep_picture(out.getvalue()))
        sari.says("/start").presses("Semua produk")
        shop.fakes.world.faults.telegram_500 = True
        where, data = sari.screen["message_id"], sari.button("Spotify")
        shop.fakes.do(lambda: shop.fakes.world.telegram.press(701, where, data))
        for _ in range(3):
            shop.bring_updates()
            shop.send_messages()
        assert any("Pilih salah satu" in text for text in sari.heard), "a chat never stands empty"
        shop.fakes.world.faults.telegram_500 = False
        shop.forward(seconds=3)
        assert "Beli" in str(sari.screen["keyboard"])
        assert not any("Pilih salah satu" in text for text in sari.heard)


class TestRefused:
    """Whatever Telegram dislikes: words, picture, keyboard, something remembered."""

    def test_a_screen_becomes_plain_and_stands(self, shop: Shop, sari: Buyer) -> None:
        sari.says("/start")
        send_screen(chat_of(701), Screen("<b>tebal</b> <unknown>", [[Button("Menu", "home")]]))
        shop.settle()
        assert sari.heard[-1].strip() == "tebal"
        assert sari.button("Menu") == "home"

    def test_a_keyboard_too_large_is_left_out_at_last(self, shop: Shop, sari: Buyer) -> None:
        sari.says("/start")
        rows = [[{"text": "x" * 60, "callback_data": "y" * 64}] * 8] * 12
        outbox.send(chat_of(701), "sendMessage", {"text": "halo", "reply_markup": {"inline_keyboard": rows}})
        shop.settle()
        assert sari.heard[-1] == "halo"

    def test_a_remembered_picture_that_telegram_forgot_is_sent_anew(
        self, shop: Shop, sari: Buyer, spotify: Variant
    ) -> None:
        out = io.BytesIO()
        Image.new("RGB", (300, 200), "navy").save(out, "PNG")
        picture = keep_picture(out.getvalue())
        Product.objects.update(picture=picture)
        PictureFile.objects.create(bot=outbox.bot_id(), picture=picture, file_id="forgotten")
        sari.says("/start").presses("Semua produk").presses("Spotify")
        assert "Beli" in str(sari.screen["keyboard"])
        assert not PictureFile.objects.filter(file_id="forgotten").exists()

    def test_what_is_refused_for_no_reason_we_know_ends_without_a_loop(
        self, shop: Shop, sari: Buyer, tono: Buyer
    ) -> None:
        sari.says("/start")
        shop.fakes.world.faults.telegram_refuses = "pantang"
        message = outbox.send_text(chat_of(701), "kata pantang")
        shop.settle()
        message.refresh_from_db()
        assert (message.state, message.plainness) == ("failed", 2)
        assert any("Telegram menolak satu pesan" in text for text in tono.heard)

    def test_an_invoice_whose_words_are_refused_comes_with_the_shortest(
        self, shop: Shop, sari: Buyer, spotify: Variant
    ) -> None:
        Product.objects.update(name="Pantangan")
        shop.fakes.world.faults.telegram_refuses = "Pantangan"
        from apps.bot.models import Chat
        from apps.orders.services import checkout
        from apps.orders.services.hoarding_limits import Wanted

        sari.says("/start")
        checkout.place(buyer=Chat.objects.get(), basket=[Wanted(Variant.objects.select_related("product").get(), 1)])
        shop.settle()
        text = next(m["text"] for m in sari.messages if m.get("photo"))
        assert text.startswith("AO-")
        assert "Rp18.436" in text
        assert "Bayar sebelum" in text

    def test_goods_are_never_shortened(self, shop: Shop, sari: Buyer) -> None:
        sari.says("/start")
        outbox.send_text(chat_of(701), "<i>" + "y" * 5000, kind="goods")
        shop.settle()
        file = sari.messages[-1]["document"]
        assert shop.fakes.do(lambda: shop.fakes.world.telegram.journal.blob(file)) == b"y" * 5000

    def test_in_codes_with_underscores_too(self, shop: Shop, sari: Buyer) -> None:
        shop.fakes.world.faults.telegram_codes = True
        sari.says("/start")
        outbox.send_text(chat_of(701), "z" * 5000, kind="goods")
        shop.settle()
        assert sari.messages[-1]["document_name"] == "pesanan.txt"
        target = sari.screen["message_id"]
        for _ in range(2):
            outbox.send(chat_of(701), "editMessageText", {"message_id": target, "text": "sama"}, target=target)
            shop.settle()
        assert not OutboundMessage.objects.filter(state="failed").exists()


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("message is not modified: specified", Verdict.DONE),
        ("MESSAGE_NOT_MODIFIED", Verdict.DONE),
        ("query is too old and response timeout expired or query ID is invalid", Verdict.DONE),
        ("QUERY_ID_INVALID", Verdict.DONE),
        ("MESSAGE_ID_INVALID", Verdict.ANEW),
        ("message to edit not found", Verdict.ANEW),
        ("message can't be edited", Verdict.ANEW),
        ("MEDIA_CAPTION_TOO_LONG", Verdict.PLAINER),
        ("MESSAGE_TOO_LONG", Verdict.PLAINER),
        ("MESSAGE_EMPTY", Verdict.PLAINER),
        ("message text is empty", Verdict.PLAINER),
        ("REPLY_MARKUP_TOO_LONG", Verdict.PLAINER),
        ("can't parse entities: x", Verdict.PLAINER),
        ("PHOTO_INVALID_DIMENSIONS", Verdict.PLAINER),
        ("wrong file identifier/HTTP URL specified", Verdict.PLAINER),
        ("SOMETHING_NEW", Verdict.PLAINER),
        ("USER_IS_BLOCKED", Verdict.BLOCKED),
        ("INPUT_USER_DEACTIVATED", Verdict.BLOCKED),
        ("chat not found", Verdict.REFUSED),
    ],
)
def test_refusals_are_sorted_in_both_spellings(said: str, verdict: Verdict) -> None:
    assert judge(BadRequest(said)).verdict is verdict
    assert judge(Forbidden("bot was blocked by the user")).verdict is Verdict.BLOCKED
    assert judge(ChatMigrated(-1009)).result == -1009
    assert CODES["message is too long"] == "MESSAGE_TOO_LONG"


class TestPictures:
    def picture(self, size: tuple[int, int], kind: str = "PNG", **more: Any) -> bytes:
        out = io.BytesIO()
        image = Image.new("RGB", size, "white")
        image.paste("red", (0, 0, size[0] // 2, size[1]))
        image.save(out, kind, **more)
        return out.getvalue()

    @pytest.mark.parametrize("size", [(2000, 40), (40, 2000), (1, 900), (3000, 3000), (7, 7)])
    def test_every_kept_picture_fits_telegram(self, size: tuple[int, int]) -> None:
        width, height = size_of(reencoded(self.picture(size)))
        assert max(width, height) <= 1280
        assert max(width, height) <= 20 * min(width, height)

    def test_a_phones_photo_stands_upright(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        kept = reencoded(self.picture((400, 200), "JPEG", exif=exif))
        assert size_of(kept) == (200, 400)
        assert b"Exif" not in kept

    def test_sizes_that_fit_stay(self) -> None:
        assert fitting_size(1280, 720) == (1280, 720)
        assert fitting_size(1280, 10) == (1280, 86)

    def test_one_that_unpacks_to_much_is_refused(self, db: Any) -> None:
        out = io.BytesIO()
        Image.new("1", (6000, 5000)).save(out, "PNG", optimize=True)
        with pytest.raises(BadPicture, match="25"):
            keep_picture(out.getvalue())

    @pytest.mark.parametrize(
        "content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"<svg/>", b"\xff\xd8\xff" + b"x" * 50]
    )
    def test_what_is_no_picture(self, db: Any, content: bytes) -> None:
        with pytest.raises(BadPicture):
            keep_picture(content)

    def test_the_same_is_kept_once(self, db: Any) -> None:
        keep_picture(self.picture((30, 20)))
        keep_picture(self.picture((30, 20)))
        assert Picture.objects.count() == 1


def test_the_longest_text_has_4096_units() -> None:
    assert seen(cut_html(EMOJI * 5000, TEXT)) <= TEXT
    assert plain(cut_html("<b>" + "x" * 5000 + "</b>", TEXT)).endswith("…")
