"""Fake Telegram: users, chats, messages, updates; webhook and getUpdates as exclusive as the real ones."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from fakes.bot_api_rules import (
    ACTIONS,
    ANSWER,
    CAPTION,
    LIMITED,
    METHODS,
    TEXT,
    BadRequest,
    check_parameters,
    check_photo,
    read_keyboard,
    read_markup,
    read_menu,
    read_text,
    units,
)
from fakes.rate_limits import Answer, Limits
from fakes.saved_state import Journal
from fakes.user_actions import People

TYPING = 5.0  # seconds that an action is shown (Bot API: sendChatAction)
MESSAGES_KEPT = 400  # of one chat, in memory and on the page


def chat_of(update: dict[str, Any]) -> int:
    """The chat an update belongs to."""
    body = update.get("message") or (update.get("callback_query") or {}).get("message") or {}
    return int(body.get("chat", {}).get("id", 0))


class FakeTelegram(People):
    """State and methods. `changed` wakes whoever waits for news."""

    def __init__(self, journal: Journal, *, rate: float = 30.0, clock: Callable[[], float] = time.time) -> None:
        self.journal, self.clock = journal, clock
        self.limits = Limits(rate)
        self.users: dict[int, dict[str, Any]] = {}
        self.chats: dict[int, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=MESSAGES_KEPT))
        self.webhook: dict[str, Any] = {"url": ""}
        self.pending: dict[int, dict[str, Any]] = {}  # update_id → update, in order
        self.queues: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)  # the same for each chat
        self.answers: deque[dict[str, Any]] = deque(maxlen=200)
        self.commands: dict[str, list[dict[str, str]]] = {}  # language, or none → menu
        self.last_update = 1000
        self.last_message = 0
        self.sequence = 0
        self.sent = 0  # messages accepted since start, for benchmarks
        self.changed = asyncio.Condition()
        self.typing: dict[int, float] = {}  # chat → until when the bot is seen typing (monotonic seconds)
        self.failed_at = 0.0  # when an update could last not be brought to the webhook (seconds since 1970)
        self.upgraded: dict[int, int] = {}  # groups that are supergroups now: old id → new id
        self._poller = 0
        self.bot_id = 1000001
        self.met: set[int] | None = None  # who wrote to a bot that came later; the first one is known to all
        for event in journal.replay():
            self._apply(event)

    # -- changes, each one line of the journal -------------------------------------------------------------------------

    def _record(self, kind: str, **values: Any) -> None:
        event = {"kind": kind, **values}
        self._apply(event)
        self.journal.write(event)

    def _apply(self, event: dict[str, Any]) -> None:
        self.sequence += 1
        getattr(self, f"_on_{event['kind']}")(event)

    def _on_user(self, event: dict[str, Any]) -> None:
        user = event["user"]
        self.users[user["id"]] = {"blocked": False, **self.users.get(user["id"], {}), **user}

    def _on_message(self, event: dict[str, Any]) -> None:
        message = {**event["message"], "sequence": self.sequence, "bot": self.bot_id}
        self.last_message = max(self.last_message, message["message_id"])
        self.chats[message["chat_id"]].append(message)

    def _on_edit(self, event: dict[str, Any]) -> None:
        message = self._find(event["chat_id"], event["message_id"])
        if message is not None:
            edited = {"edited": True} if "text" in event["values"] else {}
            message.update(event["values"], sequence=self.sequence, **edited)

    def _on_delete(self, event: dict[str, Any]) -> None:
        message = self._find(event["chat_id"], event["message_id"])
        if message is not None:
            message.update(deleted=True, sequence=self.sequence)

    def _on_update(self, event: dict[str, Any]) -> None:
        update = event["update"]
        self.last_update = max(self.last_update, update["update_id"])
        self.pending[update["update_id"]] = update
        if self.met is not None:
            self.met.add(chat_of(update))
        self.queues[chat_of(update)][update["update_id"]] = update

    def _on_confirm(self, event: dict[str, Any]) -> None:
        for update_id in event["ids"]:
            update = self.pending.pop(update_id, None)
            if update is not None:
                chat = chat_of(update)
                self._mark_read(chat, update)
                self.queues[chat].pop(update_id, None)
                if not self.queues[chat]:
                    del self.queues[chat]

    def _mark_read(self, chat: int, update: dict[str, Any]) -> None:
        """The shop has it: what the person wrote gets its second tick."""
        said = self._find(chat, (update.get("message") or {}).get("message_id", 0))
        if said is not None:
            said.update(read=True, sequence=self.sequence)

    def _on_webhook(self, event: dict[str, Any]) -> None:
        self.webhook = event["webhook"]

    def _on_bot(self, event: dict[str, Any]) -> None:
        self.bot_id, self.met, self.webhook = event["id"], set(), {"url": ""}
        self.pending.clear()
        self.queues.clear()

    def _on_answer(self, event: dict[str, Any]) -> None:
        self.answers.append({**event["answer"], "sequence": self.sequence})

    def new_bot(self, number: int) -> None:
        """Another bot takes the place of this one: nobody has met it, and it knows no message of the old one."""
        self._record("bot", id=number)

    def _find(self, chat_id: int, message_id: int) -> dict[str, Any] | None:
        return next((m for m in self.chats[chat_id] if m["message_id"] == message_id and not m.get("deleted")), None)

    # -- methods of the Bot API ----------------------------------------------------------------------------------------

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """One method but getUpdates. Raises Answer."""
        if method not in METHODS:
            raise Answer(404, "Not Found")
        try:
            check_parameters(method, params)
            if method in LIMITED:
                self._check_chat(int(params["chat_id"]))
            result = getattr(self, f"_{method}")(params)
        except BadRequest as error:
            raise Answer(400, str(error)) from error
        except ValueError as error:
            raise Answer(400, "Bad Request: a number is expected") from error
        if method in LIMITED:
            self.sent += 1
        return result

    def _check_chat(self, chat_id: int) -> None:
        if chat_id in self.upgraded:
            new = self.upgraded[chat_id]
            raise Answer(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=new)
        if chat_id > 0 and chat_id not in self.users and not self.chats[chat_id]:
            raise Answer(400, "Bad Request: chat not found")
        if self.users.get(chat_id, {}).get("blocked"):
            raise Answer(403, "Forbidden: bot was blocked by the user")
        if self.met is not None and chat_id > 0 and chat_id not in self.met:
            raise Answer(403, "Forbidden: bot can't initiate conversation with a user")
        self.limits.check(chat_id)

    def _getMe(self, params: dict[str, Any]) -> Any:
        return {"id": self.bot_id, "is_bot": True, "first_name": "Toko", "username": "toko_bot"}

    def _getMyName(self, params: dict[str, Any]) -> Any:
        return {"name": "Toko"}

    def _sendChatAction(self, params: dict[str, Any]) -> Any:
        if params["action"] not in ACTIONS:
            raise BadRequest("Bad Request: wrong parameter action in request")
        self._check_chat(int(params["chat_id"]))
        self.typing[int(params["chat_id"])] = time.monotonic() + TYPING
        return True

    def _getFile(self, params: dict[str, Any]) -> Any:
        content = self.journal.blob(params["file_id"])
        if content is None:
            raise BadRequest("Bad Request: invalid file_id")
        name = params["file_id"]
        return {"file_id": name, "file_unique_id": name, "file_size": len(content), "file_path": f"files/{name}"}

    def _setMyCommands(self, params: dict[str, Any]) -> Any:
        self.commands[params.get("language_code", "")] = read_menu(params["commands"])
        return True

    def _setWebhook(self, params: dict[str, Any]) -> Any:
        known = {"url": params["url"], "secret": params.get("secret_token", ""), "ip": params.get("ip_address", "")}
        if known != self.webhook:  # the same again does nothing, as with the real one
            self._record("webhook", webhook=known)
        if params.get("drop_pending_updates") in ("true", True):
            self._record("confirm", ids=list(self.pending))
        return True

    def _deleteWebhook(self, params: dict[str, Any]) -> Any:
        self._record("webhook", webhook={"url": ""})
        return True

    def _getWebhookInfo(self, params: dict[str, Any]) -> Any:
        info = {"url": self.webhook["url"], "has_custom_certificate": False, "pending_update_count": len(self.pending)}
        if self.failed_at and self.webhook["url"]:
            info |= {"last_error_date": int(self.failed_at), "last_error_message": "Connection timed out"}
        return {**info, "ip_address": self.webhook["ip"]} if self.webhook.get("ip") else info

    def _send(self, params: dict[str, Any], **content: Any) -> Any:
        chat_id, message_id = int(params["chat_id"]), self.last_message + 1
        markup = read_markup(params.get("reply_markup"))
        message = {
            "message_id": message_id, "chat_id": chat_id, "from": "bot", "date": int(self.clock()), "at": time.time(),
            **markup, **content,
        }  # fmt: skip
        self.typing.pop(chat_id, None)
        self._record("message", message=message)
        result: dict[str, Any] = {
            "message_id": message_id,
            "date": message["date"],
            "chat": {"id": chat_id, "type": "private"},
        }
        if content.get("photo"):
            file_id = content["photo"]
            result["photo"] = [{"file_id": file_id, "file_unique_id": file_id, "width": 90, "height": 90}]
        return result

    def _sendMessage(self, params: dict[str, Any]) -> Any:
        read_text(params["text"], params.get("parse_mode", ""), TEXT)
        return self._send(params, text=params["text"], html=params.get("parse_mode") == "HTML")

    def _file(self, value: Any) -> str:
        if isinstance(value, bytes):
            return self.journal.keep_blob(value)
        if self.journal.blob(str(value)) is None:
            raise BadRequest("Bad Request: wrong file identifier/HTTP URL specified")
        return str(value)

    def _caption(self, params: dict[str, Any]) -> dict[str, Any]:
        caption = params.get("caption", "")
        read_text(caption, params.get("parse_mode", ""), CAPTION, what="message caption")
        return {"text": caption, "html": params.get("parse_mode") == "HTML"}

    def _sendPhoto(self, params: dict[str, Any]) -> Any:
        if isinstance(params["photo"], bytes):
            check_photo(params["photo"])
        return self._send(params, photo=self._file(params["photo"]), **self._caption(params))

    def _sendDocument(self, params: dict[str, Any]) -> Any:
        name = getattr(params["document"], "name", "file")
        return self._send(params, document=self._file(params["document"]), document_name=name, **self._caption(params))

    def _edit(self, params: dict[str, Any], content: dict[str, Any]) -> Any:
        message = self._find(int(params["chat_id"]), int(params["message_id"]))
        if message is None or message["from"] != "bot" or message["bot"] != self.bot_id:
            raise BadRequest("Bad Request: message to edit not found")
        if "text" in content and bool(message.get("photo") or message.get("document")) is not content.pop("is_caption"):
            raise BadRequest("Bad Request: there is no text in the message to edit")
        values = {**content, "keyboard": read_keyboard(params.get("reply_markup"))}
        if all(message.get(name) == value for name, value in values.items()):
            raise BadRequest(
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the"
                " same"
            )
        self._record("edit", chat_id=message["chat_id"], message_id=message["message_id"], values=values)
        return {
            "message_id": message["message_id"],
            "date": message["date"],
            "chat": {"id": message["chat_id"], "type": "private"},
        }

    def _editMessageText(self, params: dict[str, Any]) -> Any:
        read_text(params["text"], params.get("parse_mode", ""), TEXT)
        content = {"text": params["text"], "html": params.get("parse_mode") == "HTML", "is_caption": False}
        return self._edit(params, content)

    def _editMessageCaption(self, params: dict[str, Any]) -> Any:
        return self._edit(params, {**self._caption(params), "is_caption": True})

    def _editMessageReplyMarkup(self, params: dict[str, Any]) -> Any:
        return self._edit(params, {})

    def _deleteMessage(self, params: dict[str, Any]) -> Any:
        message = self._find(int(params["chat_id"]), int(params["message_id"]))
        if message is None:
            raise BadRequest("Bad Request: message to delete not found")
        self._record("delete", chat_id=message["chat_id"], message_id=message["message_id"])
        return True

    def _answerCallbackQuery(self, params: dict[str, Any]) -> Any:
        if units(params.get("text", "")) > ANSWER:
            raise BadRequest("Bad Request: MESSAGE_TOO_LONG")
        self._record(
            "answer",
            answer={
                "query": params["callback_query_id"],
                "text": params.get("text", ""),
                "alert": str(params.get("show_alert", "")).lower() == "true",
            },
        )
        return True

    # -- updates -------------------------------------------------------------------------------------------------------

    async def get_updates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Long polling. Raises Answer 409 while a webhook is set, and for an older poller when a second one comes."""
        if self.webhook["url"]:
            raise Answer(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook"
                " first",
            )
        self._poller += 1
        me = self._poller
        offset, wait = int(params.get("offset") or 0), min(50, int(params.get("timeout") or 0))
        if old := [i for i in self.pending if i < offset]:
            self._record("confirm", ids=old)
        deadline = time.monotonic() + wait
        while not self.pending and (left := deadline - time.monotonic()) > 0:
            async with self.changed:
                try:
                    await asyncio.wait_for(self.changed.wait(), min(left, 1.0))
                except TimeoutError:
                    pass
            if self._poller != me:
                raise Answer(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                )
            if self.webhook["url"]:
                raise Answer(409, "Conflict: terminated by setWebhook request")
        return [self.pending[i] for i in sorted(self.pending)[: int(params.get("limit") or 100)]]

    async def wake(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def confirm(self, update_id: int) -> None:
        self._record("confirm", ids=[update_id])
