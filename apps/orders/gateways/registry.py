"""Gateways by name, each a folder beside this file, imported on first use."""

from __future__ import annotations

import functools
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from apps.orders.gateways.base import Gateway
from apps.orders.gateways.conf import gateway_confs


@functools.cache
def gateway(slug: str) -> Gateway:
    """The gateway of this name. Raises KeyError."""
    found: Gateway = import_string(gateway_confs()[slug].client)()
    return found


def first_ready() -> Gateway | None:
    """The gateway new payments go to; None when no keys are set."""
    return next((gateway(slug) for slug in gateway_confs() if gateway(slug).is_ready()), None)


def setting(name: str) -> Any:
    """What the environment says under a name of a gateway's `conf.py`."""
    return getattr(settings, name)
