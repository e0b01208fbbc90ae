"""Gateways by name, imported on first use."""

from __future__ import annotations

import functools

from django.utils.module_loading import import_string

from apps.orders.gateways.base import Gateway

GATEWAYS = {"pakasir": "apps.orders.gateways.pakasir.Pakasir"}


@functools.cache
def gateway(slug: str) -> Gateway:
    """The gateway of this name. Raises KeyError."""
    found: Gateway = import_string(GATEWAYS[slug])()
    return found


def first_ready() -> Gateway | None:
    """The gateway new payments go to; None when no keys are set."""
    return next((gateway(slug) for slug in GATEWAYS if gateway(slug).is_ready()), None)
