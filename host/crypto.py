"""Sealing of values and lookup hashes. Keys are arguments: apps/base/sealing.py gives the shop's own.

Layout of a sealed value: version byte 1, length of the key id, key id, 12-byte nonce, AES-256-GCM ciphertext with tag.
The associated data is a frozen column name and the primary key: a ciphertext moved to another row does not open.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
NONCE = 12


class CannotOpen(Exception):
    """A sealed value was damaged, moved, or its key is not in FIELD_KEYS."""


@functools.cache
def key_ring(text: str) -> dict[str, AESGCM]:
    """Parse `id:base64key[,id:base64key…]`; the first is active. Raises ValueError on a bad ring."""
    ring: dict[str, AESGCM] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, key = entry.partition(":")
        try:
            raw = base64.b64decode(key, validate=True)
        except binascii.Error as error:
            raise ValueError(f"key {name!r} is not base64") from error
        if not name or len(name) > 32 or len(raw) != 32:
            raise ValueError(f"key {name!r} must be 32 bytes with an id of 1 to 32 characters")
        ring[name] = AESGCM(raw)
    if not ring:
        raise ValueError("the ring holds no key")
    return ring


def _bound_to(column: str, pk: uuid.UUID) -> bytes:
    return column.encode() + b"\0" + pk.bytes


def seal(plain: bytes, *, column: str, pk: uuid.UUID, keys: str) -> bytes:
    """Encrypt under the first of `keys`, bound to `column` and `pk`."""
    name, key = next(iter(key_ring(keys).items()))
    nonce = os.urandom(NONCE)
    head = bytes([VERSION, len(name)]) + name.encode()
    return head + nonce + key.encrypt(nonce, plain, _bound_to(column, pk))


def open_sealed(sealed: bytes, *, column: str, pk: uuid.UUID, keys: str) -> bytes:
    """Decrypt with the one of `keys` that it names. Raises CannotOpen when anything is not as it was sealed."""
    if len(sealed) < 2 or sealed[0] != VERSION:
        raise CannotOpen(f"{column}: not a sealed value")
    start = 2 + sealed[1]
    name = sealed[2:start].decode(errors="replace")
    key = key_ring(keys).get(name)
    if key is None:
        raise CannotOpen(f"{column}: key {name!r} is not in FIELD_KEYS")
    try:
        return key.decrypt(sealed[start : start + NONCE], sealed[start + NONCE :], _bound_to(column, pk))
    except (InvalidTag, ValueError) as error:
        raise CannotOpen(f"{column}: damaged or moved value in row {pk}") from error


def lookup_hash(purpose: str, value: str, *, key: str) -> bytes:
    """33 bytes for a unique or searchable column: version byte and HMAC-SHA256 under `key`, given in base64."""
    return b"\x01" + hmac.digest(base64.b64decode(key), f"{purpose}\0{value}".encode(), hashlib.sha256)
