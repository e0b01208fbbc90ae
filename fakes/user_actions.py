"""What people do in the fake Telegram: write, send files, press buttons, block, move a group."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from fakes.saved_state import Journal


class People:
    """The part of the fake that people act on; the rest is in telegram.py."""

    journal: Journal
    clock: Callable[[], float]
    users: dict[int, dict[str, Any]]
    chats: dict[int, deque[dict[str, Any]]]
    upgraded: dict[int, int]
    last_update: int
    last_message: int

    def _record(self, kind: str, **values: Any) -> None:
        raise NotImplementedError

    def _find(self, chat_id: int, message_id: int) -> dict[str, Any] | None:
        raise NotImplementedError

    def add_user(self, user_id: int, name: str, language: str = "id", **more: Any) -> None:
        self._record("user", user={"id": user_id, "name": name, "language": language, **more})

    def _person(self, user_id: int) -> dict[str, Any]:
        user = self.users.get(user_id, {"name": f"Pembeli {user_id}", "language": "id"})
        person = {"id": user_id, "is_bot": False, "first_name": user["name"], "language_code": user["language"]}
        return {**person, "username": user["username"]} if user.get("username") else person

    def _put_update(self, **body: Any) -> int:
        self._record("update", update={"update_id": self.last_update + 1, **body})
        return self.last_update

    def say(self, user_id: int, text: str, *, chat_id: int | None = None, extra: dict[str, Any] | None = None,
            attached: dict[str, Any] | None = None) -> int:  # fmt: skip
        """A person writes, perhaps with something `attached` for the page; returns the update's id."""
        place = user_id if chat_id is None else chat_id
        kind = "private" if place > 0 else "group"
        message_id = self.last_message + 1
        shown = {"message_id": message_id, "chat_id": place, "from": "buyer", "text": text, "date": int(self.clock())}
        self._record("message", message={**shown, **(attached or {})})
        person = self._person(user_id)
        chat = {"id": place, "type": kind, "first_name": person["first_name"]}
        if kind == "group":
            chat = {"id": place, "type": kind, "title": "Grup"}
        message = {"message_id": message_id, "date": int(self.clock()), "chat": chat, "from": person}
        return self._put_update(message={**message, **({"text": text} if text else {}), **(extra or {})})

    def send_file(self, user_id: int, content: bytes, name: str, caption: str = "") -> int:
        """A person sends a picture or a document; returns the update's id."""
        blob = self.journal.keep_blob(content)
        about = {"file_id": blob, "file_unique_id": blob, "file_size": len(content)}
        if content.startswith((b"\x89PNG", b"\xff\xd8")):
            extra: dict[str, Any] = {"photo": [{**about, "width": 800, "height": 600}]}
            attached = {"photo": blob}
        else:
            extra = {"document": {**about, "file_name": name}}
            attached = {"document": blob, "document_name": name}
        words = {"caption": caption} if caption else {}
        return self.say(user_id, "", extra={**extra, **words}, attached={**attached, "text": caption})

    def press(self, user_id: int, message_id: int, data: str) -> int:
        """A person presses an inline button; returns the update's id."""
        place = next((c for c in (user_id,) if self._find(c, message_id)), user_id)
        shown = self._find(place, message_id) or {"message_id": message_id}
        message: dict[str, Any] = {
            "message_id": message_id,
            "date": int(self.clock()),
            "chat": {"id": place, "type": "private", "first_name": "x"},
        }
        if shown.get("photo"):
            message["photo"] = [{"file_id": shown["photo"], "file_unique_id": shown["photo"], "width": 1, "height": 1}]
        else:
            message["text"] = shown.get("text", "") or "…"
        query = {
            "id": f"q{self.last_update + 1}",
            "from": self._person(user_id),
            "chat_instance": "1",
            "data": data,
            "message": message,
        }
        return self._put_update(callback_query=query)

    def block(self, user_id: int, blocked: bool) -> None:
        """A person blocks the bot, or lets it in again."""
        self._record("user", user={"id": user_id, "blocked": blocked})

    def upgrade_group(self, old: int, new: int) -> int:
        """A group becomes a supergroup with another id; returns the update that tells of it."""
        self.upgraded[old] = new
        return self.say(701, "", chat_id=old, extra={"migrate_to_chat_id": new})
