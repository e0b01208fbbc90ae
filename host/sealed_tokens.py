"""The bots' tokens in force, sealed in a file of this host: `watch` tells people by them when the database is gone.

Read without Django and without settings; written by every bot process, the leader's and the standby's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from host.environment import run_folder, value_of
from host.files import replace_file

NAMES = ("OWNER_BOT_TOKEN", "TELEGRAM_BOT_TOKEN")
COLUMN, PK = "watch.tokens", UUID(int=0)  # what the seal is bound to


def path() -> Path:
    return run_folder() / "tokens.sealed"


def read() -> dict[str, str]:
    """Name → token; empty when there is no copy, or it cannot be read: whoever asks has the environment's as well."""
    try:
        sealed = path().read_bytes()
        from host.crypto import open_sealed  # watch loads the cipher only when it has something to tell

        found = json.loads(open_sealed(sealed, column=COLUMN, pk=PK, keys=value_of("FIELD_KEYS")))
        return {name: str(token) for name, token in found.items() if token}
    except Exception:  # noqa: BLE001 - an alert is being told: nothing about its copy may stop it
        return {}


def write(tokens: Mapping[str, str], *, keys: str) -> bool:
    """Copy the tokens in force (name → token) when the copy says something else. True when it was written. Raises
    OSError.
    """
    if tokens == read():
        return False
    from host.crypto import seal

    replace_file(path(), seal(json.dumps(tokens).encode(), column=COLUMN, pk=PK, keys=keys), mode=0o600)
    return True
