"""A row of the outbox as the parameters of a call. Reads pictures, so it runs at the desk, not in the loop."""

from __future__ import annotations

from typing import Any

from apps.bot import outbox
from apps.bot.client import as_params, file_of
from apps.bot.models import OutboundMessage, Picture, PictureFile
from apps.bot.texts import plain

DOCUMENT_NAME = "pesanan.txt"
CAPTION_CHARS = 1024


def pack(message: OutboundMessage) -> tuple[str, dict[str, Any]]:
    """(method, parameters) of this message at its present plainness."""
    payload = dict(message.payload)
    if message.method == "answerCallbackQuery":
        return message.method, payload
    payload["chat_id"] = int(message.chat.telegram_id)
    repeat = payload.pop("_repeat", "")
    if repeat and message.unknowns:  # it may have arrived before: say so
        field = "caption" if "caption" in payload else "text"
        payload[field] = f"{repeat}\n{payload[field]}"
    if message.plainness == 0:
        return message.method, _with_files(message, payload)
    text = plain(payload.pop("text", None) or payload.pop("caption", None) or "")
    payload.pop("parse_mode", None)
    if message.file is not None:  # the file is what was bought: only what stands under it gets plainer
        caption = {"caption": text[:CAPTION_CHARS]} if message.plainness == 1 and text else {}
        return message.method, _with_files(message, {**payload, **caption})
    if message.plainness == 1:
        return message.method, _with_files(message, {**payload, "text": text})
    payload.pop("photo", None)
    keep = {k: v for k, v in payload.items() if k in ("chat_id", "reply_markup")}
    return "sendDocument", as_params(keep) | {"document": file_of(text.encode(), DOCUMENT_NAME)}


def _with_files(message: OutboundMessage, payload: dict[str, Any]) -> dict[str, Any]:
    picture = payload.get("photo")
    files: dict[str, Any] = {}
    if isinstance(picture, dict):
        known = PictureFile.objects.filter(bot=outbox.bot_id(), picture_id=picture["picture"]).first()
        files["photo"] = known.file_id if known else _picture(picture["picture"])
    elif message.file is not None:
        field = "photo" if message.method == "sendPhoto" else "document"
        files[field] = file_of(message.file, message.file_name)
    payload.pop("photo", None)
    return as_params(payload) | files


def _picture(pk: str) -> Any:
    picture = Picture.objects.get(pk=pk)
    return file_of(bytes(picture.content), f"gambar.{picture.content_type.rpartition('/')[2]}")
