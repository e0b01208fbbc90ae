"""The bots' tokens in force, sealed in a file of this host: `watch` tells people by them when the database is gone.

Read without Django and without settings; written by every bot process, the leader's and the standby's.
"""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from apps.base.environment import run_folder, value_of
from apps.base.runfiles import replace_file

NAMES = ("OWNER_BOT_TOKEN", "TELEGRAM_BOT_TOKEN")
COLUMN, PK = "watch.tokens", UUID(int=0)  # what the seal is bound to


def path() -> Path:
    return run_folder() / "tokens.sealed"


def read() -> dict[str, str]:
    """Name → token; empty when there is no copy, or it cannot be read: whoever asks has the environment's as well."""
    try:
        sealed = path().read_bytes()
        from apps.base.crypto import open_sealed  # watch loads the cipher only when it has something to tell

        found = json.loads(open_sealed(sealed, column=COLUMN, pk=PK, keys=value_of("FIELD_KEYS")))
        return {name: str(token) for name, token in found.items() if token}
    except Exception:  # noqa: BLE001 - an alert is being told: nothing about its copy may stop it
        return {}


def write() -> bool:
    """Copy what is in force, when it is not what the copy says. True when it was written. Raises DatabaseError, OSError."""
    from apps.base.credentials import credential
    from apps.base.crypto import seal

    tokens = {name: token for name in NAMES if (token := credential(name))}
    if tokens == read():
        return False
    replace_file(path(), seal(json.dumps(tokens).encode(), column=COLUMN, pk=PK), mode=0o600)
    return True
