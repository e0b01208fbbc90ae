"""Moving in: what sellers paste from WhatsApp, and workbooks of stock."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from openpyxl import Workbook

from apps.orders.importing.pasted import clean_line, read_pasted_products
from apps.orders.importing.stock import parse_units
from apps.orders.importing.tables import BadFile
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
    assert Category.objects.get(name="GAME").position > Category.objects.get(name="STREAMING").position


def test_a_preview_changes_nothing(db: Any, tmp_path: Path, spotify: Variant) -> None:
    file = tmp_path / "wa.txt"
    file.write_text("1. spotify-00001@contoh.id|rahasia-1\n2. baru\n3. baru\n")
    said = io.StringIO()
    call_command("importstock", "spotify", str(file), "--clean", "--preview", stdout=said)
    assert "3 units, 2 of them already there; nothing has been stored yet" in said.getvalue()
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
    from apps.orders.importing.products import import_products

    done = import_products(SAMPLE_TABLE.encode(), actor="test")
    assert (done.products_added, done.variants_added) == (3, 4)
