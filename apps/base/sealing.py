"""Sealing and lookup hashes under the shop's own keys (FIELD_KEYS, LOOKUP_KEY)."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from host import crypto


def seal(plain: bytes, *, column: str, pk: UUID) -> bytes:
    """Encrypt under the active key, bound to `column` and `pk`."""
    return crypto.seal(plain, column=column, pk=pk, keys=settings.FIELD_KEYS)


def open_sealed(sealed: bytes, *, column: str, pk: UUID) -> bytes:
    """Raises host.crypto.CannotOpen when anything is not as it was sealed."""
    return crypto.open_sealed(sealed, column=column, pk=pk, keys=settings.FIELD_KEYS)


def lookup_hash(purpose: str, value: str) -> bytes:
    """33 bytes for a unique or searchable column, the same for the same value."""
    return crypto.lookup_hash(purpose, value, key=settings.LOOKUP_KEY)
