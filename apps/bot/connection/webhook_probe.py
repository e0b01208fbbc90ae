"""Our own nonce through the webhook address: proves that PUBLIC_URL leads to this shop."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from django.conf import settings

WORD = "autoorder_probe"


def question() -> dict[str, str]:
    return {WORD: secrets.token_hex(16)}


def is_probe(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get(WORD), str)


def answer(body: dict[str, str]) -> dict[str, str]:
    """Only a shop with our SECRET_KEY can say this."""
    return {"answer": hmac.digest(settings.SECRET_KEY.encode(), body[WORD].encode(), hashlib.sha256).hex()}


def is_ours(asked: dict[str, str], said: Any) -> bool:
    """Whether the answer was given by this shop."""
    given = said.get("answer", "") if isinstance(said, dict) else ""
    return hmac.compare_digest(str(given), answer(asked)["answer"])
