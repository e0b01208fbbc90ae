"""Questions asked of a whole shop of processes, from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import psutil

from bench.figures import spread
from tests.live import Live, descendants

Row = tuple[str, str, str]


def shop(folder: Path, **environment: str) -> Live:
    made = Live(
        folder / "shop",
        TELEGRAM_RATE="1000",
        SANDBOX_RATE="100000",
        SANDBOX_STRICT="0",
        TELEGRAM_MODE="webhook",
        PAYMENT_POLL_FIRST="800",
        **environment,
    )
    made.env["PUBLIC_URL"] = f"http://127.0.0.1:{made.port}"
    return made.start()


def paid_to_goods(folder: Path) -> Iterator[Row]:
    live = shop(folder)
    try:
        live.add_stock("spotify", 500)
        for delay in (0, 100):
            live.tell("faults", telegram_delay=0, gateway_delay=0)
            users = range(10_000 + delay, 10_000 + delay + 40)
            numbers = {user: live.walk_to_invoice(user, "Spotify") for user in users}
            live.tell("faults", telegram_delay=delay, gateway_delay=delay)
            time.sleep(5)
            took = []
            for user, number in numbers.items():
                live.tell("pay", order_id=number)
                goods = live.find(
                    user, lambda m, n=number: n in m.get("text", "") and "barangnya" in m["text"], "goods"
                )
                paid = next(t for t in live.ask("transactions")["transactions"] if t["order_id"] == number)[
                    "completed_at"
                ]
                took.append((goods["at"] - paid) * 1000 - 2 * delay)
                time.sleep(0.2)
            yield (
                f"paid webhook → goods, above its two API calls of {delay} ms",
                spread(took),
                "p50 < 20, p99 < 100 ms",
            )
    finally:
        live.stop()


def tap_to_reply(folder: Path) -> Iterator[Row]:
    live = shop(folder)
    try:
        for delay in (0, 100):
            live.tell("faults", telegram_delay=delay)
            took = []
            for n in range(120):
                user = 20_000 + delay * 1000 + n % 40
                live.tell("users", id=user, name="x")
                before = max([m["message_id"] for m in live.messages(user)], default=0)
                said = live.tell("say", user=user, text="/start")["at"]
                reply = live.find(user, lambda m, b=before: m["message_id"] > b, "a reply")
                took.append((reply["at"] - said) * 1000 - delay)
            yield (f"tap → reply, above its one API call of {delay} ms", spread(took), "p50 < 20 ms")
    finally:
        live.stop()


def updates_per_second(folder: Path) -> Iterator[Row]:
    live = shop(folder)
    try:
        for delay in (0, 100):
            live.tell("faults", telegram_delay=delay)
            users = [30_000 + delay * 1000 + n for n in range(400)]
            goal = live.ask("counters")["sent"] + len(users) * 6
            began = time.monotonic()
            live.tell("say_all", users=users, text="/start", times=6)
            live.wait(lambda goal=goal: live.ask("counters")["sent"] >= goal, "all replies", 120)
            took = time.monotonic() - began
            yield (
                f"updates per second sustained, each answered, API delay {delay} ms",
                f"{len(users) * 6 / took:.0f}",
                "> 200",
            )
    finally:
        live.stop()


def webhooks_stored(folder: Path) -> Iterator[Row]:
    live = shop(folder)
    try:
        live.sql("ALTER SYSTEM SET commit_delay = 3000")
        live.sql("ALTER SYSTEM SET commit_siblings = 0")
        live.sql("SELECT pg_reload_conf()")
        count, threads = 3000, 32
        secret = {"X-Secret": "sandbox-webhook-secret", "Content-Type": "application/json"}

        def post(part: int) -> None:
            wire = HTTPConnection("127.0.0.1", live.port)
            for n in range(part, count, threads):
                body = json.dumps(
                    {"txn_id": f"t{n}", "order_id": f"AO-{n}", "amount": 1, "is_sandbox": True, "status": "completed"}
                )
                wire.request("POST", "/payments/pakasir/webhook/", body, secret)
                answer = wire.getresponse()
                answer.read()
                assert answer.status == 200

        began = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(post, range(threads)))
        rate = count / (time.monotonic() - began)
        stored = live.sql("SELECT count(*) FROM orders_gatewayevent")[0][0]
        yield ("gateway webhooks stored per second, flush slowed to 3 ms", f"{rate:.0f} ({stored} rows)", "> 400")
    finally:
        live.stop()


def memory_and_starts(folder: Path) -> Iterator[Row]:
    live = Live(folder / "shop")
    began = time.monotonic()
    live.start()
    first = time.monotonic() - began
    live.buy(701, "Spotify")
    time.sleep(20)
    assert live.up is not None
    ours: dict[str, float] = {}
    for pid in [live.up.pid, *descendants(live.up.pid)]:
        try:
            words = " ".join(psutil.Process(pid).cmdline())
            pss = psutil.Process(pid).memory_full_info().pss / 1024
        except psutil.Error:
            continue
        if "postgres" not in words:
            name = next(
                (n for n in ("gunicorn", "runcluster", "runbot", "watch", "fakes", "supervisord", "up") if n in words),
                "other",
            )
            ours[name] = ours.get(name, 0) + pss / 1024
    live.stop()
    began = time.monotonic()
    live.start(again=True)
    second = time.monotonic() - began
    began = time.monotonic()
    live.stop()
    detail = ", ".join(f"{name} {size:.0f}" for name, size in sorted(ours.items(), key=lambda x: -x[1]))
    yield ("memory idle (PSS, PostgreSQL apart)", f"{sum(ours.values()):.0f} MB ({detail})", "< 400 MB")
    yield (
        "first start, second start, stop",
        f"{first:.1f} s, {second:.1f} s, {time.monotonic() - began:.1f} s",
        "second < 5 s, stop < 15 s",
    )


def restarts(folder: Path) -> Iterator[Row]:
    live = Live(folder / "shop", SANDBOX_RATE="3000", TELEGRAM_RATE="1000").start()
    try:
        user = 40_000
        for victim in ("web", "worker", "worker/0", "worker/1", "worker/3", "worker/5", "bot", "sandbox", "postgres"):
            took = []
            for _ in range(3):
                user += 1
                live.insist("users", id=user, name="x")
                live.wait(
                    lambda: {"web", "bot", "worker", "sandbox", "postgres"} <= set(live.processes()), "all processes"
                )
                time.sleep(2)
                live.kill(victim)
                began = time.monotonic()
                live.insist("say", user=user, text="/start")
                live.find(user, lambda m: "selamat datang" in m["text"], "the greeting", 40)
                took.append(time.monotonic() - began)
            yield (f"kill -9 of {victim} → a buyer is answered", " · ".join(f"{t:.1f}" for t in took) + " s", "< 5 s")
    finally:
        live.stop()


def telegram_down(folder: Path) -> Iterator[Row]:
    """30 s without Telegram while payments arrive: all goods afterwards, each once or marked as a repeat."""
    live = Live(folder / "shop", SANDBOX_RATE="3000", TELEGRAM_RATE="1000").start()
    try:
        live.add_stock("spotify", 100)
        numbers = {user: live.walk_to_invoice(user, "Spotify") for user in range(50_000, 50_020)}
        live.tell("faults", telegram_down=True)
        for number in numbers.values():
            live.tell("pay", order_id=number)
        time.sleep(30)
        live.tell("faults", telegram_down=False)
        began = time.monotonic()
        for user, number in numbers.items():
            live.goods(user, number, 120)
        took = time.monotonic() - began
        copies = [[m for m in live.messages(u) if "barangnya" in m.get("text", "")] for u in numbers]
        unmarked = sum(1 for found in copies for m in found[1:] if "Kiriman ulang" not in m["text"])
        yield (
            "Telegram down 30 s, 20 payments: all goods after it is back",
            f"{took:.1f} s, {sum(map(len, copies))} messages, {unmarked} unmarked repeats",
            "20 delivered, 0 unmarked",
        )
    finally:
        live.stop()


QUESTIONS = [
    paid_to_goods,
    tap_to_reply,
    updates_per_second,
    webhooks_stored,
    memory_and_starts,
    restarts,
    telegram_down,
]
