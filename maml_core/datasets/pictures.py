"""One picture: from the bytes of its file to a small square of pixels."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from maml_core.datasets.imageset import Bytes

Color = Literal["grey", "rgb"]

MAX_PIXELS = 20_000_000
"""Of a picture before it is made small: a small file may claim to be an enormous one."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
"""What the names of pictures end with."""

CHANNELS: dict[Color, int] = {"grey": 1, "rgb": 3}

_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    OverflowError,
    NotImplementedError,
    MemoryError,
    struct.error,
    zlib.error,
    Warning,  # where the program makes errors of warnings
)
"""What Pillow's readers raise at files that are not what they say."""


class UnreadableError(Exception):
    """A file that cannot be used as a picture, and why."""


def decode(data: bytes, *, size: int, color: Color = "grey") -> Bytes:
    """A picture as pixels [channels, size, size], from 0 to 255.

    It is turned as its EXIF data say, laid on white where it is transparent, cut to the square in its middle, and averaged over areas.
    Of several frames the first counts.

    Raises:
        UnreadableError: It is no picture, damaged, or has more than `MAX_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise UnreadableError(f"{picture.width} x {picture.height} is more than {MAX_PIXELS:,} pixels")
            picture.draft(
                "RGB" if color == "rgb" else "L", (2 * size, 2 * size)
            )  # a large JPEG is read at half or less
            square = _square(_plain(ImageOps.exif_transpose(picture), color), size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableError(f"more than {MAX_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise UnreadableError("not a picture of a kind that can be read") from None
    except _UNREADABLE as error:
        raise UnreadableError(f"damaged: {str(error) or type(error).__name__}") from error
    pixels = np.asarray(square, dtype=np.uint8).reshape(size, size, CHANNELS[color])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _plain(picture: Image.Image, color: Color) -> Image.Image:
    """A picture of 8 bits a channel, without transparency."""
    if picture.mode == "F":
        raise UnreadableError("its pixels are floating-point numbers, of no known range")
    if picture.mode.startswith("I"):
        values = np.asarray(picture, dtype=np.int64)
        if values.max(initial=0) > 255 or picture.mode != "I":  # 16 bits
            values = values // 257
        picture = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.new("RGBA", layer.size, "white")
        picture.alpha_composite(layer)
    return picture.convert("RGB" if color == "rgb" else "L")


def _square(picture: Image.Image, size: int) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    how = Image.Resampling.BOX if side >= size else Image.Resampling.BILINEAR
    return picture.resize((size, size), how, box=(left, top, left + side, top + side))
