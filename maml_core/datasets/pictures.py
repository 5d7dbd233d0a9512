"""One picture: from the bytes of its file to a small square of pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from maml_core.datasets.imageset import Bytes

Color = Literal["grey", "rgb"]

MAX_PIXELS = 20_000_000
"""Most pixels of a picture that is read: a small file may claim to be an enormous one."""

MAX_REDUCED_PIXELS = 80_000_000
"""Most pixels of a JPEG photo, which is read at an eighth of its height and width or more, as far as that does."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA", "PCX", "QOI")
ENDINGS = frozenset(
    {
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".jif",
        ".mpo",
        ".gif",
        ".bmp",
        ".dib",
        ".webp",
        ".tif",
        ".tiff",
    }
    | {
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".pfm",
        ".jp2",
        ".j2k",
        ".j2c",
        ".jpc",
        ".jpf",
        ".jpx",
        ".avif",
        ".tga",
        ".pcx",
        ".qoi",
    }
)
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
    ImageCms.PyCMSError,
    zlib.error,
    Warning,  # where the program makes errors of warnings
)
"""What Pillow's readers raise at files that are not what they say."""

_PHOTOMETRIC = 262
"""TIFF's tag that says which end of the values is white."""

_NEAR_WHITE = 192
"""A level that can be told from white paper."""


class UnreadableError(Exception):
    """A file that cannot be used as a picture, and why."""


class Look(NamedTuple):
    """What a picture needs to be seen as people see it, where its file leaves that open. Pictures of one set have it in common."""

    span: tuple[float, float] | None = None
    """The values that are black and white, of a picture with more than 8 bits; None for one of 8 bits."""
    paper: Literal["white", "black"] | None = None
    """What it is laid on; None for one without transparency."""


def common_look(looks: Collection[Look]) -> Look:
    """One look for a set of pictures: the widest span, and the paper that most need."""
    spans = [look.span for look in looks if look.span is not None]
    papers = [look.paper for look in looks if look.paper is not None]
    return Look(
        span=(min(low for low, _ in spans), max(high for _, high in spans)) if spans else None,
        paper=("black" if 2 * papers.count("black") > len(papers) else "white") if papers else None,
    )


def decode(data: bytes, *, size: int, color: Color = "grey") -> Bytes:
    """A picture as pixels [channels, size, size], from 0 to 255, with the look that it needs by itself; see `decode_as`."""
    return decode_as(data, size=size, color=color)[0]


def decode_as(data: bytes, *, size: int, color: Color = "grey", look: Look | None = None) -> tuple[Bytes, Look]:
    """A picture as pixels [channels, size, size], from 0 to 255, and the look that it was given.

    It is turned as its EXIF data say, laid on paper where it is transparent (on black, if nothing of it could be seen on white), cut to
    the square in its middle, and averaged over areas. Of several frames the first counts.

    Args:
        data: The bytes of its file.
        size: Height and width that it is brought to.
        color: One channel or three.
        look: Of the set that it belongs to; None for what it needs by itself.

    Raises:
        UnreadableError: It is no picture, damaged, or has more than `MAX_PIXELS` even where it can be read at a reduced size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as picture:
            width, height = picture.size
            if width * height <= MAX_REDUCED_PIXELS:
                picture.draft("RGB" if color == "rgb" else "L", (2 * size, 2 * size))
            if picture.width * picture.height > MAX_PIXELS:
                raise UnreadableError(f"{width} x {height} is more than {MAX_PIXELS:,} pixels")
            inverted = _white_is_zero(picture)
            plain, found = _plain(ImageOps.exif_transpose(picture), color, look, inverted=inverted)
            square = _square(plain, size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableError(f"more than {MAX_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise UnreadableError("not a picture of a kind that can be read") from None
    except _UNREADABLE as error:
        raise UnreadableError(f"damaged: {str(error) or type(error).__name__}") from error
    pixels = np.asarray(square, dtype=np.uint8).reshape(size, size, CHANNELS[color])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)), found


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """The formats among `FORMATS` that this Pillow reads."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _plain(picture: Image.Image, color: Color, look: Look | None, *, inverted: bool) -> tuple[Image.Image, Look]:
    """A picture of 8 bits a channel, without transparency; `inverted` is one of more bits that counts from white to black."""
    span, paper = None, None
    if picture.mode == "F" or picture.mode.startswith("I"):
        values = np.asarray(picture)
        if not np.isfinite(values).all():
            raise UnreadableError("some of its pixels are no finite numbers")
        span = (look and look.span) or _span(values, is_float=picture.mode == "F")
        if values.dtype == np.uint16:  # each value once, instead of each pixel
            shades = _scaled(np.arange(2**16, dtype=np.float64), span, inverted=inverted)[values]
        else:
            shades = _scaled(values.astype(np.float64), span, inverted=inverted)
        picture = Image.fromarray(shades)
    if picture.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB") or picture
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        paper = (look and look.paper) or _paper(layer)
        if paper is not None:
            picture = Image.new("RGBA", layer.size, paper)
            picture.alpha_composite(layer)
    if picture.mode not in ("1", "L", "P", "RGB", "CMYK"):
        picture = picture.convert("RGB")  # there is no way from some of the others to grey
    return picture.convert("RGB" if color == "rgb" else "L"), Look(span, paper)


def _span(values: npt.NDArray[Any], *, is_float: bool) -> tuple[float, float]:
    """Which values are black and white: by the number of bits that they need, as cameras and scanners leave 12 in a file of 16."""
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if is_float and (low < 0.0 or (values != np.rint(values)).any()):
        return low, 1.0 if low >= 0.0 and high <= 1.0 else max(high, low + 1e-30)
    if is_float and high <= 1.0:
        return 0.0, 1.0
    bits = next(bits for bits in (8, 10, 12, 14, 16, 24, 32) if high < 2**bits or bits == 32)
    return low, float(2**bits - 1)


def _scaled(values: npt.NDArray[np.float64], span: tuple[float, float], *, inverted: bool) -> Bytes:
    low, high = span
    share = ((values - low) / (high - low)).clip(0.0, 1.0)
    return np.rint(255.0 * (1.0 - share if inverted else share)).astype(np.uint8)


def _white_is_zero(picture: Image.Image) -> bool:
    """Whether a TIFF counts from white to black, which Pillow heeds for 8 bits only."""
    tags = getattr(picture, "tag_v2", None)
    return tags is not None and tags.get(_PHOTOMETRIC) == 0


def _paper(layer: Image.Image) -> Literal["white", "black"] | None:
    """White, unless what can be seen is all but white itself; None where nothing is transparent."""
    seen = layer.getchannel("A")
    if seen.getextrema()[0] == 255:
        return None
    # Counted by value instead of by pixel: numbers of 8 bytes for each would take most of the time and memory of a large picture.
    dark = layer.convert("RGB").convert("L").point([255 if value < _NEAR_WHITE else 0 for value in range(256)])
    return "white" if _summed(seen.histogram(dark)) >= 0.02 * _summed(seen.histogram()) else "black"


def _summed(counts: Sequence[int]) -> int:
    """Sum of the pixels' values, from how many have each."""
    return sum(value * count for value, count in enumerate(counts))


def _square(picture: Image.Image, size: int) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    how = Image.Resampling.BOX if side >= size else Image.Resampling.BILINEAR
    return picture.resize((size, size), how, box=(left, top, left + side, top + side))
