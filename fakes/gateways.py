"""Fake gateways lie in the shop's folder of each gateway, beside their twin: `apps/orders/gateways/NAME/fake.py`, class
`Fake`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def fake_gateways() -> dict[str, Any]:
    """Name → class: `Fake(journal, faults, *, shop_url, strict)` with `answer`, `listed`, `pay`, `ring`,
    `transactions`, `by_order` and `broken_rules`."""
    found = sorted((ROOT / "apps" / "orders" / "gateways").glob("*/fake.py"))
    modules = {path.parent.name: path.relative_to(ROOT).with_suffix("").parts for path in found}
    return {name: import_module(".".join(parts)).Fake for name, parts in modules.items()}
