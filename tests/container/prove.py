"""`make prove-install`: the installer, on a Debian of its own, as somebody with a fresh VPS would use it. Root only.

Fresh clone → install.sh → a sale → reboot → kill -9 and a hang of each unit → update → an update that fails goes back.
Telegram and gateway are the project's fakes, on the container's loopback. Prints a line a step; exit 1 at the first
failure."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.container.customers import FAKES
from tests.container.machine import Machine, say
from tests.container.updates import BAD_MIGRATION, BAD_SALE, BAD_START, BAD_TABLES, BAD_WEB, Updates

ROOT = Path(__file__).resolve().parent.parent.parent
UNITS = ("web", "worker", "bot", "watch")
TOKEN = "7000001:AAproof-of-the-installer-0123456789"
FAKE_UNIT = f"""[Unit]
Description=fake Telegram and gateway
[Service]
WorkingDirectory=/root/autoorder
Environment=SANDBOX_URL={FAKES} SANDBOX_TOKEN={TOKEN} AUTOORDER_FOLDER=/var/lib/fakes SANDBOX_RATE=1000
ExecStart=/opt/autoorder/current/.venv/bin/python -m fakes
Restart=always
[Install]
WantedBy=multi-user.target
"""
SETTINGS = f"""TELEGRAM_API_URL={FAKES}/telegram
OWNER_API_URL={FAKES}/telegram
PAKASIR_API_URL={FAKES}/pakasir
PAKASIR_PROJECT=tokomaju
PAKASIR_API_KEY=sandbox-api-key
PAKASIR_WEBHOOK_SECRET=sandbox-webhook-secret
PAKASIR_SANDBOX=1
PAYMENT_POLL_FIRST=3
PAYMENT_POLL_EVERY=3
"""
PRODUCTS = "code,name,price,description,category,terms\\nkopi,Kopi Kode,12000,Kode kopi,Minum,Jangan dibagi\\n"


class Proof(Updates):
    """The steps, in order; each leaves the machine for the next."""

    def __init__(self, machine: Machine, domain: str) -> None:
        super().__init__(machine)
        self.domain = domain

    def clone(self) -> None:
        target = self.machine.root / "root/autoorder"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(target)], check=True)
        (self.machine.root / "etc/systemd/system/fakes.service").write_text(FAKE_UNIT)
        (self.machine.root / "var/lib/fakes").mkdir(exist_ok=True)

    def try_out(self) -> None:
        """As a newcomer: `make run` with a token, a product, a unit of stock; then it is stopped."""
        began = time.monotonic()
        start = (
            f"cd /root/autoorder && TELEGRAM_BOT_TOKEN={TOKEN} OWNER_CHAT_IDS=700 setsid make run > /root/run.log"
            " 2>&1 &"
        )
        self.machine.sh(start)
        self.machine.wait(
            lambda: "autoorder runs" in self.machine.sh("cat /root/run.log", check=False).stdout, "make run", 300
        )
        say(f"make run with a token: {time.monotonic() - began:.0f} s")
        self.machine.sh(
            f"cd /root/autoorder && export TELEGRAM_BOT_TOKEN={TOKEN} && printf '{PRODUCTS}' | .venv/bin/python"
            " manage.py importproducts - && seq -f 'COBA-%02g' 3 | .venv/bin/python manage.py importstock kopi - &&"
            " pkill -TERM -f '[m]anage.py up'"
        )
        self.machine.wait(
            lambda: not self.machine.sh("pgrep -f '[m]anage.py up'", check=False).stdout, "the try-out to stop", 20
        )
        self.machine.sh(f"sed -i 's/^TELEGRAM_BOT_TOKEN=.*/TELEGRAM_BOT_TOKEN={TOKEN}/' /root/autoorder/.env")

    def moved_in(self) -> None:
        rows = (
            "SELECT (SELECT count(*) FROM orders_product WHERE code <> 'autoorder-uji'), (SELECT count(*) FROM"
            " orders_seat), (SELECT count(*) FROM base_auditrow) > 0"
        )
        ask = f'setpriv --reuid=postgres --regid=postgres --init-groups psql -At -d autoorder -c "{rows}"'
        assert self.machine.sh(ask).stdout.strip() == "1|3|t", self.machine.sh(ask).stdout
        self.machine.sh("autoorder checkinvariants")  # the keys came along: audit rows and goods open
        say("the try-out moved in: its product, its 3 units, its audit log; the books are right")

    def install(self) -> None:
        began = time.monotonic()
        done = self.machine.sh(
            "cd /root/autoorder && sh deploy/install.sh",
            text=f"{self.domain}\n{TOKEN}\n700\nsandi-pemilik-1\n",
            seconds=1500,
        )
        say(f"install.sh ended well after {time.monotonic() - began:.0f} s; it said:")
        print("    " + "\n    ".join(done.stdout.strip().splitlines()), flush=True)
        self.moved_in()
        # from here on the shop talks with the fakes
        self.machine.sh(
            "/opt/autoorder/current/.venv/bin/python /opt/autoorder/current/deploy/setvalues.py /etc/autoorder/env",
            text=SETTINGS,
        )
        self.machine.sh("systemctl enable --now -q fakes && systemctl restart autoorder.target")  # what it said to do
        self.machine.wait(self.serves, "the shop with its gateway", 60)
        self.machine.sh(
            f"printf '{PRODUCTS}' | autoorder importproducts - && seq -f 'KOPI-%05g' 200 | autoorder importstock kopi -"
        )
        self.tell("users", id=700, name="Tono")
        self.tell("say", user=700, text="/start")  # a bot may not write first
        say(f"a sale: goods {self.buy():.1f} s after the payment")

    def install_again(self) -> None:
        before = self.machine.sh("sha256sum /etc/autoorder/env").stdout
        self.machine.sh("cd /root/autoorder && sh deploy/install.sh", text="\n\n\n\n", seconds=900)
        assert self.machine.sh("sha256sum /etc/autoorder/env").stdout == before, "a second install changed the settings"
        say(f"install.sh a second time: settings as before; a sale: {self.buy():.1f} s")
        started = self.machine.sh("systemctl show -P ActiveEnterTimestamp autoorder-web").stdout
        weak = self.machine.sh(
            "cd /root/autoorder && sh deploy/install.sh", text="\n\n\n1234567890\n", check=False, seconds=900
        )
        assert weak.returncode == 2, weak.stdout
        assert "another password" in weak.stderr, weak.stderr
        self.commit("echo >> README.md")
        other = self.machine.sh("cd /root/autoorder && sh deploy/install.sh", text="\n\n\n\n", check=False)
        assert other.returncode == 2, other.stdout
        assert "deploy/update.sh" in other.stderr, other.stderr
        self.machine.sh("cd /root/autoorder && git reset -q --hard HEAD~1")
        assert self.machine.sh("systemctl show -P ActiveEnterTimestamp autoorder-web").stdout == started
        say("install.sh with a weak password, and from another version: refused, and nothing was stopped")

    def install_interrupted(self) -> None:
        """Broken off after it has stopped the shop: the shop runs again."""
        script = (
            "cd /root/autoorder; printf '\\n\\n\\n\\n' | setsid sh deploy/install.sh > /root/install.log 2>&1 &"
            " work=$!; until grep -q 'Making the tables' /root/install.log; do sleep 0.1; done; systemctl -q is-active"
            " autoorder-web && echo not stopped; kill -TERM $work; wait $work; echo ended $?"
        )
        said = self.machine.sh(script, check=False).stdout
        assert "ended 130" in said, said
        assert "not stopped" not in said, "it was broken off too early to prove anything"
        took = self.machine.wait(self.serves, "the shop after an installation that was broken off", 30)
        say(f"install.sh broken off after it stopped the shop: serving {took:.1f} s later; a sale: {self.buy():.1f} s")

    def look_around(self) -> None:
        """Rights, checksums, roles, and what systemd thinks of the units."""
        sh = self.machine.sh
        facts = {
            "settings": sh("stat -c '%U:%G %a' /etc/autoorder/env").stdout.strip(),
            "code owned by": sh("stat -c %U /opt/autoorder/current/manage.py").stdout.strip(),
            "checksums": (
                sh(
                    "setpriv --reuid=postgres --init-groups --regid=postgres psql -At -c 'SHOW data_checksums'"
                ).stdout.strip()
            ),
            "tables of the shop's role": (
                sh(
                    'setpriv --reuid=postgres --regid=postgres --init-groups psql -At -d autoorder -c "SELECT count(*)'
                    " FROM pg_tables WHERE tableowner = 'autoorder'\""
                ).stdout.strip()
            ),
            "health": sh("autoorder health --json", check=False).stdout.strip()[:60],
        }
        assert facts["settings"] == "root:autoorder 640", facts
        assert facts["code owned by"] == "root", facts
        assert facts["checksums"] == "on", facts
        assert facts["tables of the shop's role"] == "0", facts
        verify = sh(
            "systemd-analyze verify /etc/systemd/system/autoorder-*.service /etc/systemd/system/autoorder-*.socket"
            " /etc/systemd/system/autoorder.target 2>&1"
        ).stdout
        assert not verify.strip(), verify
        for unit in UNITS:
            sh(f"systemd-analyze security --offline=true --threshold=40 /etc/systemd/system/autoorder-{unit}.service")
        refused = sh(
            "setpriv --reuid=autoorder --regid=autoorder --init-groups psql -U autoorder_admin -d autoorder -c"
            " 'SELECT 1'",
            check=False,
        )
        assert refused.returncode, "the shop's user may become the owner of the tables"
        say(f"looked around: {facts}; verify silent, security under 40")

    def web(self) -> None:
        """nginx before it: pages, limits, and the answer while the shop restarts."""
        if self.domain == "-":
            return
        curl = f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve {self.domain}:443:127.0.0.1 https://{self.domain}"
        assert self.machine.sh(f"{curl}/healthz/live").stdout == "200"
        assert self.machine.sh(f"{curl}/telegram/webhook/ -X POST -d x").stdout == "401"
        assert (
            self.machine.sh(f"head -c 3000000 /dev/zero | {curl}/telegram/webhook/ -X POST --data-binary @-").stdout
            == "413"
        )
        self.machine.sh("systemctl stop autoorder-web.socket")
        assert self.machine.sh("systemctl is-active autoorder-web", check=False).stdout.strip() == "inactive"
        assert self.machine.sh(f"{curl}/telegram/webhook/ -X POST -d x").stdout == "503"
        self.machine.sh("systemctl start autoorder-web")
        self.machine.sh("systemctl restart autoorder-web")
        assert self.machine.sh(f"{curl}/telegram/webhook/ -X POST -d x").stdout == "401", "refused during a restart"
        self.machine.sh("kill -9 $(systemctl show -P MainPID autoorder-web)")
        assert self.machine.sh(f"{curl}/telegram/webhook/ -X POST -d x").stdout == "401", "refused after kill -9"
        refused = self.machine.sh(
            "setpriv --reuid=nobody --regid=nogroup --clear-groups curl -s -m 2 --unix-socket /run/autoorder/web.sock"
            " http://localhost/healthz/live",
            check=False,
        )
        assert refused.returncode == 7, "any user of this machine may talk to the web process past nginx"
        address = self.machine.sh("hostname -I").stdout.split()[0]
        outside = curl.replace("127.0.0.1", address)
        assert self.machine.sh(f"{outside}/admin/login/").stdout == "403", "the dashboard is open to everybody"
        assert self.machine.sh(f"{outside}/healthz/live").stdout == "200"
        assert self.machine.sh(f"{outside}/metrics").stdout == "401"
        bearer = "-H \"Authorization: Bearer $(sed -n 's/^METRICS_TOKEN=//p' /etc/autoorder/env)\""
        assert self.machine.sh(f"{outside}/metrics {bearer}").stdout == "200", "Prometheus is sent away"
        assert self.machine.sh(f"{curl}/admin/login/").stdout == "200"
        say(
            "nginx: 200, 401, 413, 503 while the shop is down, none refused by restart or kill, 403 for the dashboard"
            " from elsewhere"
        )

    def reboot(self) -> None:
        self.machine.power_off()
        booted = self.machine.boot()
        self.machine.wait(self.serves, "the shop after a reboot", 90)
        say(f"reboot: systemd after {booted:.0f} s; a sale: {self.buy():.1f} s")
        self.machine.pull_the_plug()
        booted = self.machine.boot()
        self.machine.wait(self.serves, "the shop after the power was cut", 90)
        say(f"power cut: systemd after {booted:.0f} s; a sale: {self.buy():.1f} s")

    def serves(self) -> bool:
        code = (
            "curl -s -m 2 -o /dev/null -w '%{http_code}' --unix-socket /run/autoorder/web.sock"
            " http://localhost/healthz/ready"
        )
        return self.machine.sh(code, check=False).stdout == "200"

    def pid(self, unit: str) -> int:
        return int(self.machine.sh(f"systemctl show -P MainPID autoorder-{unit}").stdout)

    def up_again(self, unit: str, old: int) -> bool:
        return (
            self.pid(unit) not in (0, old)
            and self.machine.sh(f"systemctl is-active -q autoorder-{unit}", check=False).returncode == 0
        )

    def kill_each(self) -> None:
        for unit in UNITS:
            old = self.pid(unit)
            self.machine.sh(f"kill -9 {old}")
            took = self.machine.wait(lambda u=unit, o=old: self.up_again(u, o), f"{unit} after kill -9", 5)
            say(f"kill -9 of {unit}: active again after {took:.1f} s; a sale: {self.buy():.1f} s")
        for name, pid in (
            ("postgres", "head -1 /var/lib/postgresql/*/main/postmaster.pid"),
            ("nginx", "cat /run/nginx.pid"),
        ):
            self.machine.sh(f"kill -9 $({pid})")
            time.sleep(0.5)
            took = self.machine.wait(self.answers_outside, f"the shop after kill -9 of {name}", 20)
            say(f"kill -9 of {name}: answering again after {took + 0.5:.1f} s; a sale: {self.buy():.1f} s")
            self.hears(700, f"Proses {name} berhenti", 60)
        for unit in UNITS:
            self.hears(700, f"Proses {unit} berhenti", 60)
        say("the owner was told of each first death, of watch's, PostgreSQL's and nginx's too")

    def answers_outside(self) -> bool:
        curl = (
            f"curl -sk -m 2 -o /dev/null -w '%{{http_code}}' --resolve {self.domain}:443:127.0.0.1"
            f" https://{self.domain}"
        )
        return self.machine.sh(f"{curl}/healthz/ready", check=False).stdout == "200"

    def hang_each(self) -> None:
        time.sleep(35)  # a young process is given time
        for unit in UNITS:
            old = self.pid(unit)
            self.machine.sh(f"systemctl kill -s STOP autoorder-{unit}")  # all its processes
            took = self.machine.wait(lambda u=unit, o=old: self.up_again(u, o), f"{unit} after SIGSTOP", 45)
            say(f"SIGSTOP of {unit}: another one is active after {took:.0f} s")
        say(f"a sale: {self.buy():.1f} s")

    def forgotten_transaction(self) -> None:
        """Somebody at psql locks a table of every sale and goes home: PostgreSQL ends the session, and the shop goes
        on.
        """
        psql = "setpriv --reuid=postgres --regid=postgres --init-groups psql -q -d autoorder"
        (self.machine.root / "root/forget.sh").write_text(
            f"(echo 'BEGIN; LOCK TABLE bot_inboundupdate;'; sleep 120) | {psql}\n"
        )
        self.machine.sh("setsid sh /root/forget.sh > /root/forgotten.log 2>&1 < /dev/null &")
        time.sleep(1)
        began = time.monotonic()
        self.buy()
        took = time.monotonic() - began
        assert 20 < took < 45, f"a sale took {took:.0f} s behind a forgotten transaction"
        say(f"a transaction that somebody forgot: a sale went through after {took:.0f} s")

    def visitor(self) -> None:
        """Who installed by sudo reaches the dashboard under their own name, since root often may not come by SSH."""
        self.machine.sh("useradd -m rudi")
        said = self.machine.sh(
            "cd /root/autoorder && SUDO_USER=rudi sh deploy/install.sh", text="\n\n\n\n", seconds=900
        ).stdout
        assert "rudi@toko.example" in said, said
        page = self.machine.sh(
            "setpriv --reuid=rudi --regid=rudi --init-groups curl -s -o /dev/null -w '%{http_code}' --unix-socket"
            " /run/autoorder/web.sock http://localhost/admin/login/"
        ).stdout
        assert page == "200", page
        say("the dashboard opens for who installed by sudo")

    def crash_often(self, times: int) -> None:
        """However often it dies, systemd goes on; the pause between starts is cut short to see many."""
        self.machine.sh(
            "mkdir -p /run/systemd/system/autoorder-worker.service.d && printf"
            " '[Service]\\nEnvironment=AUTOORDER_LONGEST_PAUSE=0\\n' >"
            " /run/systemd/system/autoorder-worker.service.d/short.conf && systemctl daemon-reload && systemctl restart"
            " autoorder-worker"
        )
        killed = 0
        deadline = time.monotonic() + times * 3
        while killed < times and time.monotonic() < deadline:
            done = self.machine.sh(
                'pid=$(systemctl show -P MainPID autoorder-worker); [ "$pid" != 0 ] && kill -9 $pid', check=False
            )
            killed += done.returncode == 0
        assert killed == times, f"only {killed} of {times} kills: it was not started any more"
        self.machine.wait(
            lambda: self.machine.sh("systemctl is-active -q autoorder-worker", check=False).returncode == 0,
            "the worker",
            60,
        )
        self.machine.sh(
            "rm -r /run/systemd/system/autoorder-worker.service.d && systemctl daemon-reload && systemctl restart"
            " autoorder-worker"
        )
        say(f"{times} crashes of the worker in a row; a sale: {self.buy():.1f} s")

    def backup(self) -> None:
        """With a key and an offsite a whole one comes by itself, proven; restored, nothing is sold twice."""
        sh = self.machine.sh
        python = "/opt/autoorder/current/.venv/bin/python"
        make = "import pyrage; key = pyrage.x25519.Identity.generate(); print(key); print(key.to_public())"
        private, public = sh(f"{python} -c '{make}'").stdout.split()
        sh("mkdir -p /mnt/away")
        values = f"BACKUP_RECIPIENTS={public}\nBACKUP_OFFSITE_URL=file:///mnt/away\n"
        sh(f"{python} /opt/autoorder/current/deploy/setvalues.py /etc/autoorder/env", text=values)
        sh("systemctl restart autoorder.target")
        took = self.machine.wait(lambda: "is proven" in sh("autoorder jobs").stdout, "a proven backup by itself", 240)
        say(f"a backup came by itself {took:.0f} s later: {sh('autoorder jobs').stdout.split('100 %')[-1].strip()}")
        assert sh("stat -c '%U %a' /var/backups/autoorder/*.age | sort -u").stdout.strip() == "root 600"
        spied = sh("setpriv --reuid=autoorder --regid=autoorder --init-groups ls /var/backups/autoorder", check=False)
        assert spied.returncode, "the shop's user looks into the folder of backups"
        assert "is proven" in sh("autoorder backup").stdout
        assert "is what its record says" in sh("autoorder verifybackup --key", text=private).stdout
        self.buy()
        newest = sh("autoorder restore stage newest", text=private).stdout
        assert "its truths hold" in newest, newest
        name = newest.split()[0]
        done = sh("autoorder restore activate", text=f"{name}\n").stdout
        assert "1 seats are held back" in done, done
        assert "started anew" in done, done
        took = self.machine.wait(self.serves, "the shop after a restore", 60)
        say(f"restored: serving {took:.1f} s later, the seat sold since is held back; a sale: {self.buy():.1f} s")
        self.books()
        assert "started anew" in sh("autoorder restore undo", text="undo\n").stdout
        self.machine.wait(self.serves, "the shop after the undo", 60)
        say(f"undone; a sale: {self.buy():.1f} s")

    def becomes_a_standby(self) -> None:
        """The same machine, its shop switched off: what install.sh does on a second server."""
        refused = self.machine.sh("cd /root/autoorder && sh deploy/install.sh --standby", check=False)
        assert refused.returncode == 2, refused.stdout
        assert "this is no standby" in refused.stderr, refused.stderr
        units = " ".join(f"autoorder-{unit}" for unit in UNITS)
        self.machine.sh(f"systemctl disable -q --now autoorder.target {units}")
        done = self.machine.sh(
            "cd /root/autoorder && git checkout -q $(basename $(readlink -f /opt/autoorder/current) | sed 's/.*-//') &&"
            " sh deploy/install.sh --standby"
        )
        assert "nothing runs" in done.stdout, done.stdout
        for state in ("is-active", "is-enabled"):
            assert (
                "active"
                not in self.machine.sh(
                    f"systemctl {state} autoorder.target {units} | grep -v inactive", check=False
                ).stdout
            )
            assert "enabled" not in self.machine.sh(f"systemctl {state} autoorder.target {units}", check=False).stdout
        self.machine.sh("cd /root/autoorder && sh deploy/update.sh --standby")
        say("install.sh --standby: refused beside a shop; on a waiting server the release stands, and nothing runs")

    def books(self) -> None:
        said = self.machine.sh("autoorder checkinvariants")
        assert said.returncode == 0
        say("the books are right")


def main() -> int:
    suite = sys.argv[1] if len(sys.argv) > 1 else "bookworm"
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "/var/tmp/autoorder-container")
    machine = Machine(folder / "debian")
    proof = Proof(machine, "toko.example")
    try:
        machine.make_afresh(suite)
        say(f"a fresh Debian {suite}; systemd runs after {machine.boot():.0f} s")
        proof.clone()
        proof.try_out()
        proof.install()
        proof.look_around()
        proof.web()
        proof.install_again()
        proof.install_interrupted()
        proof.visitor()
        proof.reboot()
        proof.kill_each()
        proof.hang_each()
        proof.forgotten_transaction()
        proof.crash_often(200)
        proof.backup()
        proof.update()
        proof.failing_update("an update that does not start", BAD_START, starts=True)
        proof.failing_update("an update whose web process does not start", BAD_WEB, starts=True)
        proof.update_without_a_terminal()
        proof.update_interrupted()
        proof.failing_update("an update that runs and does not sell", BAD_SALE, starts=True)
        proof.failing_update("an update on whose tables nobody can sell", BAD_TABLES, starts=False)
        proof.failing_update("an update whose migration fails", BAD_MIGRATION, starts=False)
        proof.update_without_power()
        proof.books()
        proof.becomes_a_standby()
    except AssertionError as failure:
        say(f"FAILED: {failure}")
        return 1
    finally:
        machine.power_off()
    say("proved")
    return 0


if __name__ == "__main__":
    sys.exit(main())
