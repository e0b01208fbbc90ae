"""`python -m apps.bot.picture_encoder`: a picture from standard input, re-encoded as JPEG on standard output.

A process of its own with bounds, since a few kilobytes may unpack to gigabytes. Exit 3: too many pixels; 4: not a
picture."""

from __future__ import annotations

import io
import sys
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from host.limited_subprocess import TOO_LARGE, UNREADABLE, bound_me

PIXELS = 25_000_000
SIDE = 1280  # pixels of the longer side that is kept
RATIO = 15  # longer to shorter side; Telegram takes 20


def main() -> int:
    """The exit status."""
    bound_me(memory=350_000_000, seconds=20)
    try:
        sys.stdout.buffer.write(reencoded(sys.stdin.buffer.read()))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return TOO_LARGE
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, MemoryError, EOFError):
        return UNREADABLE
    return 0


def reencoded(content: bytes) -> bytes:
    """The picture as it looks: turned as the camera says, without metadata, on white where it is a narrow strip."""
    Image.MAX_IMAGE_PIXELS = PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
        if image.format == "JPEG":
            image.draft("RGB", (SIDE, SIDE))  # decodes no more than is kept
        image.thumbnail((SIDE, SIDE))  # first: turning takes as much memory again
        turned = ImageOps.exif_transpose(image)
        seen = Image.new("RGB", fitting_size(*turned.size), "white")
        rgba = turned.convert("RGBA")
        seen.paste(rgba, ((seen.width - rgba.width) // 2, (seen.height - rgba.height) // 2), rgba)
    out = io.BytesIO()
    seen.save(out, "JPEG", quality=85)
    return out.getvalue()


def fitting_size(width: int, height: int) -> tuple[int, int]:
    """The size with strips too narrow for Telegram made broader."""
    return max(width, -(-height // RATIO)), max(height, -(-width // RATIO))


if __name__ == "__main__":
    sys.exit(main())
