"""The certificate of PUBLIC_URL: how many days it still has."""

from __future__ import annotations

import socket
import ssl
import time
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.base.health import Figures, ServiceUnavailable, ServiceWarning, health_check
from host.tls import certificates

WARN, ALERT = 14, 3  # days
FRESH = 3600.0  # seconds a found date is believed

_known: tuple[float, float] | None = None  # (monotonic seconds of the look, the end as seconds since 1970)


@health_check(
    "certificate",
    tells=_("Sertifikat alamat toko bermasalah. Kalau habis, webhook dan halaman toko tidak bisa dibuka."),
)
def certificate() -> Figures | None:
    """Nothing to say without https."""
    global _known
    address = urlsplit(settings.PUBLIC_URL)
    if address.scheme != "https" or not address.hostname:
        return None
    if _known is None or time.monotonic() - _known[0] > FRESH:
        _known = (time.monotonic(), end_of_certificate(address.hostname, address.port or 443))
    return judged((_known[1] - time.time()) / 86_400)


def end_of_certificate(host: str, port: int, timeout: float = 3) -> float:
    """Seconds since 1970. Raises ServiceUnavailable when there is none that is trusted."""
    try:
        with (
            socket.create_connection((host, port), timeout=timeout) as wire,
            certificates().wrap_socket(wire, server_hostname=host) as secured,
        ):
            found = secured.getpeercert() or {}
    except ssl.SSLError as error:
        raise ServiceUnavailable(f"the certificate of {host} is not accepted: {error.reason}") from error
    except OSError as error:
        raise ServiceWarning(f"{host}:{port} cannot be reached to look at its certificate") from error
    return ssl.cert_time_to_seconds(str(found["notAfter"]))


def judged(days: float) -> Figures:
    if days < ALERT:
        raise ServiceUnavailable(f"the certificate ends in {max(days, 0):.0f} days: certbot renew")
    if days < WARN:
        raise ServiceWarning(f"the certificate ends in {days:.0f} days: certbot renew")
    return {"days": days}
