"""What counts as goods, names and prices: judged as it looks, sold as it is, refused by cell or line."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from apps.base.normalize_text import alike, is_empty, same_goods, tidy
from apps.orders.checkout_answers import Kind as Answer
from apps.orders.checkout_answers import kind_of, read_kind
from apps.orders.importing.pasted_lists import clean_line, lines_left_out, read_pasted_products
from apps.orders.importing.products import check_products, import_products
from apps.orders.importing.stock import choose_variant, import_stock, parse_units, twins
from apps.orders.importing.table_files import BadFile
from apps.orders.models import Category, Product, StockUnit, Variant
from tests.conftest import make_product

pytestmark = pytest.mark.usefixtures("in_english")

HEAD = "code,name,price,description,category,terms"


def book(change: Callable[[Any], None]) -> bytes:
    made, out = Workbook(), io.BytesIO()
    change(made)
    made.save(out)
    return out.getvalue()


def refused(raw: bytes, variant: Variant, **more: Any) -> str:
    with pytest.raises(BadFile) as caught:
        parse_units(raw, variant=variant, **more)
    return "\n".join(caught.value.problems)


class TestDuplicates:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("GIFT-1", "GIFT-1 "),
            ("GIFT-1", "\u200bGIFT-1"),
            ("a b", "a\u00a0b"),
            ("é", "e\u0301"),
            ("a  b", "a b"),
            ("x\u00ad1", "x1"),
        ],
    )
    def test_alike_goods_are_one_and_sold_verbatim(self, spotify: Variant, one: str, other: str) -> None:
        assert same_goods(one) == same_goods(other)
        from apps.orders.services.stock import NewUnit, add_units

        done = add_units(variant=spotify, units=[NewUnit(one), NewUnit(other)], actor="t")
        assert (done.added, done.skipped) == (1, 1)
        assert StockUnit.objects.order_by("-id").first().content == one  # type: ignore[union-attr]

    def test_capitals_make_another(self, spotify: Variant) -> None:
        units = parse_units(b"Kode-A\nkode-a\n", variant=spotify)
        assert import_stock(units, variant=spotify, actor="t").added == 2
        assert [unit.content for unit in twins(units)] == ["kode-a"]

    @given(st.text(max_size=60))
    def test_folding_twice_changes_nothing_more(self, text: str) -> None:
        assert same_goods(same_goods(text)) == same_goods(text)
        assert tidy(tidy(text)) == tidy(text)


class TestNames:
    def test_names_that_look_alike_are_one(self, db: Any) -> None:
        import_products(f"{HEAD},variant\nn,Netflix,32000,,Streaming Uji,,1 bulan\n".encode(), actor="t")
        table = f"{HEAD},variant\nn,Netflix\u200b,45000,,Streaming\u00a0Uji,,1\u00a0bulan\n"
        done = import_products(table.encode(), actor="t")
        assert (done.variants_added, done.variants_changed) == (0, 1)
        assert Variant.objects.get().price == 45_000
        assert Category.objects.count() == 1
        assert Product.objects.get().name == "Netflix"
        assert choose_variant(Product.objects.get(), "1  bulan").price == 45_000

    def test_headers_too(self, db: Any) -> None:
        assert check_products("\ufeffCode,\u00a0Name ,PRICE,description,category,terms\nn,N,1000,,,\n".encode())

    def test_on_the_dashboard_as_well(self, db: Any) -> None:
        product = make_product("x", name="𝗡𝗲𝘁𝗳𝗹𝗶𝘅\u200b  Premium\u00a0").product
        product.refresh_from_db()
        assert product.name == "Netflix Premium"

    def test_a_name_that_shows_nothing_is_refused(self, db: Any) -> None:
        with pytest.raises(BadFile, match="column name"):
            check_products(f"{HEAD}\nn,\u200b\u2800,1000,,,\n".encode())
        from django.core.exceptions import ValidationError

        with pytest.raises(ValidationError):
            Product(code="x", name="\u200b\u3164").full_clean()

    @pytest.mark.parametrize("text", ["", " ", "\u200b", "\ufeff\u2060", "\u3164", "\u2800\u2800", "\u00a0\t"])
    def test_nothing_to_see(self, text: str) -> None:
        assert is_empty(text)
        assert not is_empty(f"{text}x")

    def test_emoji_keep_their_joiners(self) -> None:
        assert tidy("👨\u200d👩\u200d👧 Keluarga ❤\ufe0f") == "👨\u200d👩\u200d👧 Keluarga ❤"
        assert alike("Ｎｅｔｆｌｉｘ") == "netflix"


class TestLines:
    @pytest.mark.parametrize("line", ["\u200b", "\ufeff", "\u2060\u200e", "\u3164"])
    def test_a_line_with_nothing_to_see_is_named(self, spotify: Variant, line: str) -> None:
        assert "line 2: nothing in this line can be seen" in refused(f"KODE-1\n{line}\nKODE-2".encode(), spotify)

    @pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\u2066", "\u00ad", "\ufeff"])
    def test_what_hides_in_a_line_is_named_and_cleaned_when_asked(self, spotify: Variant, hidden: str) -> None:
        raw = f"KO{hidden}DE\n".encode()
        assert f"line 1: column 3: the invisible character U+{ord(hidden):04X}" in refused(raw, spotify)
        assert [u.content for u in parse_units(raw, variant=spotify, clean=True)] == ["KODE"]

    @pytest.mark.parametrize("between", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c"])
    def test_two_in_one_line_are_named(self, spotify: Variant, between: str) -> None:
        assert "control character" in refused(f"A{between}B".encode(), spotify)

    @pytest.mark.parametrize(
        ("raw", "kind"),
        [
            (rb"{\rtf1\ansi", "RTF"),
            (b"<!DOCTYPE html><p>", "HTML"),
            (b"<html>", "HTML"),
            (b"%PDF-1.7", "PDF"),
            (b"\xd0\xcf\x11\xe0", ".xls"),
            (b"\xff\xfeK\0", "UTF-16"),
            (b"\x89PNG\r\n", "PNG"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"<?xml version='1.0'?>", "XML"),
        ],
    )
    def test_what_is_no_list_is_refused_by_name(self, spotify: Variant, raw: bytes, kind: str) -> None:
        assert f"this is a {kind}" in refused(raw, spotify)

    @pytest.mark.parametrize(
        "line", ["#N/A", "a@b.c|#REF!", "#VALUE!", "#NAME?|x", "1,23E+15", "a|1.2345E+12", "kode\ufffd"]
    )
    def test_what_was_damaged_before_it_came(self, spotify: Variant, line: str) -> None:
        assert refused(f"ok\n{line}".encode(), spotify).startswith("line 2: ")

    @pytest.mark.parametrize("line", ["E+5", "user#N/A", "1E5", "a|b", "#1 akun", "https://x.id/#REF"])
    def test_what_only_looks_so_is_goods(self, spotify: Variant, line: str) -> None:
        assert [u.content for u in parse_units(line.encode(), variant=spotify)] == [line]


class TestWorkbooks:
    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (lambda b: b.active.append(["KODE", "#N/A"]), "cell B1: '#N/A' is an error"),
            (lambda b: b.active.append(["u@x.id", '=CONCATENATE("pw-",A1)']), "cell B1: the formula has no value"),
            (
                lambda b: (
                    b.active.append(["akun", "p1"]),
                    b.active.append([None, "p2"]),
                    b.active.merge_cells("A1:A2"),
                ),
                "A1:A2 are merged",
            ),
            (
                lambda b: (b.active.append(["a"]), b.create_sheet("Desember").append(["b"])),
                "the sheet 'Desember' has data too (A1)",
            ),
            (
                lambda b: (
                    b.active.append(["a"]),
                    b.active.append(["b"]),
                    setattr(b.active.row_dimensions[2], "hidden", True),
                ),
                "row 2 is hidden",
            ),
            (
                lambda b: (b.active.append(["a", "b"]), setattr(b.active.column_dimensions["B"], "hidden", True)),
                "column B is hidden",
            ),
        ],
    )
    def test_what_its_owner_does_not_see_is_named_by_its_address(
        self, spotify: Variant, change: Callable[[Any], None], named: str
    ) -> None:
        assert named in refused(book(change), spotify)

    def test_empty_sheets_and_stray_spaces_do_not_matter(self, spotify: Variant) -> None:
        def change(made: Workbook) -> None:
            made.active.append(["KODE-1"])
            made.active["F9"] = " "
            made.active["XFD1"] = " "
            made.create_sheet("Kosong")

        assert [u.content for u in parse_units(book(change), variant=spotify)] == ["KODE-1"]

    def test_the_cost_follows_the_data(self, spotify: Variant) -> None:
        def change(made: Workbook) -> None:
            for n in range(1000):
                made.active.append([f"KODE-{n:04d}"])
            made.active["XFD1"] = " "
            made.active["A1048576"] = " "

        begun = time.process_time()
        assert len(parse_units(book(change), variant=spotify)) == 1000
        assert time.process_time() - begun < 60, "it was minutes"

    def test_a_bomb_is_refused_before_it_unpacks(self, spotify: Variant) -> None:
        plain = book(lambda made: made.active.append(["a"]))
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(plain)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.infolist():
                new.writestr(entry, old.read(entry))
            new.writestr("xl/bomb.xml", b" " * 100_000_000)
        assert "unpacks to more than is taken at once" in refused(out.getvalue(), spotify)

    def test_so_is_one_of_many_small_cells(self, spotify: Variant) -> None:
        plain = book(lambda made: made.active.append(["a"]))
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(plain)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.infolist():
                content = old.read(entry)
                if entry.filename == "xl/worksheets/sheet1.xml":
                    cells = b'<row r="1">' + b'<c r="A1"><v>1</v></c>' * 300_000 + b"</row>"
                    content = content.replace(b"</sheetData>", cells + b"</sheetData>")
                new.writestr(entry, content)
        assert "unpacks to more than is taken at once" in refused(out.getvalue(), spotify)


class TestTables:
    ROW = "n,Netflix,32000,,S,"

    @pytest.mark.parametrize(
        "text",
        [
            "sep=;\n{head}\n{row}",
            "\n\n{head}\n{row}",
            "DAFTAR HARGA;;;;;\n{head}\n{row}",
            "{head};;\n{row};;;;",
            "{head}\n{row};; ;\n;;;;;\n",
            "\ufeffsep=;\r\n{head}\r\n{row}\r\n",
        ],
    )
    def test_as_excel_writes_them(self, db: Any, text: str) -> None:
        raw = text.format(head=HEAD.replace(",", ";"), row=self.ROW.replace(",", ";")).encode()
        (entry,) = check_products(raw)
        assert (entry.row.get("name"), entry.price) == ("Netflix", 32_000)

    def test_a_cell_too_many_with_something_in_it_is_named(self, db: Any) -> None:
        with pytest.raises(BadFile, match="line 2: more cells"):
            check_products(f"{HEAD}\n{self.ROW},x\n".encode())

    @pytest.mark.parametrize("cell", ["#N/A", "1.2E+13"])
    def test_errors_of_a_spreadsheet_become_no_name(self, db: Any, cell: str) -> None:
        with pytest.raises(BadFile, match="column name"):
            check_products(f"{HEAD}\nn,{cell},1000,,,\n".encode())


class TestPriceLists:
    @pytest.mark.parametrize(
        "line",
        [
            "Netflix 50k → 35k",
            "Spotify 18k-22k",
            "Viu 1 bln 10k / 3 bln 25k",
            "Netflix 1 bulan ~50k~ 35k",
            "Disney 45k -> 40k",
            "Canva 10rb s/d 15rb",
            "Robux Rp10.000 Rp12.000",
            "Zoom 30k => 25k",
            "Viu 15000/10000",
        ],
    )
    def test_two_amounts_in_a_line_are_named(self, line: str) -> None:
        with pytest.raises(BadFile, match="line 2: "):
            read_pasted_products(f"Netflix - 32k\n{line}".encode())

    @pytest.mark.parametrize(
        ("line", "name", "price"),
        [
            ("𝗡𝗲𝘁𝗳𝗹𝗶𝘅 𝟭 𝗯𝘂𝗹𝗮𝗻 - 𝟯𝟱𝗸", "Netflix 1 bulan", "35000"),
            ("Ｓｐｏｔｉｆｙ　１８ｋ", "Spotify", "18000"),
            ("Netflix 4K 2 user - 35k", "Netflix 4K 2 user", "35000"),
            ("Windows 10/11 - 50k", "Windows 10/11", "50000"),
            ("24.11.26, 10:22 - Budi: Netflix 35k", "Netflix", "35000"),
            ("2026-11-24, 10:23 - Budi: Viu 10k", "Viu", "10000"),
            ("[24.11.2026 10:24] Budi: Disney 25k", "Disney", "25000"),
            ("24.11.26, 1022 - Budi: Viu 9k", "Viu", "9000"),
            ("[11/24/26, 10:22:33 PM] Budi: Viu 8k", "Viu", "8000"),
            ("24/11/26 pukul 10.22 - Budi: Viu 7k", "Viu", "7000"),
        ],
    )
    def test_lines_of_other_phones_and_styled_letters(self, line: str, name: str, price: str) -> None:
        assert [(r.get("name"), r.get("price")) for r in read_pasted_products(line.encode())] == [(name, price)]

    @pytest.mark.parametrize(
        "line",
        [
            "24/11/26 10.21 - Pesan dan panggilan terenkripsi secara end-to-end.",
            "24/11/26, 10:21 - Budi: <Media omitted>",
            "[24/11/26 10.21.33] Budi: gambar tidak disertakan",
            "24.11.26, 10:22 - Budi bergabung menggunakan tautan undangan",
            "24/11/26 10.22 - Budi: Pesan ini telah dihapus",
            "2026-11-24, 10:22 - Budi added you",
        ],
    )
    def test_what_the_app_itself_wrote_is_nothing(self, spotify: Variant, line: str) -> None:
        rows = read_pasted_products(f"{line}\nNetflix - 32k".encode())
        assert [(r.get("name"), r.get("category")) for r in rows] == [("Netflix", "")]
        assert clean_line(line) == ""
        assert [u.content for u in parse_units(f"{line}\nKODE".encode(), variant=spotify, clean=True)] == ["KODE"]

    def test_no_line_with_digits_is_dropped_without_a_word(self) -> None:
        text = "WA 0812-3456-7890\nNetflix - 32k\n"
        assert lines_left_out(text.encode()) == ["line 1: 'WA 0812-3456-7890'"]


class TestAnswers:
    @pytest.mark.parametrize(
        ("kind", "good", "bad"),
        [
            ("angka", ["1", "0042"], ["", "1a", "１２", "-1", "1 2"]), ("angka 6-12", ["123456"], ["12345", "1" * 13]),
            ("angka 4", ["1234"], ["123", "12345"]), ("huruf", ["Sari", "Dewi Ayu", "é"], ["a1", " ", ""]),
            ("email", ["a@b.id", "a.b+c@x.co.id"], ["a@b", "@b.c", "a b@c.d", "a@@b.c", "a@b.", "a@.b"]),
            ("telepon", ["081234567890", "+62 812-3456-7890"], ["123", "abc", "+6281234567890123"]),
            ("bebas", ["apa saja", "ID: 7"], ["", " ", "a\nb", "x" * 101]), ("bebas 3-5", ["abc"], ["ab", "abcdef"]),
        ],
    )  # fmt: skip
    def test_kinds(self, kind: str, good: list[str], bad: list[str]) -> None:
        known = read_kind(kind)
        assert known is not None
        assert str(known) == kind
        assert [text for text in good if not known.takes(text)] == []
        assert [text for text in bad if known.takes(text)] == []

    def test_no_pattern_of_anybodys_runs(self) -> None:
        """A regular expression and 61 characters killed the bot seven times."""
        assert kind_of({"label": "x", "pattern": r"(a+)+$"}) == Answer()
        assert kind_of({"label": "x", "pattern": r"\d{6,12}"}) == Answer("angka", 6, 12)
        assert read_kind("(a+)+$") is None
        assert kind_of({"label": "x", "pattern": r"(a+)+$"}).takes("a" * 60 + "!")
