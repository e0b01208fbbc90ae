"""Small writes of the bot room that rooms above need."""

from __future__ import annotations

import hashlib

from apps.base.translate import said
from apps.bot.models import Picture
from host.limited_subprocess import TOO_LARGE, run_child

PICTURE_BYTES = 5_000_000


class BadPicture(Exception):
    """Not a picture we keep; one plain sentence."""


def keep_picture(content: bytes) -> Picture:
    """Keep a JPEG, PNG or WebP, re-encoded without metadata; the same picture is kept once. Raises BadPicture."""
    if len(content) > PICTURE_BYTES:
        raise BadPicture(
            said(
                "The picture has %(size)d MB; at most %(most)d MB are kept.",
                size=len(content) // 10**6,
                most=PICTURE_BYTES // 10**6,
            )
        )
    ended = run_child("apps.bot.picture_encoder", given=content)
    if ended.status == TOO_LARGE:
        raise BadPicture(said("The picture has more than 25 megapixels."))
    if ended.status != 0:
        raise BadPicture(said("Only JPEG, PNG and WebP pictures are kept."))
    digest = hashlib.sha256(ended.out).digest()
    picture, _ = Picture.objects.get_or_create(
        sha256=digest, defaults={"content": ended.out, "content_type": "image/jpeg"}
    )
    return picture
