"""One picture, of any kind, as a small square of pixels."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maml_core.datasets.pictures import UnreadableError, decode


def saved(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, format=format, **options)
    return target.getvalue()


def steps(width: int = 8, height: int = 8) -> np.ndarray[Any, Any]:
    """Grey levels that differ from pixel to pixel."""
    return (np.arange(width * height, dtype=np.uint8) * 3).reshape(height, width)


def test_a_grey_picture_of_the_right_size_is_left_alone() -> None:
    assert np.array_equal(decode(saved(Image.fromarray(steps())), size=8), steps()[None])


def test_a_picture_is_averaged_over_areas() -> None:
    expected = steps().reshape(4, 2, 4, 2).mean((1, 3))
    assert np.abs(decode(saved(Image.fromarray(steps())), size=4)[0] - expected).max() <= 1


def test_a_small_picture_is_enlarged() -> None:
    assert decode(saved(Image.new("L", (3, 2), 77)), size=8).tolist() == np.full((1, 8, 8), 77).tolist()


@pytest.mark.parametrize(("width", "height", "place"), [(12, 8, np.s_[:, 2:10]), (8, 14, np.s_[3:11, :])])
def test_the_square_in_the_middle_is_taken(width: int, height: int, place: Any) -> None:
    pixels = steps(width, height)
    assert np.array_equal(decode(saved(Image.fromarray(pixels)), size=8)[0], pixels[place])


def test_colours_are_channels_or_grey() -> None:
    data = saved(Image.new("RGB", (9, 9), (200, 100, 50)))
    assert decode(data, size=3, color="rgb")[:, 0, 0].tolist() == [200, 100, 50]
    assert decode(data, size=3).shape == (1, 3, 3)
    assert abs(int(decode(data, size=3)[0, 0, 0]) - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)) <= 1
    assert decode(saved(Image.new("L", (9, 9), 7)), size=3, color="rgb")[:, 1, 1].tolist() == [7, 7, 7]


def test_what_is_transparent_is_white() -> None:
    picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 4, 2))
    assert decode(saved(picture), size=4)[0, :, 0].tolist() == [0, 0, 255, 255]
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(0, (0, 0, 4, 2))
    assert decode(saved(palette), size=4, color="rgb")[:, 3, 0].tolist() == [0, 0, 255]
    assert decode(saved(palette, transparency=1), size=4, color="rgb")[:, 3, 0].tolist() == [255, 255, 255]
    assert decode(saved(Image.new("LA", (4, 4), (0, 128))), size=4)[0, 0, 0] in (126, 127, 128)


def test_exif_data_turn_a_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    assert np.array_equal(decode(saved(Image.fromarray(steps()), exif=exif), size=8)[0], np.rot90(steps(), -1))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_become_eight(format: str) -> None:
    pixels = steps().astype(np.uint16) * 257
    assert np.array_equal(decode(saved(Image.fromarray(pixels), format), size=8)[0], steps())


@pytest.mark.parametrize("format", ["JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_other_kinds_of_files(format: str) -> None:
    assert abs(decode(saved(Image.new("RGB", (300, 200), (90, 90, 90)), format), size=8).astype(int) - 90).max() <= 2


def test_print_colours() -> None:
    assert decode(saved(Image.new("CMYK", (9, 9), (0, 0, 0, 0)), "JPEG"), size=3, color="rgb").min() >= 253


def claiming(width: int, height: int) -> bytes:
    """A PNG file of 100 bytes that says it is of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [4_473, 9_500, 30_000, 2**31 - 1])
def test_a_picture_that_claims_to_be_enormous_is_refused_unread(side: int) -> None:
    with pytest.raises(UnreadableError, match=r"20,000,000 pixels"):
        decode(claiming(side, side), size=8)


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", claiming(60, 60), claiming(0, 5), b"GIF89a"]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode(data, size=8)


def test_every_half_of_a_file_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for format in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        data = saved(Image.fromarray(noise), format)
        with pytest.raises(UnreadableError):
            decode(data[: len(data) // 2], size=8)


def test_a_spoilt_file_is_a_picture_or_refused() -> None:
    """Whatever a reader stumbles over becomes a reason, never another exception."""
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
    refused = 0
    for format in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"):
        whole = saved(noise, format)
        for _ in range(60):
            data = bytearray(whole)
            for at in rng.integers(0, min(len(data), 300), 5):
                data[at] = rng.integers(256)
            try:
                assert decode(bytes(data), size=8).shape == (1, 8, 8)
            except UnreadableError:
                refused += 1
    assert refused > 100


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(UnreadableError, match="no known range"):
        decode(saved(Image.fromarray(np.ones((9, 9), dtype=np.float32)), "TIFF"), size=8)
