"""The systemd units and scripts, as far as they can be judged without a systemd of our own (`make prove-install` runs
them).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
UNITS = ("web", "worker", "bot", "watch")
INSTALLED = "/opt/autoorder/current/.venv/bin/python"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a Python that is there, since the installed one is not."""
    shutil.copytree(DEPLOY / "systemd", tmp_path / "units")
    for unit in (tmp_path / "units").glob("*.service"):
        unit.write_text(unit.read_text().replace(INSTALLED, sys.executable))
    return tmp_path / "units"


@needs_systemd
def test_systemd_has_nothing_to_say(units: Path) -> None:
    files = [*units.glob("*.service"), *units.glob("*.socket"), *units.glob("*.target")]
    run = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


@needs_systemd
def test_a_wrong_word_would_be_heard(units: Path) -> None:
    (units / "autoorder-bot.service").write_text(
        (units / "autoorder-bot.service").read_text() + "\n[Service]\nRestarrt=always\n"
    )
    run = subprocess.run(
        ["systemd-analyze", "verify", units / "autoorder-bot.service"], capture_output=True, text=True, check=False
    )
    assert "Restarrt" in run.stderr


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_exposure_is_small(units: Path, name: str) -> None:
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=40", units / f"autoorder-{name}.service"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-300:]


@pytest.mark.parametrize("name", UNITS)
def test_what_each_unit_promises(name: str) -> None:
    text = (DEPLOY / "systemd/autoorder-.service.d/common.conf").read_text() + (
        DEPLOY / f"systemd/autoorder-{name}.service"
    ).read_text()
    for line in (
        "Restart=always",
        "StartLimitIntervalSec=0",
        "KillMode=mixed",
        "User=autoorder",
        "MemoryMax=",
        "OOMScoreAdjust=",
    ):
        assert line in text
    assert f"--as {name} " in text
    assert ("WatchdogSec=" in text) is (name != "web")  # web is asked by watch


@pytest.mark.parametrize("script", [*sorted(DEPLOY.glob("*.sh")), DEPLOY / "autoorder"], ids=lambda p: p.name)
def test_scripts_can_be_read_by_sh(script: Path) -> None:
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0


@pytest.mark.parametrize("script", ["install.sh", "update.sh"])
def test_scripts_help(script: str) -> None:
    run = subprocess.run(["sh", DEPLOY / script, "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert f"sh deploy/{script}" in run.stdout


def test_settings_are_put_in_place(tmp_path: Path) -> None:
    env = tmp_path / "env"
    env.write_text("# words\nSECRET_KEY=old\nTELEGRAM_BOT_TOKEN=\n#TELEGRAM_MODE=auto\n")
    env.chmod(0o640)
    wanted = "TELEGRAM_BOT_TOKEN=1:a=b\nTELEGRAM_MODE=polling\nPUBLIC_URL=\nNEW=x y\n"
    subprocess.run([sys.executable, DEPLOY / "setvalues.py", env], input=wanted, text=True, check=True)
    assert env.read_text() == "# words\nSECRET_KEY=old\nTELEGRAM_BOT_TOKEN=1:a=b\nTELEGRAM_MODE=polling\nNEW=x y\n"
    assert env.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["env"]


def test_a_setting_keeps_its_line_and_a_comment_stays_one(tmp_path: Path) -> None:
    env = tmp_path / "env"
    env.write_text("#PUBLIC_URL=https://old.example\nexport PUBLIC_URL=https://x.example\n# the bot = ours\n")
    subprocess.run(
        [sys.executable, DEPLOY / "setvalues.py", env], input="PUBLIC_URL=https://new.example\n", text=True, check=True
    )
    assert env.read_text() == "#PUBLIC_URL=https://old.example\nPUBLIC_URL=https://new.example\n# the bot = ours\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("PUBLIC_URL", "https://a.example"), ("ADMIN_PATH", "/rahasia/"), ("TOKEN", "1:abc"), ("NONE", ""), ("X", "last")],
)
def test_the_shell_reads_settings_as_python_does(tmp_path: Path, name: str, value: str) -> None:
    secret = tmp_path / "token"
    secret.write_text("1:abc\n")
    env = tmp_path / "env"
    env.write_text(
        "export"
        f" PUBLIC_URL=\"https://a.example\"\nADMIN_PATH='/rahasia/'\nTOKEN_FILE={secret}\nX=first\n#X=no\nX=last \n"
    )
    script = f'. "{DEPLOY}/lib.sh"; SETTINGS={env}; value_in_force {name}'
    run = subprocess.run(["sh", "-c", script, f"{DEPLOY}/x"], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == value
