"""One picture, of any kind, as a small square of pixels."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maml_core.datasets.pictures import ENDINGS, Look, UnreadableError, common_look, decode, decode_as


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


def deep(values: np.ndarray[Any, Any], format: str = "TIFF", **options: Any) -> bytes:
    return saved(Image.fromarray(values), format, **options)


@pytest.mark.parametrize("kind", ["transparent", "sixteen bits"])
def test_a_large_picture_takes_no_wide_number_for_each_of_its_pixels(kind: str) -> None:
    """Its file has a few hundred bytes, and 20 million pixels of 8 bytes were most of a second's work."""
    side = 1000
    data = (
        saved(Image.new("P", (side, side)), transparency=0)
        if kind == "transparent"
        else saved(Image.fromarray(np.full((side, side), 4000, dtype=np.uint16)))
    )
    decode(data, size=8)  # what is imported by it
    tracemalloc.start()
    try:
        decode(data, size=8)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 8 * side**2


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_as_many_bits_as_a_file_uses_are_seen(bits: int, format: str) -> None:
    """Cameras and scanners leave 12 bits in a file of 16."""
    whole = 2**bits - 1
    values = np.rint(np.linspace(0, whole, 64)).astype(np.uint16).reshape(8, 8)
    expected = np.rint(np.linspace(0, 255, 64)).reshape(8, 8)
    pixels = decode(deep(values, format), size=8)[0]
    assert abs(pixels.astype(float) - expected).max() <= 1
    assert len(np.unique(pixels)) == 64


def test_floating_point_pixels_are_seen() -> None:
    share = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    expected = np.rint(255 * np.linspace(0, 1, 64)).reshape(8, 8)
    for values in (share, 255 * np.rint(share * 255) / 255, share * 3.7, share * 20 - 10):
        pixels = decode(deep(values.astype(np.float32)), size=8)[0]
        assert abs(pixels.astype(float) - expected).max() <= 1, values.max()
    with pytest.raises(UnreadableError, match="no finite numbers"):
        decode(deep(np.full((9, 9), np.nan, dtype=np.float32)), size=8)


def test_a_file_that_counts_from_white_is_no_negative() -> None:
    values = (65535 - steps().astype(np.uint16) * 257).astype(np.uint16)
    assert np.array_equal(decode(deep(values, tiffinfo={262: 0}), size=8)[0], steps())


def test_a_set_has_one_look() -> None:
    dark, bright = (deep(np.full((8, 8), level, dtype=np.uint16), "PNG") for level in (3000, 60000))
    looks = [decode_as(data, size=8)[1] for data in (dark, bright)]
    assert [look.span for look in looks] == [(0, 4095), (0, 65535)]
    common = common_look(looks)
    assert [decode_as(data, size=8, look=common)[0][0, 0, 0] for data in (dark, bright)] == [12, 233]
    assert common_look([Look(paper="black"), Look(), Look(paper="black"), Look(paper="white")]) == Look(paper="black")
    assert common_look([Look(), Look()]) == Look()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_white_on_nothing_is_laid_on_black(mode: str) -> None:
    picture = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    picture.paste((255, 255, 255, 255), (0, 0, 8, 4))
    if mode == "P":
        picture = picture.quantize(4)
    pixels, look = decode_as(saved(picture if mode == "P" else picture.convert(mode)), size=8)
    assert look.paper == "black"
    assert pixels[0, :, 0].tolist() == [255] * 4 + [0] * 4


def test_one_bit_is_black_and_white() -> None:
    bits = Image.fromarray(steps() > 90)
    for format in ("PNG", "TIFF", "BMP", "PPM"):
        assert np.array_equal(decode(saved(bits, format), size=8)[0], np.where(steps() > 90, 255, 0))


def test_lab_colours() -> None:
    lab = Image.new("LAB", (9, 9), (255, 128, 128))
    assert decode(saved(lab, "TIFF"), size=3, color="rgb").min() >= 250


@pytest.mark.parametrize("size", [(6000, 4000), (8660, 5773)])
def test_photos_are_read_at_a_reduced_size(size: tuple[int, int]) -> None:
    photo = Image.new("L", size, 90)
    photo.paste(200, (size[0] // 2, 0, *size))
    pixels = decode(saved(photo, "JPEG", quality=20), size=8)[0].astype(int)
    assert abs(pixels[:, :3] - 90).max() <= 3
    assert abs(pixels[:, 5:] - 200).max() <= 3


def test_an_enormous_photo_is_refused_unread() -> None:
    data = bytearray(saved(Image.new("L", (64, 64), 90), "JPEG"))
    at = data.index(b"\xff\xc0") + 5  # height and width in the frame's header
    data[at : at + 4] = struct.pack(">HH", 9_000, 9_000)
    with pytest.raises(UnreadableError, match=r"9000 x 9000 is more than 20,000,000 pixels"):
        decode(bytes(data), size=8)


@pytest.mark.parametrize(
    ("format", "ending"),
    [("JPEG2000", ".jp2"), ("AVIF", ".avif"), ("TGA", ".tga"), ("PPM", ".pnm"), ("PCX", ".pcx"), ("JPEG", ".jfif")],
)
def test_the_less_usual_kinds_of_files(format: str, ending: str) -> None:
    assert ending in ENDINGS
    if not all(format in table for table in (Image.OPEN, Image.SAVE)):
        assert format == "AVIF"  # which some builds of Pillow lack
        return
    assert abs(decode(saved(Image.new("L", (64, 64), 90), format), size=8).astype(int) - 90).max() <= 2
