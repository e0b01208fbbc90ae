"""On a server the dashboard is closed to the internet until its logins have a second factor: whoever comes through
nginx must come from ADMIN_ALLOW, and who comes through SSH to the socket has no forwarded address. nginx refuses first;
this holds when its site was written for another ADMIN_PATH."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

CLOSED = "Dashboard hanya bisa dibuka lewat SSH, atau dari alamat di ADMIN_ALLOW.\n"


class ClosedDashboard:
    """Middleware; does nothing where no nginx stands before the shop (settings.BEHIND_NGINX)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._path = f"/{settings.ADMIN_PATH}"

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        came_by = request.headers.get("X-Forwarded-For", "")
        if settings.BEHIND_NGINX and came_by and request.path.startswith(self._path) and not may_enter(came_by):
            return HttpResponse(CLOSED, status=403, content_type="text/plain; charset=utf-8")
        return self.get_response(request)


def may_enter(came_by: str) -> bool:
    """Whether an address, as nginx forwards it, is this host's own or in ADMIN_ALLOW (addresses, networks, `all`)."""
    try:
        address = ip_address(came_by.strip())
    except ValueError:
        return False
    return address.is_loopback or any(fits(address, one) for one in settings.ADMIN_ALLOW)


def fits(address: IPv4Address | IPv6Address, allowed: str) -> bool:
    """What cannot be read lets nobody in, and keeps nobody else out."""
    try:
        return allowed == "all" or address in ip_network(allowed, strict=False)
    except ValueError:
        return False
