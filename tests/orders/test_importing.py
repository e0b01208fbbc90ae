"""Files of sellers: taken whole or refused whole, with line and column."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from openpyxl import Workbook

from apps.orders.importing.products import check_products, import_products
from apps.orders.importing.stock import import_stock, parse_units
from apps.orders.importing.table_files import BadFile
from apps.orders.management.commands import importstock
from apps.orders.models import Product, Seat, StockUnit, Variant
from apps.orders.services.stock import withdraw_unit
from tests.conftest import make_product

pytestmark = pytest.mark.usefixtures("in_english")

HEAD = "code,name,price,description,category,terms"


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(BadFile) as caught:
        check_products(text if isinstance(text, bytes) else text.encode())
    return caught.value.problems


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_delimiters_marks_and_line_ends(db: Any, delimiter: str, bom: bytes, ending: str) -> None:
    rows = [HEAD.split(","), ["netflix", "Netflix", "Rp32.000", "Enak", "Streaming", "Baik"]]
    raw = bom + ending.join(delimiter.join(row) for row in rows).encode()
    import_products(raw, actor="test")
    assert Variant.objects.get().price == 32_000
    assert Product.objects.get().terms == "Baik"


def test_a_workbook(db: Any) -> None:
    book = Workbook()
    for row in (
        [*HEAD.split(","), "variant", "duration_days"],
        ["n", "Netflix", 32000, None, "S", None, "1 bulan", 30],
    ):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    import_products(out.getvalue(), actor="test")
    variant = Variant.objects.get()
    assert (variant.price, variant.name, variant.duration_days) == (32_000, "1 bulan", 30)


def test_upsert_by_code_and_variant(db: Any) -> None:
    text = HEAD + ",variant\nn,Netflix,32000,,S,,1 bulan\nn,Netflix,89000,,S,,3 bulan\n"
    first = import_products(text.encode(), actor="test")
    assert (first.products_added, first.variants_added) == (1, 2)
    again = import_products(text.replace("32000", "33000").encode(), actor="test")
    assert (again.products_changed, again.variants_changed) == (1, 2)
    assert Variant.objects.get(name="1 bulan").price == 33_000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file is empty"),
        (HEAD, "the file has a header and no rows"),
        ("code,name,price,description,category\na,b,1,,", "line 1: the column 'terms' is missing"),
        (HEAD + ",colour\na,b,1,,,,x", "line 1: the column 'colour' is not known"),
        (
            HEAD + "\na,b,12.5,,,",
            "line 2, column price: '12.5' is not a whole rupiah amount such as 12000, 12.000 or Rp12.000",
        ),
        (HEAD + "\na,b,0,,,", "line 2, column price: a price above zero is needed"),
        (HEAD + "\na b,x,1,,,", "line 2, column code: 1 to 40 letters, digits, - or _ are needed"),
        (HEAD + "\na,,1,,,", "line 2, column name: a name is needed"),
        (HEAD + "\na,b,1,,,\nA,c,2,,,", "line 3, column code: the same code and variant as line 2"),
        (HEAD + "\na,b,1,,,,extra", "line 2: more cells than the header has columns"),
        (HEAD + ",kind\na,b,1,,,,gift", "line 2, column kind: 'gift' is none of stock, shared, content, manual"),
        (HEAD + ",seats\na,b,1,,,,x", "line 2, column seats: 'x' is not a whole number from 1 to 100"),
        (HEAD + ",min,max\na,b,1,,,,5,2", "line 2, column min: more than max"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(db: Any, text: str, problem: str) -> None:
    assert problem in problems(text)


def test_other_encodings_and_broken_workbooks() -> None:
    assert problems(HEAD.encode() + b"\n\nb\xe9,x") == ["line 3: not UTF-8 text; save the file as UTF-8 and try again"]
    assert problems(b"PK\x03\x04rubbish") == ["not a readable .xlsx file"]
    assert "at most" in problems(b"x" * 20_000_001)[0]


def test_a_bad_row_leaves_everything_as_it_was(db: Any) -> None:
    with pytest.raises(BadFile):
        import_products((HEAD + "\na,Baik,1000,,,\nb,Buruk,x,,,").encode(), actor="test")
    assert not Product.objects.exists()


class TestStock:
    def units(self, raw: bytes, kind: str = "stock", **more: Any) -> list[Any]:
        code = f"k{Product.objects.count()}"
        return parse_units(raw, variant=make_product(code, kind=kind, seats=2), **more)

    def test_verbatim_but_blank_lines_and_line_ends(self, db: Any) -> None:
        units = self.units(b"\xef\xbb\xbf a|b \r\n\r\n  \nc\td\n")
        assert [u.content for u in units] == [" a|b ", "c\td"]

    def test_duplicates_are_skipped_in_any_state_but_withdrawn(self, db: Any) -> None:
        variant = make_product("x", units=2)
        first = StockUnit.objects.order_by("id").first()
        again = parse_units(b"x-00001@contoh.id|rahasia-1\nbaru\nbaru", variant=variant)
        assert str(import_stock(again, variant=variant, actor="t")) == "Added(added=1, skipped=2)"
        assert first is not None
        withdraw_unit(unit=first, actor="t")
        assert import_stock(again[:1], variant=variant, actor="t").added == 1

    def test_blocks_between_separators(self, db: Any) -> None:
        units = self.units(b"a@x|1\nProfil 1\nProfil 2\n---\nb@x|2\nProfil 1\n", "shared", separator="---")
        assert [(u.content, list(u.labels)) for u in units] == [
            ("a@x|1", ["Profil 1", "Profil 2"]),
            ("b@x|2", ["Profil 1"]),
        ]

    def test_cleaning_pasted_texts(self, db: Any) -> None:
        units = self.units("1. a@x|1\n2) b@x|2\n• c@x|3\u200b\n".encode(), clean=True)
        assert [u.content for u in units] == ["a@x|1", "b@x|2", "c@x|3"]

    @pytest.mark.parametrize(
        ("raw", "problem"),
        [
            (b"", "the file is empty"),
            (b"ok\nb\x00d", "line 2: column 2: the control character U+0000"),
            (b"x" * 3501, "line 1: 3501 bytes; a unit may have 3500"),
            (b"ok\n\xff", "line 2: not UTF-8 text; save the file as UTF-8 and try again"),
        ],
    )
    def test_what_is_wrong_is_named(self, db: Any, raw: bytes, problem: str) -> None:
        with pytest.raises(BadFile) as caught:
            self.units(raw)
        assert caught.value.problems == [problem]

    def test_by_hand_has_no_stock(self, db: Any) -> None:
        with pytest.raises(BadFile, match="made by hand"):
            self.units(b"x", "manual")

    def test_one_content_for_everybody(self, db: Any) -> None:
        with pytest.raises(BadFile, match="one content"):
            self.units(b"x\ny", "content")


class TestCommands:
    def test_importstock_prints_its_counts(self, db: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        make_product("netflix")
        path = tmp_path / "akun.txt"
        path.write_text("a\nb\na\n")
        call_command("importstock", "netflix", str(path))
        assert capsys.readouterr().out == "added 2, skipped 1\n"
        assert Seat.objects.count() == 2

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["importstock", "nothing", "x"], "There is no product with the code 'nothing'."),
            (["importstock", "netflix", "/no/such/file"], "/no/such/file cannot be read: No such file or directory."),
            (["importproducts", "/no/such/file"], "/no/such/file cannot be read: No such file or directory."),
        ],
    )
    def test_wrong_use_is_one_sentence_and_2(self, db: Any, words: list[str], sentence: str) -> None:
        make_product("netflix")
        with pytest.raises(CommandError) as caught:
            call_command(*words)
        assert (str(caught.value), caught.value.returncode) == (sentence, 2)

    def test_a_variant_must_be_named(self, db: Any, tmp_path: Path) -> None:
        first = make_product("netflix")
        Variant.objects.create(product=first.product, name="3 bulan", price=1)
        path = tmp_path / "akun.txt"
        path.write_text("a\n")
        with pytest.raises(CommandError, match="name one with --variant"):
            call_command("importstock", "netflix", str(path))
        call_command("importstock", "netflix", str(path), variant="3 bulan")

    @pytest.mark.parametrize("name", ["importproducts", "importstock", "checkinvariants", "reconcile", "prepare"])
    def test_help_shows_an_example(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            call_command(name, "--help")
        assert f"Example: manage.py {name}" in capsys.readouterr().out

    def test_reconcile_finds_money(
        self, shop: Any, sari: Any, spotify: Variant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        number = sari.orders("Spotify")
        shop.bank_pays(number)
        call_command("reconcile")
        assert "payments asked about: 1 (1 settled)" in capsys.readouterr().out
        shop.settle()
        assert "barangnya" in sari.heard[-1]


def test_rows_of_one_code_may_not_contradict_each_other(db: Any, in_english: None) -> None:
    make_product("netflix", units=1)
    head = b"code,name,price,description,category,terms,kind,variant\n"
    with pytest.raises(BadFile, match="kind: line 2 says 'manual'"):
        check_products(head + b"netflix,N,1000,,,,manual,a\nnetflix,N,2000,,,,stock,b\n")
    with pytest.raises(BadFile, match="stays 'stock'"):
        check_products(head + b"netflix,N,1000,,,,manual,a\nnetflix,N,2000,,,,,b\n")


def test_a_separator_of_dashes_is_taken_as_written(db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)
    make_product("netflix", kind="shared", seats=2)
    (tmp_path / "akun.txt").write_text("a@b.c\nProfil 1\nProfil 2\n---\nc@d.e\nProfil 1\nProfil 2\n")
    command = importstock.Command(stdout=io.StringIO())
    command.run_from_argv(["manage.py", "importstock", "netflix", str(tmp_path / "akun.txt"), "--separator", "---"])
    assert Seat.objects.count() == 4
