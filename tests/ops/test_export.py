"""`export`: everything in open formats, and readable again."""

from __future__ import annotations

import csv
import io
import shlex
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.base.fields import DAMAGED
from apps.orders.importing.products import import_products
from apps.orders.importing.stock import parse_units
from apps.orders.models import Product, Seat, Variant
from apps.orders.services.stock import NewUnit, add_units, withdraw_unit
from tests.conftest import make_product, spoil_everything
from tests.driver import Buyer, Shop


def export(folder: Path) -> zipfile.ZipFile:
    call_command("export", str(folder / "toko.zip"), stdout=io.StringIO())
    return zipfile.ZipFile(folder / "toko.zip")


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode())))


def test_a_sold_shop_is_told_whole(shop: Shop, sari: Buyer, spotify: Variant, tmp_path: Path) -> None:
    number = sari.orders("Spotify")
    shop.pays(number)
    archive = export(tmp_path)
    assert stat.S_IMODE((tmp_path / "toko.zip").stat().st_mode) == 0o600
    assert [row["number"] for row in table(archive, "orders")] == [number]
    assert table(archive, "orders")[0]["telegram_id"] == "701"
    sold = [row for row in table(archive, "stock") if row["order"] == number]
    assert [row["content"] for row in sold] == ["spotify-00001@contoh.id|rahasia-1"]
    assert {row["telegram_id"]: row["name"] for row in table(archive, "customers")}["701"] == "Sari"
    assert sum(int(row["amount"]) for row in table(archive, "ledger") if row["account"] == "confirmed") == 18_000
    free = archive.read(f"stock/spotify-{spotify.pk}.txt").decode()
    assert free == "spotify-00002@contoh.id|rahasia-2\nspotify-00003@contoh.id|rahasia-3\n"


@pytest.mark.parametrize("kind", ["stock", "shared"])
def test_products_and_stock_come_back_as_they_were(db: Any, tmp_path: Path, kind: str) -> None:
    variant = make_product(
        "satu", kind=kind, name="=cmd()", units=3, seats=2, price=12_345, description="-x", terms="@y"
    )
    archive = export(tmp_path)
    products, units = archive.read("products.csv"), archive.read(f"stock/satu-{variant.pk}.txt")
    assert b"'=cmd()" in products, "no spreadsheet takes it for a formula"
    for unit in variant.units.all():
        withdraw_unit(unit=unit, actor="test")
    before = list(Seat.objects.order_by("sequence").values_list("number", "variant__price"))
    import_products(products, actor="test")
    assert Product.objects.get().name == "=cmd()"
    command = next(line for line in archive.read("README.txt").decode().split("\n") if "importstock" in line)
    back = tmp_path / f"satu-{variant.pk}.txt"
    back.write_bytes(units)
    words = [str(back) if word.startswith("stock/") else word for word in shlex.split(command)[1:]]
    call_command(*words, stdout=io.StringIO())
    fresh = Seat.objects.filter(state="available").order_by("sequence")
    assert list(fresh.values_list("number", "variant__price")) == before
    assert {s.unit.content for s in fresh} == {f"satu-{n:05d}@contoh.id|rahasia-{n}" for n in (1, 2, 3)}


def test_damaged_values_are_marked_and_told_and_never_sold_again(
    shop: Shop, sari: Buyer, spotify: Variant, tmp_path: Path, capsys: Any
) -> None:
    shop.pays(sari.orders("Spotify"))
    spoil_everything()
    archive = export(tmp_path)
    assert table(archive, "customers")[0]["telegram_id"] == DAMAGED
    assert {row["content"] for row in table(archive, "stock")} == {DAMAGED}
    assert not [name for name in archive.namelist() if name.startswith("stock/")]
    assert "values do not open" in capsys.readouterr().err


def test_a_file_that_is_there_stays(db: Any, tmp_path: Path) -> None:
    (tmp_path / "toko.zip").write_text("mine")
    with pytest.raises(CommandError, match="is there already"):
        export(tmp_path)
    assert (tmp_path / "toko.zip").read_text() == "mine"


def test_a_place_that_cannot_be_written(db: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("export", str(tmp_path / "nowhere" / "toko.zip"))


def test_what_is_left_of_a_shared_account_goes_along(shop: Shop, sari: Buyer, tmp_path: Path) -> None:
    make_product("netflix", kind="shared", name="Netflix", units=1, seats=3)
    shop.pays(sari.orders("Netflix"))
    archive = export(tmp_path)
    name = next(n for n in archive.namelist() if n.startswith("stock/netflix"))
    assert (
        archive.read(name).decode() == "netflix-00001@contoh.id|rahasia-1\nProfil 2 | PIN 2222\nProfil 3 | PIN 3333\n"
    )


def test_a_line_of_dashes_inside_a_unit_stays_inside(db: Any, tmp_path: Path) -> None:
    variant = make_product("catatan")
    add_units(variant=variant, units=[NewUnit("satu\n---\ndua"), NewUnit("tiga")], actor="test")
    archive = export(tmp_path)
    assert f"importstock catatan stock/catatan-{variant.pk}.txt --separator=----" in archive.read("README.txt").decode()
    units = parse_units(archive.read(f"stock/catatan-{variant.pk}.txt"), variant=variant, separator="----")
    assert [unit.content for unit in units] == ["satu\n---\ndua", "tiga"]


def test_amounts_are_numbers(shop: Shop, sari: Buyer, spotify: Variant, tmp_path: Path) -> None:
    shop.pays(sari.orders("Spotify"))
    assert sum(int(row["amount"]) for row in table(export(tmp_path), "ledger") if row["account"] == "held") == 0


def test_a_product_made_by_hand_comes_back_with_its_questions(db: Any, tmp_path: Path) -> None:
    made = make_product("ml", kind="manual", questions=[{"label": "ID", "pattern": "[0-9]+"}], promised_minutes=30)
    Variant.objects.filter(pk=made.pk).update(is_active=False)
    products = export(tmp_path).read("products.csv")
    Product.objects.update(questions=[], promised_minutes=60)
    Variant.objects.update(is_active=True)
    import_products(products, actor="test")
    product = Product.objects.get()
    assert (product.questions, product.promised_minutes) == ([{"label": "ID", "pattern": "[0-9]+"}], 30)
    assert not Variant.objects.get().is_active
