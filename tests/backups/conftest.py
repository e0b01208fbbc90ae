from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from apps.base import credentials
from host.backups import bundle
from tests.conftest import make_product


@pytest.fixture
def backed_up(transactional_db: Any, tmp_path: Path, monkeypatch: Any, settings: Any) -> Any:
    """A shop with two products, a key to encrypt to, a folder for backups and one that stands for the offsite."""
    key = bundle.new_key()
    credentials.adopt_environment()
    make_product("spotify", units=3, name="Spotify")
    make_product("canva", units=2, name="Canva")
    known = connection.settings_dict
    host = known["HOST"].replace("/", "%2F").replace(" ", "%20")
    url = f"postgres://{known['USER']}@{host}/{known['NAME']}"
    (tmp_path / "offsite").mkdir()
    monkeypatch.setenv("DATABASE_ADMIN_URL", url)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("AUTOORDER_BACKUPS", str(tmp_path / "backups"))
    monkeypatch.setenv("AUTOORDER_RUN", str(tmp_path / "run"))
    monkeypatch.setenv("BACKUP_OFFSITE_URL", f"file://{tmp_path}/offsite")
    settings.BACKUP_RECIPIENTS = [str(key.to_public())]
    settings.MEDIA_ROOT = tmp_path / "media"
    return key


def silent(percent: int, words: str) -> None:
    """For whoever does not look at the progress."""
