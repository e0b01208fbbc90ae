"""An nginx on loopback before a copy of the shop, with a server's site files, and the SOP page that moves it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from apps.ops.drills.runner import RefusesToDrill
from apps.ops.drills.shop_copy import CopyFailed, ShopCopy, descendants
from host.environment import ROOT
from host.up import free_port

DOMAIN = "localhost"
ADMIN = "/admin/"
OLD, NEW = "127.0.0.1", "127.0.0.2"  # two servers, as far as anybody can tell
BLOCK = re.compile(r"^```sh run\n(.*?)^```$", re.S | re.M)
MAIN = """
worker_processes 1;
pid {folder}/{name}.pid;
error_log {folder}/{name}.log warn;
daemon on;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/{name}/*.conf;
}}
"""


def nginx_program() -> str:
    """Raises RefusesToDrill when there is none."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RefusesToDrill("The failover drill needs nginx: apt install nginx, then try again.")
    return found


def run(words: list[str], env: Mapping[str, str] | None = None) -> str:
    """What a program prints. With `env` it sees only that: the keys of the shop around the copy are none of its
    business.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env, cwd=ROOT)
    if done.returncode:
        raise CopyFailed(f"{' '.join(words)[:300]}: {done.stdout[-300:]}{done.stderr[-500:]}")
    return done.stdout


class Fronts:
    """The old front, with the site that install.sh writes, and the new one, with what the SOP page writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nginx = nginx_program()
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={DOMAIN}",
                "-addext",
                f"subjectAltName=DNS:{DOMAIN}",
                "-keyout",
                str(self.key),
                "-out",
                str(self.certificate),
            ]
        )

    @property
    def public_url(self) -> str:
        return f"https://{DOMAIN}:{self.port}"

    def command(self, name: str) -> str:
        return f"{self.nginx} -c {self.folder}/{name}.conf"

    def start(self, name: str) -> None:
        """One nginx that includes the folder of its own sites."""
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / f"{name}.conf").write_text(MAIN.format(folder=self.folder, name=name))
        run([self.nginx, "-c", str(self.folder / f"{name}.conf")])

    def install_old(self, shop: ShopCopy) -> None:
        """The site of deploy/nginx, its ports and its socket replaced by ours."""
        site, plain = (ROOT / "deploy/nginx/autoorder.conf").read_text(), free_port()
        for old, new in (
            ("@DOMAIN@", DOMAIN),
            ("@ADMIN@", ADMIN),
            ("@ALLOW@", ""),
            ("@CERTIFICATE@", str(self.certificate)),
            ("@KEY@", str(self.key)),
            ("server unix:/run/autoorder/web.sock", f"server 127.0.0.1:{shop.port}"),
            (
                "    listen 80 default_server;\n    listen [::]:80 default_server;\n",
                f"    listen {OLD}:{plain} default_server;\n",
            ),
            (
                "    listen 443 ssl default_server;\n    listen [::]:443 ssl default_server;\n",
                f"    listen {OLD}:{self.port} ssl default_server;\n",
            ),
            ("    listen 80;\n    listen [::]:80;\n", f"    listen {OLD}:{plain};\n"),
            (
                "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n",
                f"    listen {OLD}:{self.port} ssl http2;\n",
            ),
        ):
            if old not in site:
                raise CopyFailed(f"deploy/nginx/autoorder.conf has no {old!r} any more")
            site = site.replace(old, new)
        (self.folder / "old").mkdir(exist_ok=True)
        (self.folder / "old/autoorder.conf").write_text(site)
        self.start("old")

    def kill(self, name: str) -> None:
        """As a server that is gone."""
        with suppress(OSError, ValueError):
            pid = int((self.folder / f"{name}.pid").read_text())
            children = descendants(pid)
            os.kill(pid, signal.SIGKILL)  # first: it would replace a child that dies
            for child in children:
                os.kill(child, signal.SIGKILL)
            (self.folder / f"{name}.pid").unlink()

    def follow_page(self, shop: ShopCopy, blocks: slice) -> int:
        """Execute `run` blocks of the SOP page, with the names it asks for; returns how many. Raises CopyFailed."""
        page = (ROOT / "deploy/SOP/dns-and-proxy.md").read_text()
        shim = self.folder / "autoorder"
        shim.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" manage.py "$@"\n')
        shim.chmod(0o700)
        named = {
            "DOMAIN": DOMAIN,
            "ADMIN": ADMIN,
            "NEW_IP": NEW,
            "HTTPS_PORT": str(self.port),
            "LISTEN": f"{NEW}:{self.port}",
            "ORIGIN": f"127.0.0.1:{shop.port}",
            "CERTIFICATE": str(self.certificate),
            "KEY": str(self.key),
            "SITES": str(self.folder / "new"),
            "NGINX": self.command("new"),
            "AUTOORDER": str(shim),
            "CURL_CA_BUNDLE": str(self.certificate),
        }
        chosen = BLOCK.findall(page)[blocks]
        for block in chosen:
            run(["sh", "-eu", "-c", block], {**shop.env, "DATABASE_URL": shop.database_url, **named})
        return len(chosen)
