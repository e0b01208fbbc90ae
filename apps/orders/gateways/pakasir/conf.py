"""Pakasir's settings."""

from __future__ import annotations

from apps.orders.gateways.conf import GatewayConf

CONF = GatewayConf(
    slug="pakasir",
    settings={"PAKASIR_API_URL": "https://app.pakasir.com", "PAKASIR_PROJECT": "", "PAKASIR_SANDBOX": False},
    sandbox={"PAKASIR_API_URL": "{fakes}/pakasir", "PAKASIR_PROJECT": "tokomaju", "PAKASIR_SANDBOX": True},
    secrets={
        "PAKASIR_API_KEY": "sandbox-api-key",
        "PAKASIR_WEBHOOK_SECRET": "sandbox-webhook-secret",
    },  # nosec B105: of the fake
    door={"PAKASIR_WEBHOOK_SECRET": 12},  # nosec B105: a number of letters
    addresses=("PAKASIR_API_URL",),
)
