"""Moving in: what sellers paste from WhatsApp, and workbooks of stock."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from openpyxl import Workbook

from apps.orders.importing.pasted_lists import clean_line, read_pasted_products
from apps.orders.importing.products import import_products
from apps.orders.importing.stock import parse_units, unfitting
from apps.orders.importing.table_files import BadFile
from apps.orders.models import Category, Product, StockUnit, Variant
from tests.conftest import make_product

PASTED = """[24/11/26 10.21.33] Budi Jualan: 🔥 *DAFTAR HARGA* 🔥
*STREAMING*
1. Netflix Premium 1 bulan - 32k
2. Spotify 1 bln : Rp18.000
• Disney+ Hotstar 1 bulan = 25rb
✅ YouTube Premium … 12.000
24/11/26 10.22 - Budi: *GAME*
- ML 86 Diamond @22.000/akun
PUBG 60 UC 15000
=====
"""


def test_a_price_list_becomes_products() -> None:
    rows = read_pasted_products(PASTED.encode())
    assert [(r.get("category"), r.get("name"), r.get("price")) for r in rows] == [
        ("STREAMING", "Netflix Premium 1 bulan", "32000"),
        ("STREAMING", "Spotify 1 bln", "18000"),
        ("STREAMING", "Disney+ Hotstar 1 bulan", "25000"),
        ("STREAMING", "YouTube Premium", "12000"),
        ("GAME", "ML 86 Diamond", "22000"),
        ("GAME", "PUBG 60 UC", "15000"),
    ]
    assert len({r.get("code") for r in rows}) == 6


UNDER_HEADINGS = """*NETFLIX*
1 bulan - 32k
3 bulan - 90k
*SPOTIFY*
1 bulan - 18k
"""


def test_names_without_a_product_take_the_heading() -> None:
    rows = read_pasted_products(UNDER_HEADINGS.encode())
    assert [(r.get("code"), r.get("name")) for r in rows] == [
        ("netflix-1-bulan", "NETFLIX 1 bulan"),
        ("netflix-3-bulan", "NETFLIX 3 bulan"),
        ("spotify-1-bulan", "SPOTIFY 1 bulan"),
    ]


def test_the_same_list_in_another_order_means_the_same_products(db: Any) -> None:
    import_products(UNDER_HEADINGS.encode(), actor="t", pasted=True)
    turned = "*SPOTIFY*\n1 bulan - 20k\n*NETFLIX*\n3 bulan - 90k\n1 bulan - 35k\n"
    done = import_products(turned.encode(), actor="t", pasted=True)
    assert done.products_added == 0
    assert dict(Variant.objects.values_list("product__code", "price")) == {
        "netflix-1-bulan": 35_000, "netflix-3-bulan": 90_000, "spotify-1-bulan": 20_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "name", "price"),
    [
        ("Netflix Rp32.5k", "Netflix", "32500"),
        ("Netflix 32,5k", "Netflix", "32500"),
        ("Viu - 5k (garansi)", "Viu (garansi)", "5000"),
        ("Spotify - 18.000 IDR", "Spotify", "18000"),
        ("Canva seumur hidup 1,5jt", "Canva seumur hidup", "1500000"),
        ("Netflix : 32.000 ✅", "Netflix", "32000"),
        ("Netflix\t32000", "Netflix", "32000"),
        ("Office 2021 - 45k", "Office 2021", "45000"),
    ],
)
def test_prices_as_lists_write_them(line: str, name: str, price: str) -> None:
    assert [(r.get("name"), r.get("price")) for r in read_pasted_products(line.encode())] == [(name, price)]


@pytest.mark.parametrize(
    "line", ["Office 2021", "Update 2026", "Kontak: 08123456789", "WA 0812-3456-7890", "Ready stok 24 jam"]
)
def test_what_is_no_price(line: str) -> None:
    assert [r.get("name") for r in read_pasted_products(f"{line}\nNetflix - 32k".encode())] == ["Netflix"]


@pytest.mark.parametrize("line", ["Netflix Rp 32.00.0", "Disney 25k/bln promo", "Viu 10.000 sampai 15.000 saja"])
def test_money_that_cannot_be_read_is_named(line: str, in_english: None) -> None:
    with pytest.raises(BadFile, match="line 2: no price can be read"):
        read_pasted_products(f"Netflix - 32k\n{line}".encode())


def test_the_same_product_twice_is_named(in_english: None) -> None:
    with pytest.raises(BadFile, match="line 3: 'Netflix' stands in line 1 already"):
        read_pasted_products(b"Netflix - 32k\nViu - 5k\nNetflix - 35k")


def test_a_preview_says_what_changes(db: Any, tmp_path: Path) -> None:
    make_product("netflix", name="Netflix", price=30_000)
    file = tmp_path / "wa.txt"
    file.write_text("Netflix - 32k\nViu - 5k\n")
    said = io.StringIO()
    call_command("importproducts", str(file), "--clean", "--preview", stdout=said)
    assert "Netflix · Rp30,000 → Rp32,000" in said.getvalue()
    assert "Viu · Rp5,000 (new)" in said.getvalue()


def test_a_text_without_prices_is_refused(in_english: None) -> None:
    with pytest.raises(BadFile, match="no line has a name and a price"):
        read_pasted_products(b"halo\napa kabar")


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("1. akun@contoh.id|rahasia", "akun@contoh.id|rahasia"),
        ("12) kode", "kode"),
        ("- kode-123", "kode-123"),
        ("• kode", "kode"),
        ("\u200bkode\u2060", "kode"),
        ("[24/11/26 10.21] Budi: a@b|c", "a@b|c"),
        ("24/11/26 10.22 - Budi Jualan: akun|sandi", "akun|sandi"),
        ("-5kode|x", "-5kode|x"),
        ("*bintang*|sandi", "*bintang*|sandi"),
        ("2024 kode", "2024 kode"),
        ("user:pass", "user:pass"),
        ("1. a@b.c\trahasia\t1234", "a@b.c\trahasia\t1234"),
    ],
)
def test_only_what_a_chat_puts_around_is_taken_off(line: str, kept: str) -> None:
    assert clean_line(line) == kept


def test_a_list_adds_products_and_leaves_known_ones_alone(db: Any, tmp_path: Path) -> None:
    make_product("netflix-premium-1-bulan", name="Netflix lama", terms="SNK lama")
    file = tmp_path / "wa.txt"
    file.write_text(PASTED)
    said = io.StringIO()
    call_command("importproducts", str(file), "--clean", stdout=said)
    assert "products: 5 added, 1 changed" in said.getvalue()
    assert Product.objects.get(code="netflix-premium-1-bulan").terms == "SNK lama"
    assert Variant.objects.get(product__code="netflix-premium-1-bulan").price == 32_000
    assert Category.objects.get(name="GAME").position > Category.objects.get(name="Streaming").position, (
        "the heading STREAMING is known"
    )


def test_a_preview_changes_nothing(db: Any, tmp_path: Path, spotify: Variant) -> None:
    file = tmp_path / "wa.txt"
    file.write_text("1. spotify-00001@contoh.id|rahasia-1\n2. baru\n3. baru\n")
    said = io.StringIO()
    call_command("importstock", "spotify", str(file), "--clean", "--preview", stdout=said)
    assert "3 units, 2 of them already there or given twice; nothing has been stored yet" in said.getvalue()
    assert StockUnit.objects.count() == 3
    call_command("importstock", "spotify", str(file), "--clean", stdout=said)
    assert "added 1, skipped 2" in said.getvalue()


def workbook(*rows: list[Any]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(out)
    return out.getvalue()


def test_a_workbook_of_stock(spotify: Variant) -> None:
    units = parse_units(workbook(["a@b.id", "sandi", 1234], ["c@d.id", "lain"]), variant=spotify)
    assert [unit.content for unit in units] == ["a@b.id|sandi|1234", "c@d.id|lain"]


@pytest.mark.parametrize("cell", ["a@b.c\nrahasia", 1234567890123456789, date(2026, 1, 2), True, 0.1234567890123456])
def test_a_cell_that_is_not_as_it_was_typed_is_refused(spotify: Variant, cell: Any, in_english: None) -> None:
    with pytest.raises(BadFile, match=r"B2|row 2, column 2"):
        parse_units(workbook(["a@b.id", "x"], ["c@d.id", cell]), variant=spotify)


def test_a_pin_keeps_its_zeros(spotify: Variant) -> None:
    book, out = Workbook(), io.BytesIO()
    book.worksheets[0].append(["a@b.id", 417])
    book.worksheets[0]["B1"].number_format = "0000"
    book.save(out)
    assert [unit.content for unit in parse_units(out.getvalue(), variant=spotify)] == ["a@b.id|0417"]


def test_the_names_of_columns_are_no_goods(db: Any, in_english: None) -> None:
    variant = make_product("viu", account_fields="email|password|pin")
    with pytest.raises(BadFile, match="names the columns"):
        parse_units(workbook(["Email", "Password", "PIN"], ["a@b.c", "x", "y"]), variant=variant)


@pytest.mark.parametrize("kind", ["shared", "stock"])
def test_blocks_are_not_taken_for_lines(db: Any, kind: str, in_english: None) -> None:
    variant = make_product("netflix", kind=kind, seats=3 if kind == "shared" else 1)
    with pytest.raises(BadFile, match="name it as the separator"):
        parse_units(b"a@b.c|x\nProfil 1\nProfil 2\n---\nc@d.e|y\nProfil 1\n", variant=variant)


def test_units_of_other_parts_are_pointed_out(db: Any) -> None:
    variant = make_product("viu", account_fields="email|password")
    odd = unfitting(parse_units(b"a@b.c|x\nc@d.e\n", variant=variant), variant)
    assert [unit.content for unit in odd] == ["c@d.e"]


def test_workbooks_and_pastes_on_the_dashboard(spotify: Variant) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("tono", password="x"))
    page = reverse("admin:orders_product_import")
    shown = client.post(page, {"text": PASTED, "pasted": "1"}).content.decode()
    assert "<b>6</b> baris terbaca" in shown
    client.post(page, {"text": PASTED, "pasted": "1", "confirm": "1"})
    assert Product.objects.filter(category__name="GAME").count() == 2

    head = ["code", "name", "price", "description", "category", "terms"]
    book = workbook(head, ["zoom", "Zoom", 45000, "", "Rapat", ""])
    shown = client.post(page, {"file": io.BytesIO(book)}).content.decode()
    text = shown.split('<textarea name="text" hidden>')[1].split("</textarea>")[0]
    client.post(page, {"text": text, "confirm": "1"})
    assert Variant.objects.get(product__code="zoom").price == 45_000
    assert client.get(reverse("admin:orders_product_sample")).status_code == 200


def test_the_sample_can_be_imported(db: Any) -> None:
    from apps.orders.admin.catalogue import SAMPLE_TABLE

    done = import_products(SAMPLE_TABLE.encode(), actor="test")
    assert (done.products_added, done.variants_added) == (3, 4)
