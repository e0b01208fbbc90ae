"""Pictures for the demo products: drawn, so that the project ships no artwork of others."""

from __future__ import annotations

import io

from PIL import Image, ImageColor, ImageDraw, ImageFont

SIZE = (800, 450)
LETTER = 64
DARKER = 0.55


def draw(title: str, colour: str) -> bytes:
    """A card with a gradient and the name, as PNG."""
    top = ImageColor.getrgb(colour)[:3]
    bottom = tuple(int(part * DARKER) for part in top)
    image = Image.new("RGB", SIZE)
    pen = ImageDraw.Draw(image)
    for y in range(SIZE[1]):
        share = y / SIZE[1]
        pen.line([(0, y), (SIZE[0], y)], fill=tuple(int(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)))
    pen.ellipse([560, -180, 980, 240], fill=tuple(min(255, part + 30) for part in top))
    letter = LETTER
    while (font := ImageFont.load_default(letter)).getlength(title) > SIZE[0] - 120:
        letter -= 4
    pen.text((60, SIZE[1] - 150), title, font=font, fill="white")
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
