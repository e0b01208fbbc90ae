"""Telegram's rules that the shop must keep (https://core.telegram.org/bots/api), enforced more strictly."""

from __future__ import annotations

import html
import json
import re
from typing import Any

TEXT = 4096
CAPTION = 1024
CALLBACK = 64
ANSWER = 200
MARKUP = 10_000  # bytes of a keyboard
PHOTO_SIDES = 10_000  # width and height together
PHOTO_RATIO = 20
CODES = {  # the same refusals in Telegram's other spelling
    "message text is empty": "MESSAGE_EMPTY",
    "message is too long": "MESSAGE_TOO_LONG",
    "message caption is too long": "MEDIA_CAPTION_TOO_LONG",
    "message is not modified": "MESSAGE_NOT_MODIFIED",
    "message to edit not found": "MESSAGE_ID_INVALID",
    "reply markup is too long": "REPLY_MARKUP_TOO_LONG",
    "query is too old": "QUERY_ID_INVALID",
    "bot was blocked by the user": "USER_IS_BLOCKED",
}

MESSAGE = {"chat_id", "parse_mode", "reply_markup", "disable_notification"}
METHODS: dict[str, tuple[set[str], set[str]]] = {  # method → required, allowed beside
    "getMe": (set(), set()),
    "getMyName": (set(), {"language_code"}),
    "getUpdates": (set(), {"offset", "limit", "timeout", "allowed_updates"}),
    "setWebhook": (
        {"url"},
        {"secret_token", "allowed_updates", "max_connections", "ip_address", "drop_pending_updates"},
    ),
    "deleteWebhook": (set(), {"drop_pending_updates"}),
    "getWebhookInfo": (set(), set()),
    "setMyCommands": ({"commands"}, {"language_code", "scope"}),
    "sendMessage": ({"chat_id", "text"}, MESSAGE | {"link_preview_options"}),
    "sendPhoto": ({"chat_id", "photo"}, MESSAGE | {"caption"}),
    "sendDocument": ({"chat_id", "document"}, MESSAGE | {"caption"}),
    "editMessageText": ({"chat_id", "message_id", "text"}, MESSAGE | {"link_preview_options"}),
    "editMessageCaption": ({"chat_id", "message_id"}, MESSAGE | {"caption"}),
    "editMessageReplyMarkup": ({"chat_id", "message_id"}, {"reply_markup"}),
    "deleteMessage": ({"chat_id", "message_id"}, set()),
    "answerCallbackQuery": ({"callback_query_id"}, {"text", "show_alert"}),
    "sendChatAction": ({"chat_id", "action"}, set()),
    "getFile": ({"file_id"}, set()),
}
LIMITED = {
    "sendMessage",
    "sendPhoto",
    "sendDocument",
    "editMessageText",
    "editMessageCaption",
    "editMessageReplyMarkup",
}

ACTIONS = {"typing", "upload_photo", "upload_document"}  # those we use
MARKUPS = {
    "inline_keyboard": set(),
    "keyboard": {"resize_keyboard", "one_time_keyboard", "is_persistent", "input_field_placeholder"},
    "remove_keyboard": set(),
}

TAGS = {
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "a",
    "code",
    "pre",
    "blockquote",
    "tg-spoiler",
    "span",
}
TOKEN = re.compile(r"<(/?)([^<>]*)>|<")


class BadRequest(Exception):
    """A 400 with Telegram's words."""


def check_parameters(method: str, params: dict[str, Any]) -> None:
    required, allowed = METHODS[method]
    if missing := required - set(params):
        raise BadRequest(f"Bad Request: parameter {sorted(missing)[0]} is required")
    if unknown := set(params) - required - allowed:
        raise BadRequest(f"Bad Request: unknown parameter {sorted(unknown)[0]}")


