"""A whole shop of processes for acceptance tests and benchmarks: the same private copy that drills play with."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from apps.ops.drills.shop_copy import ShopCopy as Live
from apps.ops.drills.shop_copy import descendants
from host import postgres
from host.environment import ROOT

__all__ = ["Live", "Prepared", "descendants"]


class Prepared(Live):
    """One whose first start (initdb, migrations, demo catalogue) is behind it: it happens once a test run, and every
    shop begins as a copy of what came of it."""

    def start(self, *, again: bool = False) -> Live:
        if not again:
            model = prepared_shop()
            shutil.copy(model.env["AUTOORDER_ENV_FILE"], self.env["AUTOORDER_ENV_FILE"])
            source, target = postgres.plan(model.shop_folder), postgres.plan(self.shop_folder)
            subprocess.run(["cp", "-a", source.data, source.home / "initialised", target.home], check=True)
        return super().start(again=again)

    @property
    def login(self) -> tuple[str, str]:
        """The owner's name and password in the dashboard."""
        said = json.loads((prepared_shop().folder / "complete").read_text())
        return said["login"], said["password"]


def prepared_shop() -> Live:
    """The run's model; whoever comes first makes it, as `up` does on a first start."""
    model = Live(Path(os.environ["AUTOORDER_TESTS_FOLDER"]) / "prepared")
    done = model.folder / "complete"
    with (model.folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            keys = "from host.environment import ensure_env_file; ensure_env_file()"
            subprocess.run([sys.executable, "-c", keys], cwd=ROOT, env=model.env, check=True)
            cluster = postgres.plan(model.shop_folder)
            postgres.initialise(cluster)
            server = postgres.spawn_server(cluster, durable=False)
            try:
                postgres.ensure_database(cluster)
                said = model.manage("prepare").stdout.splitlines()[-1]
            finally:
                postgres.stop_server(server)
            done.write_text(said)
    return model
