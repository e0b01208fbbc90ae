"""Whose certificates are believed by outgoing calls: SSL_CERT_FILE's, else certifi's. Standard library and certifi
only.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

import certifi


def certificates() -> ssl.SSLContext:
    """One context for all calls of a process: making one costs 40 ms. A file that was renewed is read again."""
    path = os.environ.get("SSL_CERT_FILE") or certifi.where()
    return _context(path, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _context(path: str, _written: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=path)