def read_menu(text: str) -> list[dict[str, str]]:
    """A menu of commands. Raises BadRequest."""
    menu: list[dict[str, str]] = json.loads(text)
    if len(menu) > 100:
        raise BadRequest("Bad Request: BOT_COMMANDS_TOO_MUCH")
    for entry in menu:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", entry["command"]):
            raise BadRequest("Bad Request: BOT_COMMAND_INVALID")
        if not 1 <= len(entry["description"]) <= 256:
            raise BadRequest("Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
    return menu


def read_text(text: str, parse_mode: str, limit: int, *, what: str = "message") -> str:
    """The text a reader sees. Raises BadRequest for bad HTML, an empty or a too long text."""
    if parse_mode not in ("", "HTML"):
        raise BadRequest("Bad Request: unsupported parse_mode")
    seen = parse_html(text) if parse_mode == "HTML" else text
    if what == "message" and not seen.strip():
        raise BadRequest("Bad Request: message text is empty")
    if units(seen) > limit:
        raise BadRequest(f"Bad Request: {what} is too long")
    return seen


def units(text: str) -> int:
    """Length as Telegram measures: UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def in_codes(description: str) -> str:
    """A refusal in the other spelling, where it has one."""
    for words, code in CODES.items():
        if words in description:
            return f"{description.partition(':')[0]}: {code}"
    return description


def check_photo(content: bytes) -> None:
    """Raises BadRequest for sides that Telegram does not take. Reads PNG and JPEG, which are all we send."""
    width, height = size_of(content)
    if width + height > PHOTO_SIDES or max(width, height) > PHOTO_RATIO * min(width, height):
        raise BadRequest("Bad Request: PHOTO_INVALID_DIMENSIONS")


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height in pixels; (1, 1) for what is neither PNG nor JPEG."""
    if content.startswith(b"\x89PNG"):
        return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    at = 2
    while content.startswith(b"\xff\xd8") and at + 9 < len(content):
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(content[at + 7 : at + 9]), int.from_bytes(content[at + 5 : at + 7])
        at += 2 + length
    return 1, 1


def parse_html(text: str) -> str:
    """Text without tags. Raises BadRequest for a tag that is unknown, unclosed or wrongly nested."""
    open_tags: list[str] = []
    out: list[str] = []
    end = 0
    for found in TOKEN.finditer(text):
        out.append(html.unescape(text[end : found.start()]))
        end = found.end()
        offset = len(text[: found.start()].encode())
        if found.group(2) is None:
            raise BadRequest(f"Bad Request: can't parse entities: Unclosed start tag at byte offset {offset}")
        name = found.group(2).split(maxsplit=1)[0].lower() if found.group(2).strip() else ""
        if found.group(1):
            if not open_tags or open_tags.pop() != name:
                raise BadRequest(f"Bad Request: can't parse entities: Unmatched end tag at byte offset {offset}")
        elif name not in TAGS:
            raise BadRequest(
                f'Bad Request: can\'t parse entities: Unsupported start tag "{name}" at byte offset {offset}'
            )
        else:
            open_tags.append(name)
    if open_tags:
        raise BadRequest(
            f"Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"{open_tags[-1]}\""
        )
    out.append(html.unescape(text[end:]))
    return "".join(out)


def read_markup(raw: str | None) -> dict[str, Any]:
    """What the message carries: `keyboard` (inline rows) and, when it changes, `reply_keyboard` (rows of texts).

    Raises BadRequest.
    """
    if not raw:
        return {"keyboard": []}
    if len(raw.encode()) > MARKUP:
        raise BadRequest("Bad Request: reply markup is too long")
    try:
        markup = json.loads(raw)
        kind = next(name for name in MARKUPS if name in markup)
    except (ValueError, TypeError, StopIteration) as error:
        raise BadRequest("Bad Request: can't parse reply keyboard markup JSON object") from error
    if unknown := set(markup) - {kind} - MARKUPS[kind]:
        raise BadRequest(f"Bad Request: unknown field {sorted(unknown)[0]} in reply_markup")
    if kind == "inline_keyboard":
        return {"keyboard": read_keyboard(raw)}
    return {"keyboard": [], "reply_keyboard": [] if kind == "remove_keyboard" else _reply_rows(markup["keyboard"])}


def _reply_rows(rows: Any) -> list[list[str]]:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and row for row in rows):
        raise BadRequest("Bad Request: bad reply keyboard")
    texts = [[button["text"] if isinstance(button, dict) else button for button in row] for row in rows]
    if any(not isinstance(text, str) or not text for row in texts for text in row):
        raise BadRequest("Bad Request: can't parse keyboard button: text is empty")
    return texts


def read_keyboard(raw: str | None) -> list[list[dict[str, str]]]:
    """Inline keyboard rows. Raises BadRequest."""
    if not raw:
        return []
    try:
        rows = json.loads(raw)["inline_keyboard"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequest("Bad Request: can't parse reply keyboard markup JSON object") from error
    for button in (button for row in rows for button in row):
        if set(button) not in ({"text", "callback_data"}, {"text", "url"}) or not button["text"]:
            raise BadRequest("Bad Request: can't parse inline keyboard button")
        data = button.get("callback_data")
        if data is not None and not 1 <= len(data.encode()) <= CALLBACK:
            raise BadRequest("Bad Request: BUTTON_DATA_INVALID")
    if sum(len(row) for row in rows) > 100 or any(not row for row in rows):
        raise BadRequest("Bad Request: bad inline keyboard")
    return rows
