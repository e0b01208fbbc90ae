"""The embedded PostgreSQL where its user cannot enter the checkout: a clone under /root, say."""

from __future__ import annotations

import subprocess
from pathlib import Path

from host import postgres


def test_copied_programs_find_their_libraries(tmp_path: Path) -> None:
    """They broke on a fresh machine: only the programs were copied, not the libraries that wheels keep beside them."""
    programs = postgres.copied_programs(postgres.wheel_programs(), tmp_path, None)
    for name in ("initdb", "postgres", "psql"):
        run = subprocess.run([programs / name, "--version"], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    linked = subprocess.run(["ldd", programs / "initdb"], capture_output=True, text=True, check=True).stdout
    found = [line for line in linked.splitlines() if "libpq" in line]
    assert found
    assert all(str(tmp_path) in str(Path(line.split("=>")[1].split("(")[0].strip()).resolve()) for line in found)


def test_copied_once(tmp_path: Path) -> None:
    first = postgres.copied_programs(postgres.wheel_programs(), tmp_path, None)
    (first / "mark").touch()
    assert (postgres.copied_programs(postgres.wheel_programs(), tmp_path, None) / "mark").exists()
