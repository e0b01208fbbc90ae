"""docs/add-a-gateway.md, followed: one folder more, and a buyer pays by it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from tests.plugin import FIXED

ROOT = Path(settings.BASE_DIR)
CONF = """
from apps.orders.gateways.conf import GatewayConf

CONF = GatewayConf(
    slug="arisan", settings={"ARISAN_API_URL": "https://arisan.example", "ARISAN_LIVE": False},
    sandbox={"ARISAN_API_URL": "{fakes}/arisan"}, secrets={"ARISAN_KEY": "arisan-sandbox-key"}, door={"ARISAN_KEY": 12},
    addresses=("ARISAN_API_URL",),
)
"""
CLIENT = """
from apps.base.credentials import credential
from apps.orders.gateways.base import Doorbell, Gateway, Invoice, Refused, Status, Truth
from apps.orders.gateways.http_client import call
from apps.orders.gateways.registry import setting


class Client(Gateway):
    slug, label = "arisan", "Arisan"

    def is_ready(self):
        return bool(credential("ARISAN_KEY"))

    def create(self, reference, amount):
        body = {"ref": reference, "sum": amount}
        said = call("POST", setting("ARISAN_API_URL") + "/api/bills", headers={}, json=body)
        return Invoice(transaction=said["id"], total_payment=said["sum"], fee=0, qr="arisan", pay_before=None)

    def status(self, transaction, reference):
        said = call("GET", setting("ARISAN_API_URL") + "/api/bills/" + transaction, headers={})
        return Truth(said["id"], said["ref"], said["sum"], Status.COMPLETED if said["paid"] else Status.PENDING, True)

    def read_webhook(self, headers, raw):
        if headers.get("X-Arisan") != credential("ARISAN_KEY"):
            raise Refused("wrong secret", 401)
        return Doorbell(raw.decode(), "", "completed")

    def expects(self, truth):
        return True
"""
FAKE = """
from aiohttp import web


class Fake:
    def __init__(self, journal, faults, *, shop_url, strict):
        self.transactions, self.by_order, self.broken_rules = {}, {}, []

    async def answer(self, request, path):
        if request.method == "POST":
            said = await request.json()
            bill = {"id": "bill-" + said["ref"], "paid": False, **said}
            self.by_order[said["ref"]] = bill["id"]
            self.transactions.setdefault(bill["id"], bill)
            return web.json_response(bill)
        return web.json_response(self.transactions[path.rpartition("/")[2]])

    def listed(self):
        return []

    def pay(self, txn, *, amount=None):
        self.transactions[txn]["paid"] = True
        return self.transactions[txn]

    async def ring(self, session, known):
        pass
"""
BUYS = '''
"""What the new gateway must do, as a test of the shop with it."""

from apps.bot.models import OutboundMessage
from apps.orders.models import Order, Payment


def test_a_buyer_pays_by_it(shop, sari, spotify):
    sari.says("/start").presses("Semua produk").presses("Spotify").presses("Beli")
    number = sari.presses("Arisan").invoice_number()
    fake = shop.fakes.world.gateways["arisan"]
    assert Payment.objects.get().gateway == "arisan"
    shop.fakes.do(lambda: fake.pay(fake.by_order[number]))
    headers = {"X-Arisan": "arisan-sandbox-key"}
    answer = shop.http.post("/payments/arisan/webhook/", f"bill-{number}", content_type="text/plain", headers=headers)
    assert answer.status_code == 200
    assert shop.http.post("/payments/arisan/webhook/", f"bill-{number}", content_type="text/plain").status_code == 401
    shop.settle()
    assert Order.objects.get().state == "delivered"
    assert any("rahasia-1" in text for text in sari.heard)
'''


def test_one_folder_is_enough(tmp_path: Path) -> None:
    checkout = tmp_path / "shop"
    shutil.copytree(
        ROOT, checkout, ignore=shutil.ignore_patterns("var", ".venv", ".git", ".*_cache", "__pycache__", ".hypothesis")
    )
    folder = checkout / "apps" / "orders" / "gateways" / "arisan"
    folder.mkdir()
    for name, text in {"__init__.py": "", "conf.py": CONF, "client.py": CLIENT, "fake.py": FAKE}.items():
        (folder / name).write_text(text)
    (checkout / "tests" / "test_arisan.py").write_text(BUYS)
    env = {name: value for name, value in os.environ.items() if name not in FIXED and not name.startswith("PYTEST")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "tests/test_arisan.py"],
        cwd=checkout, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
