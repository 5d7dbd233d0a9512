"""Small data sets as they lie on a disk."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

ALPHABETS = {"images_background": ("Greek", "Hebrew", "Korean"), "images_evaluation": ("Tibetan", "ULOG")}


def drawing(kind: int, number: int) -> npt.NDArray[np.uint8]:
    """A black bar on white, 105 x 105: its length tells the character, its place the drawing."""
    pixels = np.full((105, 105), 255, dtype=np.uint8)
    pixels[10 + 3 * number : 20 + 3 * number, 5 : 15 + 5 * kind] = 0
    return pixels


def png(pixels: npt.NDArray[np.uint8], mode: str = "1") -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(target, format="PNG")
    return target.getvalue()


def official(
    folder: Path,
    parts: tuple[str, ...] = ("images_background", "images_evaluation"),
    *,
    characters: int = 4,
    drawings: int = 6,
) -> Path:
    """Omniglot's official folders, small: 3 background and 2 evaluation alphabets."""
    for part in parts:
        for alphabet in ALPHABETS[part]:
            for character in range(characters):
                place = folder / part / alphabet / f"character{character + 1:02d}"
                place.mkdir(parents=True)
                for number in range(drawings):
                    (place / f"0001_{number + 1:02d}.png").write_bytes(png(drawing(character, number)))
    return folder


def zipped(folder: Path, part: str, to: Path) -> Path:
    """One of the official folders as the zip file of its name, without the folders' own entries."""
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"{part}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((folder / part).rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    return path
