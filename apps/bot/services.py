"""Small writes of the bot room that rooms above need."""

from __future__ import annotations

import hashlib
import io
import warnings

from PIL import Image, UnidentifiedImageError

from apps.base.words import said
from apps.bot.models import Picture

PICTURE_BYTES = 5_000_000
PICTURE_PIXELS = 25_000_000
SIDE = 1280  # pixels of the longer side that is kept


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
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > PICTURE_PIXELS:
                raise BadPicture(said("The picture has more than 25 megapixels."))
            image.thumbnail((SIDE, SIDE))
            out = io.BytesIO()
            image.convert("RGB").save(out, "JPEG", quality=85)
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise BadPicture(said("Only JPEG, PNG and WebP pictures are kept.")) from error
    data = out.getvalue()
    digest = hashlib.sha256(data).digest()
    picture, _ = Picture.objects.get_or_create(sha256=digest, defaults={"content": data, "content_type": "image/jpeg"})
    return picture
