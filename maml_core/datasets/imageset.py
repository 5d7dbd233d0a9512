"""A set of images as one array, and the one file that keeps it.

The file is a safetensors file: a header that says what it is and how many images each class has, then the pixels. It takes its place in one
step, carries a checksum of all that is in it, and is mapped into memory when it is read, so that workers share it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from maml_core.errors import DataError
from maml_core.files import explained, write_file

FORMAT = "maml-live images 1"
"""What the header says first; the number is the version of the layout."""

MAX_SET_BYTES = 2**30
"""Pixels of the largest set."""

MAX_HEADER_BYTES = 2**26

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

Split = Literal["meta_train", "meta_validation", "meta_test"]

OnProgress = Callable[[str, int, int], None]
"""Called with what is done, how much of it is, and how much there is. What it raises stops the work."""


def data_root() -> Path:
    """Where images are kept: the folder that the environment variable MAML_DATA names, otherwise ``~/.maml-live/data``."""
    chosen = os.environ.get("MAML_DATA")
    return Path(chosen).expanduser() if chosen else Path.home() / ".maml-live" / "data"


class Skipped(NamedTuple):
    """A file or folder that was left out."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """Images of classes, the classes one after the other."""

    name: str
    images: Bytes
    """[num_images, channels, height, width], from 0 to 255."""
    class_sizes: Ints
    """Images of each class, at least one."""
    class_names: tuple[str, ...]
    groups: tuple[str, ...]
    """What each class belongs to: its alphabet, or the folder above it."""
    fingerprint: str
    """Tells the source that it was made of from another one, or from the same one changed."""
    published: tuple[Split | None, ...] = ()
    """The split that each class was published in; empty where there is none."""
    notes: tuple[str, ...] = ()
    """What people should know before they train on it."""
    skipped: tuple[Skipped, ...] = ()
    """What was left out of it, and why."""
    source: str = ""
    """The folder or zip file that it was made of; empty where that is not said."""

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                f"images are {self.images.dtype} {self.images.shape}, not bytes [num, channels, height, width]"
            )
        if not len(self.class_names) == len(self.groups) == len(self.class_sizes):
            raise ValueError(f"{len(self.class_names)} names, {len(self.groups)} groups, {len(self.class_sizes)} sizes")
        if len(self.class_sizes) == 0 or self.class_sizes.min() < 1 or self.class_sizes.sum() != len(self.images):
            raise ValueError(f"classes of {self.class_sizes.tolist()} images do not make up {len(self.images)} images")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        _, channels, height, width = self.images.shape
        return channels, height, width


class SetInfo(NamedTuple):
    """What the header of a file says, without a look at the images."""

    name: str
    num_images: int
    class_names: tuple[str, ...]
    groups: tuple[str, ...]
    fingerprint: str
    size_bytes: int
    image_shape: tuple[int, int, int]
    source: str
    """As of `ImageSet`."""


def save_images(path: Path, images: ImageSet) -> None:
    """Write a set into its file, in place of what stood there.

    Raises:
        DataError: It cannot be written; what stood there before is as it was.
    """
    facts = {
        "name": images.name,
        "shape": list(images.images.shape),
        "class_sizes": images.class_sizes.tolist(),
        "class_names": list(images.class_names),
        "groups": list(images.groups),
        "fingerprint": images.fingerprint,
        "published": list(images.published),
        "notes": list(images.notes),
        "skipped": [list(item) for item in images.skipped],
        "source": images.source,
    }
    pixels = np.ascontiguousarray(images.images)
    header = _header(facts, _digest(facts, pixels))
    with explained(f"cannot write {path}", DataError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, len(header).to_bytes(8, "little"), header, pixels.data.cast("B"))


def load_images(path: Path) -> ImageSet:
    """The set that a file keeps, every byte of it checked; read once a process.

    Raises:
        DataError: It is missing, damaged, or of another version.
    """
    with explained(f"cannot read {path}", DataError):
        try:
            return _load(path, identity(path))
        except FileNotFoundError:
            raise DataError("missing", f"{path} is not there") from None


def identity(path: Path) -> tuple[int, int, int]:
    """Tells a file from one that took its place."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=4)
def _load(path: Path, _identity: tuple[int, int, int]) -> ImageSet:
    facts, digest, start = _read_header(path)
    everything = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    if _digest(facts, everything[start:]) != digest:
        raise _damaged(path, "its checksum does not fit")
    try:
        return ImageSet(
            name=facts["name"],
            images=everything[start:].reshape(facts["shape"]),
            class_sizes=np.array(facts["class_sizes"], dtype=np.int64),
            class_names=tuple(facts["class_names"]),
            groups=tuple(facts["groups"]),
            fingerprint=facts["fingerprint"],
            published=tuple(facts.get("published", ())),  # which earlier versions did not keep
            notes=tuple(facts.get("notes", ())),
            skipped=tuple(Skipped(*item) for item in facts["skipped"]),
            source=facts.get("source", ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def images_info(path: Path) -> SetInfo:
    """What the header of a set's file says; the pixels are counted, not read.

    Raises:
        DataError: It is missing, damaged, or of another version.
    """
    with explained(f"cannot read {path}", DataError):
        try:
            facts, _, start = _read_header(path)
        except FileNotFoundError:
            raise DataError("missing", f"{path} is not there") from None
    try:
        return SetInfo(
            facts["name"],
            facts["shape"][0],
            tuple(facts["class_names"]),
            tuple(facts["groups"]),
            facts["fingerprint"],
            start + _num_pixels(facts),
            tuple(facts["shape"][1:]),
            facts.get("source", ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _header(facts: dict[str, Any], digest: str) -> bytes:
    plain = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    header = {
        "__metadata__": {"format": FORMAT, "facts": plain, "sha256": digest},
        "images": {"dtype": "U8", "shape": facts["shape"], "data_offsets": [0, _num_pixels(facts)]},
    }
    data = json.dumps(header).encode()
    return data + b" " * (-len(data) % 8)


def _num_pixels(facts: dict[str, Any]) -> int:
    return int(np.prod(facts["shape"], dtype=np.int64))


def _digest(facts: dict[str, Any], pixels: Bytes) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(pixels.data)
    return digest.hexdigest()


def _read_header(path: Path) -> tuple[dict[str, Any], str, int]:
    """What a file says of itself, its checksum, and where its pixels begin."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        data = file.read(min(length, MAX_HEADER_BYTES))
        size = os.fstat(file.fileno()).st_size
    try:
        about = json.loads(data)["__metadata__"]
        if about["format"] != FORMAT:
            raise ValueError(f"it is of format {about['format']!r}")
        facts, digest = json.loads(about["facts"]), about["sha256"]
        if data != _header(facts, digest) or size != 8 + length + _num_pixels(facts):
            raise ValueError("its size or header does not fit")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    return facts, digest, 8 + length


def _damaged(path: Path, problem: str) -> DataError:
    return DataError("damaged", f"{path} is damaged ({problem}); delete it, and import the images again")
