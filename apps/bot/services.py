"""Small writes of the bot room that rooms above need."""

from __future__ import annotations

import hashlib
import io
import warnings

from PIL import Image, UnidentifiedImageError

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
            f"The picture has {len(content) // 1_000_000} MB; at most {PICTURE_BYTES // 1_000_000} MB are kept."
        )
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > PICTURE_PIXELS:
                raise BadPicture("The picture has more than 25 megapixels.")
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
        raise BadPicture("Only JPEG, PNG and WebP pictures are kept.") from error
    data = out.getvalue()
    digest = hashlib.sha256(data).digest()
    picture, _ = Picture.objects.get_or_create(sha256=digest, defaults={"content": data, "content_type": "image/jpeg"})
    return picture
