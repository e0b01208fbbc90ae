"""A Debian of its own in a folder, booted with systemd: debootstrap and systemd-nspawn, as root. Not part of `make
test`.

It shares the host's network, so that packages come from where the host's come from, and may not change it: its firewall
would be the host's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

MARKS = ("PIP_", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
WITHOUT_NETWORK_RIGHTS = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")  # nsenter brings the host's
INIT = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/sbin/init")


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {what}", flush=True)


class Machine:
    """One container. `root` survives between runs until `make_afresh`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.nspawn: subprocess.Popen[bytes] | None = None

    # -- life ----------------------------------------------------------------------------------------------------------

    def make_afresh(self, suite: str = "bookworm") -> None:
        """A minimal Debian with what the README's first line asks for; a copy is kept for the next time."""
        kept = self.root.with_name(f"{self.root.name}-{suite}.tar")
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        if not kept.exists():
            packages = "systemd,systemd-sysv,dbus,ca-certificates,iproute2,procps,git,make,python3-venv,curl"
            run(["debootstrap", "--variant=minbase", f"--include={packages}", suite, str(self.root), mirror()])
            run(["tar", "-C", str(self.root), "-cf", str(kept), "."])
        else:
            run(["tar", "-C", str(self.root), "-xf", str(kept)])
        (self.root / "etc/machine-id").write_text("")
        shutil.copy(CERTIFICATES, self.root / "etc/host-certificates.crt")
        (self.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)

    def boot(self) -> float:
        """Seconds until systemd has started everything."""
        began = time.monotonic()
        log = (self.root.with_suffix(".log")).open("ab")
        self.nspawn = subprocess.Popen(
            [
                "systemd-nspawn",
                "-q",
                "-D",
                str(self.root),
                "--register=no",
                "--keep-unit",
                "--boot",
                "--console=pipe",
                "--resolv-conf=copy-host",
                "--drop-capability=CAP_NET_ADMIN",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.wait(
            lambda: (
                self.leader()
                and self.sh("systemctl is-system-running", check=False).stdout.strip() in ("running", "degraded")
            ),
            "systemd",
            120,
        )
        return time.monotonic() - began

    def power_off(self) -> None:
        """As a machine that is switched off in order."""
        if self.nspawn is not None and self.nspawn.poll() is None:
            self.sh("systemctl poweroff", check=False)
            try:
                self.nspawn.wait(90)
            except subprocess.TimeoutExpired:
                self.pull_the_plug()
        self.nspawn = None

    def pull_the_plug(self) -> None:
        """As a machine that loses its power."""
        if leader := self.leader():
            os.kill(leader, signal.SIGKILL)
        if self.nspawn is not None:
            self.nspawn.wait(30)
        self.nspawn = None

    def leader(self) -> int | None:
        """The host's process id of the container's first process."""
        if self.nspawn is None:
            return None
        for entry in Path("/proc").iterdir():
            try:
                mine = entry.name.isdigit() and parent_of(entry) == self.nspawn.pid
                if mine and (entry / "cmdline").read_bytes().split(b"\0")[0].decode() in INIT:
                    return int(entry.name)
            except OSError:
                continue
        return None

    # -- inside --------------------------------------------------------------------------------------------------------

    def sh(
        self, script: str, *, text: str = "", check: bool = True, seconds: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script inside, as root."""
        env = {k: v for k, v in os.environ.items() if k.startswith(MARKS) and k != "PIP_FIND_LINKS"}
        env = {k: ("/etc/host-certificates.crt" if v.endswith((".crt", ".pem")) else v) for k, v in env.items()}
        env |= {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
        }
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader()), "-m", "-u", "-i", "-p", "-C", "-r", "-w", "--",
             *WITHOUT_NETWORK_RIGHTS, "/bin/sh", "-c", script],
            input=text, capture_output=True, text=True, check=False, env=env, timeout=seconds,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def wait(self, done: object, what: str, seconds: float) -> float:
        """Seconds until `done()` is true."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if callable(done) and done():
                return time.monotonic() - began
            time.sleep(0.1)
        raise AssertionError(f"waited {seconds:.0f} s for {what}")


def parent_of(entry: Path) -> int:
    return int((entry / "stat").read_text().rpartition(")")[2].split()[1])


def mirror() -> str:
    """The host's own Debian mirror."""
    texts = [path.read_text() for path in Path("/etc/apt").rglob("*") if path.suffix in (".list", ".sources")]
    found = re.findall(r"(?:^URIs:|^deb(?: \[[^\]]*\])?)\s+(\S+/debian)/?\s", "\n".join(texts), re.M)
    return found[0] if found else "http://deb.debian.org/debian"


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
