"""What the chat page, the gateway page and the tests may ask of the fakes."""

from __future__ import annotations

import html
import re
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from fakes.server import World


def _preview(message: dict[str, Any]) -> str:
    """One line for the list of people."""
    kind = "📷 " if message.get("photo") else "📄 " if message.get("document") else ""
    text = (
        html.unescape(re.sub(r"<[^>]+>", "", message.get("text", "")))
        if message.get("html")
        else message.get("text", "")
    )
    return kind + " ".join(text.split())[:60]


class Control:
    """Handlers over one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def state(self, request: web.Request) -> web.Response:
        """What changed since `since`: people, messages of the chats named, answers to buttons."""
        telegram = self.world.telegram
        since = int(request.query.get("since", 0))
        chats = [int(chat) for chat in request.query.getall("chat", [])]
        now = time.monotonic()
        return web.json_response(
            {
                "sequence": telegram.sequence,
                "users": [{**user, **self._newest(user["id"])} for user in telegram.users.values()],
                "messages": [m for chat in chats for m in telegram.chats[chat] if m["sequence"] > since],
                "reply_keyboards": {chat: self._reply_keyboard(chat) for chat in chats},
                "typing": [chat for chat in chats if telegram.typing.get(chat, 0) > now],
                "answers": [a for a in telegram.answers if a["sequence"] > since],
                "commands": telegram.commands,
                "ahead": self.world.faults.clock_ahead,
            }
        )

    def _newest(self, chat: int) -> dict[str, Any]:
        """For the list of people: what stands last, and which messages of the bot may be unread."""
        shown = [m for m in self.world.telegram.chats[chat] if not m.get("deleted")]
        recent = [m["message_id"] for m in shown[-30:] if m["from"] == "bot"]
        return {"last": recent[-1] if recent else 0, "recent": recent, "preview": _preview(shown[-1]) if shown else ""}

    def _reply_keyboard(self, chat: int) -> list[list[str]]:
        """The rows of texts under the field; the last message that spoke of them decides."""
        for message in reversed(self.world.telegram.chats[chat]):
            if "reply_keyboard" in message and not message.get("deleted"):
                rows: list[list[str]] = message["reply_keyboard"]
                return rows
        return []

    async def messages(self, request: web.Request) -> web.Response:
        """One chat only: cheap enough to be asked often."""
        return web.json_response({"messages": list(self.world.telegram.chats[int(request.query["chat"])])})

    async def say_all(self, request: web.Request) -> web.Response:
        """Many people write the same, several times, as fast as it can be queued."""
        body = await request.json()
        telegram = self.world.telegram
        for user in body["users"]:
            if user not in telegram.users:
                telegram.add_user(int(user), f"Pembeli {user}")
        for _ in range(int(body.get("times", 1))):
            for user in body["users"]:
                telegram.say(int(user), str(body["text"]))
        return await self._done()

    async def add_user(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.world.telegram.add_user(int(body["id"]), str(body["name"])[:64], str(body.get("language", "id")))
        return await self._done()

    async def say(self, request: web.Request) -> web.Response:
        body, at = await request.json(), time.time()
        chat = int(body["chat"]) if "chat" in body else None
        update = self.world.telegram.say(
            int(body["user"]), str(body.get("text", "")), chat_id=chat, extra=body.get("extra")
        )
        return await self._done(update_id=update, at=at)

    async def upload(self, request: web.Request) -> web.Response:
        """A picture or document as the request's body, with `user`, `name` and perhaps `caption` in the query."""
        name = request.query.get("name", "file")[:80]
        caption = request.query.get("caption", "")[:1024]
        update = self.world.telegram.send_file(int(request.query["user"]), await request.read(), name, caption)
        return await self._done(update_id=update)

    async def press(self, request: web.Request) -> web.Response:
        body = await request.json()
        update = self.world.telegram.press(int(body["user"]), int(body["message_id"]), str(body["data"]))
        return await self._done(update_id=update, query=f"q{update}")

    async def block(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.world.telegram.block(int(body["user"]), bool(body["blocked"]))
        return await self._done()

    async def new_bot(self, request: web.Request) -> web.Response:
        """The old bot is banned; this token is in force from now on."""
        self.world.token = str((await request.json())["token"])
        self.world.telegram.new_bot(int(self.world.token.partition(":")[0]))
        return await self._done()

    async def file(self, request: web.Request) -> web.Response:
        content = self.world.telegram.journal.blob(request.match_info["name"])
        if content is None:
            return web.Response(status=404)
        return web.Response(body=content, content_type="application/octet-stream")

    async def transactions(self, request: web.Request) -> web.Response:
        gateways = self.world.gateways.values()
        rows = [row for gateway in gateways for row in gateway.listed()]
        broken = [rule for gateway in gateways for rule in gateway.broken_rules[-20:]]
        return web.json_response({"transactions": rows, "broken_rules": broken})

    async def pay(self, request: web.Request) -> web.Response:
        """By `txn_id`, or the newest transaction of `order_id`."""
        body = await request.json()
        for gateway in self.world.gateways.values():
            txn = body.get("txn_id") or gateway.by_order.get(str(body.get("order_id")), "")
            if txn in gateway.transactions:
                known = gateway.pay(txn, amount=int(body["amount"]) if body.get("amount") else None)
                if self.world.session is not None:
                    self.world.start(gateway.ring(self.world.session, known))
                return await self._done()
        return web.json_response({"message": "no such transaction"}, status=404)

    async def faults(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            self.world.faults.change(await request.json())
        return web.json_response(self.world.faults.as_dict())

    async def counters(self, request: web.Request) -> web.Response:
        telegram = self.world.telegram
        return web.json_response(
            {
                "sent": telegram.sent,
                "pending": len(telegram.pending),
                "webhook": telegram.webhook["url"],
                "address": telegram.webhook.get("ip", ""),
            }
        )

    async def _done(self, **more: Any) -> web.Response:
        await self.world.telegram.wake()
        return web.json_response({"ok": True, **more})


def control_routes(world: World) -> list[web.RouteDef]:
    control = Control(world)
    return [
        web.get("/control/state", control.state),
        web.post("/control/users", control.add_user),
        web.get("/control/messages", control.messages),
        web.post("/control/say", control.say),
        web.post("/control/say_all", control.say_all),
        web.post("/control/upload", control.upload),
        web.post("/control/press", control.press),
        web.post("/control/block", control.block),
        web.post("/control/new_bot", control.new_bot),
        web.get("/control/file/{name}", control.file),
        web.get("/control/transactions", control.transactions),
        web.post("/control/pay", control.pay),
        web.get("/control/faults", control.faults),
        web.post("/control/faults", control.faults),
        web.get("/control/counters", control.counters),
    ]
