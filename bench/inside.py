"""Questions asked of the services, in this process, with a shop's database of its own."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.figures import spread
from tests.live import Live

Row = tuple[str, str, str]


def database(folder: Path) -> Live:
    """A started shop whose database this process uses; its workers are idle."""
    import django

    live = Live(folder / "shop").start()
    keys = dict(
        line.split("=", 1)
        for line in (folder / "shop" / "env").read_text().splitlines()
        if "=" in line and line[0] != "#"
    )
    os.environ.update({k: v for k, v in keys.items() if v}, DATABASE_URL=live.database_url, AUTOORDER_TESTS="1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoorder.settings")
    os.environ["AUTOORDER_VAR"] = str(folder / "shop")
    django.setup()
    return live


def people(count: int, first: int) -> list[Any]:
    from apps.bot.models import Chat, ChatSession, telegram_hash

    chats = [Chat(telegram_hash=telegram_hash(n), telegram_id=str(n), name="x") for n in range(first, first + count)]
    Chat.objects.bulk_create(chats)
    ChatSession.objects.bulk_create(ChatSession(chat=chat) for chat in chats)
    return chats


def figures(folder: Path) -> Iterator[Row]:
    live = database(folder)
    try:
        yield from checkouts(live)
        yield from reservation()
        yield slow_taps()
        yield import_lines(live)
    finally:
        from django.db import connections

        connections.close_all()
        live.stop()


def checkouts(live: Live) -> Iterator[Row]:
    from django.db import connection, transaction

    from apps.bot.models import Chat
    from apps.orders.models import Variant
    from apps.orders.services.checkout import place
    from apps.orders.services.hoarding_limits import Wanted

    live.add_stock("spotify", 4000)
    variant = Variant.objects.select_related("product").get(product__code="spotify")
    chats = people(2000, 100_000)

    def some(part: int) -> None:
        for chat in chats[part::8]:
            with transaction.atomic():
                locked = Chat.objects.select_for_update(no_key=True).get(pk=chat.pk)
                place(buyer=locked, basket=[Wanted(variant, 1)])
        connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))
    yield (
        "checkouts per second, 8 threads of one process on one product",
        f"{len(chats) / (time.monotonic() - began):.0f}",
        "",
    )


def reservation() -> Iterator[Row]:
    from django.db import connection, transaction

    from apps.orders.models import Order, OrderLine, Product, Variant
    from apps.orders.services import stock
    from apps.orders.services.stock import NewUnit

    medians = {}
    buyer = people(1, 900_000)[0]
    for size in (100, 200_000):
        product = Product.objects.create(code=f"bench-{size}", name=f"Bench {size}")
        variant = Variant.objects.create(product=product, price=1000)
        stock.add_units(variant=variant, units=(NewUnit(f"{size}-{n}") for n in range(size)), actor="bench")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE orders_seat")
        order = Order.objects.create(buyer=buyer, total=1000, expires_at="2099-01-01T00:00Z", next_at=None)
        line = OrderLine.objects.create(
            order=order, product=product, variant=variant, name="x", price=1000, quantity=1, next_at=None
        )
        took = []
        for _ in range(400):
            began = time.perf_counter()
            with transaction.atomic():
                stock.reserve(line)
                took.append((time.perf_counter() - began) * 1000)
                transaction.set_rollback(True)
        medians[size] = statistics.median(took)
        yield (f"reservation with {size:,} units in stock", spread(took), "")
    yield ("reservation, ratio of the medians", f"{medians[200_000] / medians[100]:.2f}", "< 1.2")


def slow_taps() -> Row:
    """One buyer's 50 taps of 50 ms each, and how long another buyer's tap takes meanwhile."""
    from django.db import connection

    from apps.bot.inbound import inbox

    usual = inbox.route
    inbox.ACTIONS_A_MINUTE.default = 10_000

    def slow(talk: Any) -> Any:
        if talk.text == "lambat":
            time.sleep(0.05)
        return usual(talk)

    def tap(user: int, number: int, text: str) -> float:
        person = {"id": user, "is_bot": False, "first_name": "x"}
        body = {
            "update_id": number,
            "message": {
                "message_id": number,
                "date": 1,
                "chat": {"id": user, "type": "private"},
                "from": person,
                "text": text,
            },
        }
        began = time.perf_counter()
        stored = inbox.store(77, body)
        inbox.handle(stored.chat_id, stored)  # type: ignore[union-attr]
        return (time.perf_counter() - began) * 1000

    def job(*words: Any) -> None:
        tap(*words)
        connection.close()

    inbox.route = slow  # type: ignore[assignment]
    for user in (1, 2):
        tap(user, user, "halo")
    threads = [threading.Thread(target=job, args=(1, 100 + n, "lambat")) for n in range(50)]
    for thread in threads:
        thread.start()
    took = []
    while any(thread.is_alive() for thread in threads):
        took.append(tap(2, 1000 + len(took), "halo"))
    inbox.route = usual
    return ("another buyer's tap while one buyer's 50 taps of 50 ms are handled", spread(took), "< 50 ms")


def import_lines(live: Live) -> Row:
    lines = "\n".join(f"import{n}@contoh.id|{n}" for n in range(10_000)).encode()
    began = time.monotonic()
    live.manage("importstock", "canva", "-", text=lines)
    return ("importstock of 10,000 lines, the whole command", f"{time.monotonic() - began:.1f} s", "< 5 s")


QUESTIONS = [figures]
