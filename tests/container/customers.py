"""What people do with the shop in the container, through the fakes' switches."""

from __future__ import annotations

import json
import re

from tests.container.machine import Machine

FAKES = "http://127.0.0.1:18901"


class Customers:
    """Buyers, each new, who talk with the shop that the machine runs."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.buyer = 9000

    def tell(self, what: str, **body: object) -> dict[str, object]:
        done = self.machine.sh(
            f"curl -sf -m 10 -H 'Content-Type: application/json' -d @- {FAKES}/control/{what}",
            text=json.dumps(body),
            check=False,
        )
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def messages(self, user: int) -> list[dict[str, object]]:
        done = self.machine.sh(f"curl -sf -m 10 '{FAKES}/control/messages?chat={user}'", check=False)
        return json.loads(done.stdout)["messages"] if done.returncode == 0 else []

    def hears(self, user: int, words: str, seconds: float = 60) -> float:
        return self.machine.wait(
            lambda: any(m["from"] == "bot" and words in str(m.get("text", "")) for m in self.messages(user)),
            f"{words!r}",
            seconds,
        )

    def press(self, user: int, label: str) -> None:
        def button() -> tuple[object, str] | None:
            for message in reversed(self.messages(user)):
                for row in message.get("keyboard") or []:  # type: ignore[attr-defined]
                    for found in row:
                        if label in found["text"] and "callback_data" in found:
                            return message["message_id"], found["callback_data"]
            return None

        self.machine.wait(button, f"the button {label}", 60)
        message_id, data = button()  # type: ignore[misc]
        self.tell("press", user=user, message_id=message_id, data=data)

    def buy(self) -> float:
        """A new buyer, from /start to the goods; seconds from the payment to the goods."""
        self.buyer += 1
        user = self.buyer
        self.tell("users", id=user, name=f"Pembeli {user}")
        self.tell("say", user=user, text="/start")
        for label in ("Semua produk", "Kopi Kode", "Beli", "QRIS"):
            self.press(user, label)
        self.hears(user, "AO-")
        number = next(found for m in self.messages(user) if (found := re.findall(r"AO-\w+", str(m.get("text", "")))))[0]
        self.tell("pay", order_id=number)
        return self.hears(user, "barangnya")
