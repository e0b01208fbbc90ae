"""Every message in both languages: complete, valid for Telegram, short enough, in the right words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as shop_settings

from apps.bot.dialogue.texts import plain, render
from apps.orders.services.delivery import NAMED, Goods
from fakes.bot_api_rules import CAPTION, TEXT, parse_html
from tests.compile_locale import ROOT, read_po
from tests.words import forbidden

FOLDER = ROOT / "templates" / "bot"
NAMES = sorted(str(p.relative_to(FOLDER / "id").with_suffix("")) for p in (FOLDER / "id").rglob("*.html"))
CAPTIONS = {"invoice", "invoice_paid", "invoice_cancelled", "invoice_expired", "invoice_closed"}
AT = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
AWKWARD = 'Paket <b>"hemat"</b> & co'  # what a seller may call a product
MISSING = "⟦%s⟧"
VARIABLE = re.compile(r"{{\s*([\w.]+)")


def longest(chars: int) -> str:
    return (AWKWARD * chars)[:chars]


def line(name: str, **more: Any) -> Any:
    product = SimpleNamespace(account_fields="email|password|pin", kind="shared", name=name)
    return SimpleNamespace(
        name=name,
        quantity=3,
        amount=96_000,
        price=32_000,
        product=product,
        state="sent",
        promised_at=AT,
        ends_at=AT,
        ended_at=None,
        refunded_at=None,
        renews_id=None,
        is_renewed=False,
        answers=[{"label": "ID?", "answer": "<123>"}],
        **more,
    )


def context(name: str) -> dict[str, Any]:
    """Everything any template asks for, with products called `name`."""
    one = line(name)
    order = SimpleNamespace(
        number="AO-7F3K2X", total=96_000, state="awaiting_payment", created_at=AT, expires_at=AT, paid_at=None
    )  # fmt: skip
    payment = SimpleNamespace(
        amount=32_000, total_payment=32_534, fee=534, pay_before=AT, received=30_000, buyer_paid=32_534
    )  # fmt: skip
    product = SimpleNamespace(
        name=name, kind="manual", promised_minutes=60, warranty_days=30, description=longest(2000), category="Streaming"
    )  # fmt: skip
    variant = SimpleNamespace(name="1 bulan", price=32_000, duration_days=30, full_name=name, product=product)
    item = SimpleNamespace(variant=variant, quantity=2, subtotal=64_000, answers=one.answers)
    goods = [Goods(one, ["akun@contoh.id|r<a&h|1234"] * 3)] * NAMED
    return {
        "name": "Sari",
        "order": order,
        "line": one,
        "lines": [one] * 8,
        "more": 3,
        "payment": payment,
        "product": product,
        "variant": variant,
        "left": 14,
        "shown": 100,
        "quantity": 2,
        "total": 64_000,
        "items": [item] * 20,
        "wanted": [item] * 3,
        "page": SimpleNamespace(items=[1], number=0, has_next=True),
        "category": "Streaming",
        "text": "netflix",
        "question": {"label": "Berapa ID kamu?", "hint": "lihat di profil"},
        "wrong": True,
        "goods": goods,
        "as_file": False,
        "named": True,
        "occasion": "paid",
        "state": "selesai",
        "invoice": payment,
        "holds": True,
        "by_hand": False,
        "amount": 32_000,
        "closed": True,
        "note": "Buka lagi Senin.",
        "contact": "@budi",
        "opens": "08.00",
        "closes": "22.00",
        "limit": 2,
        "least": 1,
        "most": 10,
        "free_at": AT,
        "number": "AO-7F3K2X",
        "kind": "Tagihan QR",
        "gateway": "pakasir",
        "said": "kunci ditolak",
        "why": "late",
        "asked": 32_000,
        "incident": SimpleNamespace(opened_at=AT, resolved_at=AT, times=3),
        "what": "status aneh",
        "where": "http://localhost:8000/admin/",
        "username": "",
        "late": 3,
        "seconds": 3600,
        "old": -7,
        "new": -1007,
        "excess": 5_000,
        "transaction": "txn_1",
        "stage": "in",
        "check": "disk",
        "says": "the disk is 91 % full",
        "day": AT,
        "money": {"orders": 3, "rupiah": 96_000, "best": [(product, 2)]},
        "machine": {
            "incidents": 1,
            "still_open": [SimpleNamespace(text="gateway_down", data={"gateway": "pakasir"})],
            "drills_due": ["chaos"],
        },
    }


# one entry for each branch that a template takes; the first is what most people see
BRANCHES: dict[str, list[dict[str, Any]]] = {
    "goods": [{}, {"occasion": "again"}, {"occasion": "made"}, {"occasion": "changed"}, {"as_file": True, "more": 0}],
    "product": [{}, {"left": 0}, {"left": None}, {"left": 100, "quantity": 1}],
    "home": [{}, {"closed": False, "name": ""}],
    "invoice": [{}, {"by_hand": True, "more": 0}],
    "found": [{}, {"page": SimpleNamespace(items=[], number=0, has_next=False)}],
    "orders": [{}, {"page": SimpleNamespace(items=[], number=0, has_next=False)}],
    "category": [{}, {"category": None, "page": SimpleNamespace(items=[], number=0, has_next=False)}],
    "cart": [{}, {"items": []}],
    "money_back": [{}, {"line": None}],
    "alerts/daily": [{}, {"money": {}, "machine": {"incidents": 0, "still_open": [], "drills_due": []}}],
    "alerts/health": [
        {"check": name, "says": "the disk is 91 % full"}
        for name in ("disk", "memory", "time", "certificate", "database", "queue", "inbox", "outbox", "buyer age", "x")
    ],
    "alerts/profile_changed": [
        {"renamed": True, "was": "Toko (@toko_bot)", "now": "Toko (@toko_murah_bot)"},
        {"renamed": False},
    ],
    "alerts/telegram_deaf": [{"said": "Bad Request: bad webhook"}, {"said": ""}],
    "alerts/synthetic_failed": [{}, {"stage": "order"}, {"stage": "goods"}, {"stage": "odd"}],
    "alerts/books_wrong": [{"name": "audit", "first": "AO-1, AO-2", "page": "docs/invariants/audit.md"}],
    "alerts/money_review": [{}, {"why": "double"}, {"why": "mismatch"}],
    "order": [
        {},
        {"lines": [line("x", is_made=True)]},
        {"lines": [SimpleNamespace(**{**vars(line("x")), "state": "by_hand", "ends_at": None})]},
        {"lines": [SimpleNamespace(**{**vars(line("x")), "state": "returned", "ended_at": AT})]},
        {"lines": [SimpleNamespace(**{**vars(line("x")), "state": "returned", "refunded_at": AT, "is_renewed": True})]},
    ],
}


@pytest.fixture
def strict_templates(settings: Any) -> None:
    """A variable that nobody gives shows as ⟦name⟧ instead of nothing."""
    engine = {**shop_settings.TEMPLATES[0]}
    engine["OPTIONS"] = {**engine["OPTIONS"], "string_if_invalid": MISSING}
    settings.TEMPLATES = [engine]


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_every_message_in_every_branch(strict_templates: None, name: str, language: str) -> None:
    for product in ("Netflix Premium 1 bulan", AWKWARD, longest(100)):
        for branch in BRANCHES.get(name, [{}]):
            text = render(name, language, **{**context(product), **branch})
            seen = parse_html(text)  # raises what Telegram would refuse
            assert seen.strip()
            assert "⟦" not in text, text
            assert "None" not in seen, seen
            limit = CAPTION if name in CAPTIONS or branch.get("as_file") else TEXT
            assert len(seen.encode("utf-16-le")) // 2 <= limit, f"{len(seen)} characters"
            if language == "id" and product != AWKWARD:
                assert forbidden(seen) == set()


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_say_the_same_things(name: str) -> None:
    def filled(language: str) -> set[str]:
        return set(VARIABLE.findall((FOLDER / language / f"{name}.html").read_text()))

    assert filled("id") == filled("en")


def test_prices_and_times_as_the_voice_wants() -> None:
    said = plain(render("invoice", "id", **context("Netflix")))
    assert "Rp32.534" in said
    assert "19.30 WIB" in said
    assert "24/11/2026 19.30 WIB" in plain(render("made_waits", "id", **context("Netflix")))


@pytest.mark.parametrize("message", sorted(read_po(ROOT / "locale/en/LC_MESSAGES/django.po").items()))
def test_labels(message: tuple[str, str]) -> None:
    ours, english = message
    holes = re.compile(r"%\w|%\(\w+\)\w|\{\w*\}")
    assert holes.findall(ours) == holes.findall(english) or ours == ""
    assert forbidden(ours) == set()


def test_no_text_stands_in_the_code_of_the_dialogue() -> None:
    """Everything a buyer reads comes from a template or through gettext."""
    sentence = re.compile(r'(?<![_\w(])(?:Button|Screen|toast)\(\s*f?"[A-Za-z]{4,} ')
    for path in Path(ROOT / "apps" / "orders" / "dialogue").glob("*.py"):
        said = set(sentence.findall(path.read_text())) - {'Button("Bahasa '}  # each language names itself
        assert said == set(), path
