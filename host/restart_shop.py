"""Starting the shop's processes anew, after something was changed under them."""

from __future__ import annotations

import os
import subprocess
import xmlrpc.client  # nosec B411: talks to our own supervisor over its private socket
from contextlib import suppress

from host.environment import shop_folder
from host.up import socket_of, supervisor

UNITS = ("autoorder-web", "autoorder-worker", "autoorder-bot")
NAMES = ("shop:web", "shop:worker", "shop:bot")


def restart_shop() -> bool:
    """By systemd on a server, by the supervisor of `make run`. False where neither runs it."""
    if os.environ.get("AUTOORDER_WEB_SOCKET"):
        active = ["systemctl", "-q", "is-active", UNITS[0]]
        restart = ["systemctl", "restart", *UNITS]
        return all(subprocess.run(words, check=False).returncode == 0 for words in (active, restart))
    path = socket_of(shop_folder())
    if not path.exists():
        return False
    shop = supervisor(str(path))
    try:
        for name in NAMES:
            with suppress(xmlrpc.client.Fault):  # it died meanwhile, and is being started
                shop.stopProcess(name)
            with suppress(xmlrpc.client.Fault):
                shop.startProcess(name, False)
    except OSError:
        return False
    return True
