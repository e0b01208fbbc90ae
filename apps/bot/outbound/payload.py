"""A row of the outbox as the parameters of a call. Reads pictures, so it runs at the desk, not in the loop."""

from __future__ import annotations

from typing import Any

from apps.bot.api.client import as_params, file_of
from apps.bot.dialogue.texts import plain
from apps.bot.models import OutboundMessage, Picture, PictureFile
from apps.bot.outbound import outbox
from apps.bot.outbound.message_limits import CAPTION, TEXT, cut, units

DOCUMENT_NAME = "pesanan.txt"
PLAINEST = 2


def pack(message: OutboundMessage) -> tuple[str, dict[str, Any]]:
    """(method, parameters) of this message at its present plainness.

    0: as it was meant. 1: plain words, without a kept picture. 2: what is left when even those are refused: goods and
    SNK as a .txt document, an invoice's picture with its shortest words, a screen without its keyboard."""
    payload = dict(message.payload)
    shortest = payload.pop("_shortest", "")
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
        if message.plainness == PLAINEST:
            payload, text = {"chat_id": payload["chat_id"]}, shortest
        caption = {"caption": cut(text, CAPTION)} if text else {}
        return message.method, _with_files(message, {**payload, **caption})
    method = "sendMessage" if message.method == "sendPhoto" else message.method
    payload.pop("photo", None)
    whole = message.kind in outbox.REPEATED  # not a letter of it is left out
    if whole and (message.plainness == PLAINEST or units(text) > TEXT):
        document = file_of(text.encode(), DOCUMENT_NAME)
        return "sendDocument", as_params({"chat_id": payload["chat_id"]}) | {"document": document}
    if message.plainness == PLAINEST:
        payload = {k: v for k, v in payload.items() if k in ("chat_id", "message_id")}
    field, most = ("caption", CAPTION) if method == "editMessageCaption" else ("text", TEXT)
    return method, as_params({**payload, field: cut(text, most) or "–"})


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
