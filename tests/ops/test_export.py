"""`export`: everything in open formats, and readable again."""

from __future__ import annotations

import csv
import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.orders.importing.products import import_products
from apps.orders.importing.stock import import_stock, parse_units
from apps.orders.models import Product, Seat, Variant
from apps.orders.services.stock import withdraw_unit
from tests.conftest import make_product
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
    separator = "---" if kind == "shared" else None
    import_stock(parse_units(units, variant=variant, separator=separator), variant=variant, actor="test")
    fresh = Seat.objects.filter(state="available").order_by("sequence")
    assert list(fresh.values_list("number", "variant__price")) == before
    assert {s.unit.content for s in fresh} == {f"satu-{n:05d}@contoh.id|rahasia-{n}" for n in (1, 2, 3)}


def test_a_file_that_is_there_stays(db: Any, tmp_path: Path) -> None:
    (tmp_path / "toko.zip").write_text("mine")
    with pytest.raises(CommandError, match="is there already"):
        export(tmp_path)
    assert (tmp_path / "toko.zip").read_text() == "mine"


def test_a_place_that_cannot_be_written(db: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("export", str(tmp_path / "nowhere" / "toko.zip"))
