"""Updates in the container: what goes well, what is cut off, and what must go back by itself."""

from __future__ import annotations

import threading
import time

from tests.container.customers import Customers
from tests.container.machine import say


class Updates(Customers):
    """Each leaves the machine for the next."""

    def update(self) -> None:
        old = self.release()
        self.commit("echo '# a harmless change' >> README.md")
        with Poller(self) as poller:
            done = self.machine.sh("cd /root/autoorder && AUTOORDER_UPDATE_SECONDS=20 sh deploy/update.sh", seconds=900)
        assert self.release() != old, done.stdout
        say(
            f"update.sh: {old} → {self.release()}; longest time without an answer {poller.longest:.1f} s; a sale:"
            f" {self.buy():.1f} s"
        )
        assert poller.longest < 30

    def update_without_a_terminal(self) -> None:
        """Its SSH line breaks half-way: it goes on all the same. (`nohup make prove-install` would have it hear nothing
        of that.)
        """
        old = self.release()
        self.commit("echo '# another harmless change' >> README.md")
        lost = (
            "cd /root/autoorder && AUTOORDER_UPDATE_SECONDS=20 env --default-signal=HUP setsid sh deploy/update.sh"
            " >/dev/null 2>&1 & sleep 15; kill -HUP $!; sleep 1; kill -0 $! 2>/dev/null && echo alive"
        )
        assert "alive" not in self.machine.sh(lost, check=False).stdout, (
            "the line that was lost keeps something running"
        )
        took = self.machine.wait(lambda: self.release() != old, "the update to go on", 300)
        log = "cat $(ls -1t /var/log/autoorder-update-*.log | head -1)"
        self.machine.wait(lambda: f"autoorder {self.release()} runs" in self.machine.sh(log).stdout, "its end", 120)
        say(f"update.sh whose terminal was lost: went on, switched {took:.0f} s later; a sale: {self.buy():.1f} s")

    def update_interrupted(self) -> None:
        """Ended by a signal while it watches the new release: it goes back."""
        old = self.release()
        self.commit("echo '# a harmless change that is broken off' >> README.md")
        log = "$(ls -1t /var/log/autoorder-update-*.log | head -1)"
        self.machine.sh(
            "cd /root/autoorder && (AUTOORDER_UPDATE_SECONDS=60 sh deploy/update.sh > /dev/null 2>&1 &) ; sleep 3;"
            f" until grep -q '^5/5' {log}; do sleep 0.2; done; sleep 8;"
            " for pid in $(pgrep -f 'sh deploy/update.sh'); do"
            '   [ "$(ps -o sid= -p $pid | tr -d " ")" != "$pid" ] || kill -TERM $pid; done',
            seconds=300,
        )
        self.machine.wait(lambda: "runs again" in self.machine.sh(f"cat {log}").stdout, "the way back", 120)
        said = self.machine.sh(f"cat {log}").stdout
        assert "The update was interrupted" in said, said
        assert self.release() == old, said
        assert self.machine.sh(f"stat -c %a {log}").stdout.strip() == "600", "its log is open to others"
        self.machine.sh("cd /root/autoorder && git reset -q --hard HEAD~1")
        say(f"update.sh broken off while it watched: went back to {old}; a sale: {self.buy():.1f} s")

    def update_without_power(self) -> None:
        """The power goes while it watches the new release: the next update judges it."""
        old = self.release()
        self.commit("echo '# a harmless change in a storm' >> README.md")
        log = "$(ls -1t /var/log/autoorder-update-*.log | head -1)"
        self.machine.sh(
            "cd /root/autoorder && (AUTOORDER_UPDATE_SECONDS=60 sh deploy/update.sh > /dev/null 2>&1 &) ; sleep 3;"
            f" until grep -q '^5/5' {log}; do sleep 0.2; done; sleep 8",
            seconds=300,
        )
        self.machine.pull_the_plug()
        self.machine.boot()
        done = self.machine.sh("cd /root/autoorder && AUTOORDER_UPDATE_SECONDS=20 sh deploy/update.sh", seconds=600)
        assert f"goes back to {old}" in done.stdout, done.stdout
        assert "cut off" in done.stdout, done.stdout
        again = self.machine.sh("cd /root/autoorder && sh deploy/update.sh")
        assert "nothing to do" in again.stdout, again.stdout
        say(f"update.sh that lost its power: judged by the next one, {self.release()} runs; a sale: {self.buy():.1f} s")

    def failing_update(self, what: str, change: str, *, starts: bool) -> None:
        """`starts`: it is only found out by running it."""
        old = self.release()
        self.commit(change)
        with Poller(self) as poller:
            done = self.machine.sh(
                "cd /root/autoorder && AUTOORDER_UPDATE_SECONDS=20 sh deploy/update.sh", check=False, seconds=900
            )
        assert done.returncode, f"{what}: the update says that it went well\n{done.stdout}"
        assert self.release() == old, f"{what}: it stayed on the bad release"
        assert ("nothing was changed" in done.stdout) is not starts, done.stdout
        self.machine.sh("cd /root/autoorder && git reset -q --hard HEAD~1")
        last = done.stdout.strip().splitlines()[-1]
        say(
            f"{what}: went back to {old}; longest time without an answer {poller.longest:.1f} s; a sale:"
            f" {self.buy():.1f} s"
        )
        print(f"    {last}", flush=True)
        assert poller.longest < 30

    def release(self) -> str:
        return self.machine.sh("basename $(readlink -f /opt/autoorder/current)").stdout.strip()

    def commit(self, change: str) -> None:
        time.sleep(1.1)  # a release is named by its second
        self.machine.sh(
            f"cd /root/autoorder && {change} && git add -A && git -c user.name=x -c user.email=x@x.example commit -qm"
            " 'Try'"
        )


class Poller:
    """Asks the shop all the while; knows the longest time without an answer of its own."""

    def __init__(self, proof: Updates) -> None:
        self.proof, self.longest, self._over = proof, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(0.3):
            ask = (
                "curl -s -m 2 -o /dev/null -w '%{http_code}' -X POST -d x --unix-socket /run/autoorder/web.sock"
                " http://localhost/telegram/webhook/"
            )
            answered = self.proof.machine.sh(ask, check=False).stdout == "401"  # our own answer: it read the secret
            self.longest = max(self.longest, time.monotonic() - last)  # one that had to wait counts as well
            last = time.monotonic() if answered else last

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


BAD_START = (
    "sed -i 's/def run(self) -> None:/def run(self) -> None:\\n        raise SystemExit(3)/'"
    " apps/bot/connection/leader.py"
)
BAD_WEB = "echo 'raise SystemExit(3)' >> autoorder/wsgi.py"
BAD_SALE = "sed -i 's/^def goods_sent(about: str) -> None:/&\\n    return/' apps/orders/tasks.py && ! git diff --quiet"
ADDS_MIGRATION = """cat > apps/ROOM/migrations/9999_bad.py <<'END'
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ROOM", "LAST")]
    operations = [migrations.RunSQL("SQL")]
END
sed -i "s/LAST/$(ls apps/ROOM/migrations | grep '^0' | sort | tail -1 | sed 's/.py//')/" apps/ROOM/migrations/9999_bad.py"""
BAD_MIGRATION = ADDS_MIGRATION.replace("ROOM", "base").replace('"SQL"', '"SELECT nothing_like_this()"')
BAD_TABLES = ADDS_MIGRATION.replace("ROOM", "orders").replace(
    '"SQL"', """"ALTER TABLE orders_order ADD CONSTRAINT nobody_sells CHECK (state <> 'paid') NOT VALID\""""
)
