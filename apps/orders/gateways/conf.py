"""What the environment says about each gateway. Read by the settings, so without Django."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path


@dataclass(frozen=True)
class GatewayConf:
    """`CONF` in a gateway's `conf.py`. Its class is `Client` in `client.py`, its twin `Fake` in `fake.py` beside it.

    `settings`: name → default, a text or a switch; `sandbox`: what stands in their place in a sandbox, where `{fakes}`
    is the address of the fakes. `secrets`: name → what the fake knows; they are credentials that can be rotated.
    `door`: secrets by which we know who calls, with the least letters they may have. `addresses`: settings that must be
    https or on this machine."""

    slug: str
    settings: Mapping[str, str | bool] = field(default_factory=dict)
    sandbox: Mapping[str, str | bool] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    door: Mapping[str, int] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()

    @property
    def client(self) -> str:
        """The dotted name of its class."""
        return f"{__package__}.{self.slug}.client.Client"


@cache
def gateway_confs() -> dict[str, GatewayConf]:
    """Slug → what its folder says, for every folder beside this file."""
    folders = [found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]) if found.ispkg]
    confs = [import_module(f"{__package__}.{name}.conf").CONF for name in sorted(folders)]
    return {conf.slug: conf for conf in confs}
