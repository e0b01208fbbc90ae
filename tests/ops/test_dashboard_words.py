"""The dashboard speaks Indonesian: our labels, unfold's, and no word of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import unfold
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import translation

from apps.base import audit
from apps.base.incidents import raise_incident
from apps.orders.models import Seat
from tests.compile_locale import ROOT, compiled, read_po
from tests.conftest import make_product
from tests.driver import Buyer, Shop
from tests.words import forbidden, visible

ID = ROOT / "locale" / "id" / "LC_MESSAGES" / "django.po"
import_module("autoorder.urls")  # which discovers the pages
OURS = ("base", "bot", "orders", "snk")
LEFT = {"None"}  # what our catalog leaves in English on purpose, since nobody sees it or it is the same word
MARKED = re.compile(r"""{%\s*(?:trans|translate)\s+(["'])(.+?)\1""")
BLOCK = re.compile(r"{%\s*blocktrans(?:late)?[^%]*%}(.*?){%\s*endblocktrans", re.DOTALL)


@pytest.fixture
def owner(db: Any) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("tono", password="x"))
    return client


@pytest.fixture
def used_shop(shop: Shop, sari: Buyer, dewi: Buyer) -> Shop:
    """A shop in which everything has happened once."""
    make_product("spotify", name="Spotify", units=3, account_fields="email|password", terms="Jangan ganti sandi")
    make_product("netflix", kind="shared", name="Netflix", units=1, seats=2, days=30)
    make_product("ml", kind="manual", name="Diamond", max_quantity=1)
    shop.pays(sari.orders("Spotify"))
    shop.pays(sari.orders("Netflix"))
    shop.pays(sari.orders("Diamond"))
    late = dewi.orders("Spotify")
    shop.forward(minutes=61)
    shop.pays(late)
    shop.forward(seconds=5)
    sari.presses("Minta uang kembali", next(m for m in reversed(sari.messages) if "Uangmu aman" in m.get("text", "")))
    raise_incident("test", "webhook_down")
    return shop


def own_models() -> Iterator[Any]:
    for model, page in admin.site._registry.items():
        if model._meta.app_label in OURS:
            yield pytest.param(model, page, id=model._meta.label)


@pytest.mark.parametrize(("model", "page"), list(own_models()))
def test_no_label_is_left_to_the_name_in_the_code(model: Any, page: Any) -> None:
    shown = {*page.list_display, *page.readonly_fields, *(page.fields or ())}
    hidden = set(page.exclude or ())
    for field in model._meta.concrete_fields:
        if field.name in hidden or not (field.name in shown or (page.fields is None and field.editable)):
            continue
        by_code = field.name.replace("_", " ")
        assert field.verbose_name != by_code or by_code in ("emoji", "status", "gateway", "bot"), field
        for value, label in field.choices or ():
            assert str(label) != str(value).title() or value in ("voucher", "snk"), (field, value)


def test_pages_show_no_word_of_the_code(owner: Client, used_shop: Shop) -> None:
    for model in (p.values[0] for p in own_models()):
        for page in pages_of(model, owner):
            answer = owner.get(page)
            assert answer.status_code == 200, page
            assert forbidden(visible(answer.content.decode())) == set(), page


def pages_of(model: Any, owner: Client) -> list[str]:
    """List, one row, and the form for a new one."""
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    pages = [reverse(f"admin:{name}_changelist")]
    first = model._default_manager.order_by("pk").first()
    if first is not None:
        pages.append(reverse(f"admin:{name}_change", args=[first.pk]))
    if admin.site._registry[model].has_add_permission(_request(owner)):
        pages.append(reverse(f"admin:{name}_add"))
    return pages


def _request(client: Client) -> Any:
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = get_user_model().objects.get(username="tono")
    return request


def test_our_own_pages_show_no_word_of_the_code(owner: Client, used_shop: Shop) -> None:
    seat = Seat.objects.filter(is_shared=True).first()
    assert seat is not None
    pages = [
        reverse("admin:index"),
        reverse("shop-settings"),
        reverse("dead-letters"),
        reverse("admin:orders_product_import"),
        reverse("admin:orders_variant_stock", args=[seat.variant_id]),
        reverse("admin:orders_stockunit_content", args=[seat.unit_id]),
        reverse("admin:password_change"),
    ]
    for page in pages:
        answer = owner.get(page)
        assert answer.status_code == 200, page
        assert forbidden(visible(answer.content.decode())) == set(), page


def words_of_unfold() -> set[str]:
    """Every text that unfold's templates hand to gettext (the parts of it that we use)."""
    home = Path(unfold.__file__).parent
    found: set[str] = set()
    for path in home.rglob("*.html"):
        if "contrib" in path.parts and not {"filters", "forms"} & set(path.parts):
            continue
        text = path.read_text()
        found |= {said for _, said in MARKED.findall(text)}
        found |= {" ".join(said.split()) for said in BLOCK.findall(text) if "{" not in said}
    return found


def test_what_unfold_still_says_in_english() -> None:
    """The list of what is left: it must not grow unseen with a new version of unfold."""
    known = read_po(ID)
    with translation.override("id"):
        left = {said for said in words_of_unfold() if translation.gettext(said) == said and said not in known}
    assert left <= LEFT, f"add to {ID}: {sorted(left - LEFT)}"


def test_the_compiled_catalog_is_fresh() -> None:
    assert ID.with_suffix(".mo").read_bytes() == compiled(read_po(ID)), "run: make locale"


def test_every_english_sentence_of_ours_is_translated() -> None:
    import ast

    used = set()
    for path in (ROOT / "apps").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said":
                first = node.args[0]
                assert isinstance(first, ast.Constant), f"{path}:{node.lineno} must be a literal"
                used.add(first.value)
    known = read_po(ID)
    assert used - set(known) == set()
    ours = set(re.findall(r'#: apps\nmsgid "(.*)"', ID.read_text()))
    assert ours - used == set(), "nothing left over"


def test_every_kind_of_audit_row_reads_as_a_sentence() -> None:
    kinds: set[str] = set()
    for path in (ROOT / "apps").rglob("*.py"):
        kinds |= set(re.findall(r'audit\.append\(\s*"([a-z_.]+)"', path.read_text()))
    kinds |= {"order.expired", "order.cancelled", "product.added", "product.changed", "payment.mismatch"}
    assert kinds - set(audit.SENTENCES) == set()
