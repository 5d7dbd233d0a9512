"""A folder, or zip file, of images of any kind: the folder that an image lies in is its class."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from maml_core.datasets.imageset import (
    MAX_SET_BYTES,
    ImageSet,
    Ints,
    OnProgress,
    Skipped,
    data_root,
    load_images,
    save_images,
)
from maml_core.datasets.pictures import CHANNELS, ENDINGS, Color, UnreadableError, decode
from maml_core.datasets.splits import Split, Splits, parted
from maml_core.datasets.trees import File, Tree, fingerprint, open_tree
from maml_core.errors import DataError
from maml_core.files import explained, locked

MIN_CLASSES = 4
"""Two to train on and two to be judged on."""

MIN_IMAGES = 2
"""Of a class: one for support and one for query."""

MAX_IMAGES = 1000
"""Of a class; tasks need a few of them."""

MAX_SKIPPED = 1000
"""Files and folders left out that are kept by name."""


def load_folder(
    folder: str | os.PathLike[str], *, size: int, color: Color, on_progress: OnProgress | None = None
) -> ImageSet:
    """The images below a folder, or in a zip file; read once, and again when a file there changes.

    Each is cut to the square in its middle and brought to `size` x `size`. What cannot be read is left out and named in `skipped`, and so
    are links, images outside any folder, classes of a single image, and what a class has beyond `MAX_IMAGES`.

    Raises:
        DataError: It is not there, or holds fewer than `MIN_CLASSES` classes or more than fits into memory.
    """
    if not os.fspath(folder):
        raise DataError("missing", "no folder is named; name one that holds a folder of images for each class")
    where = Path(folder).expanduser().absolute()
    key = hashlib.sha256(f"{where}\0{size}\0{color}".encode(errors="surrogateescape")).hexdigest()
    path = folders() / f"{key[:16]}.safetensors"
    with open_tree(where) as tree:
        now = fingerprint(tree)
        if (images := _kept(path, now)) is not None:
            return images
        with explained(f"cannot keep images in {path.parent}", DataError), locked(path.parent):
            if (images := _kept(path, now)) is None:  # unless another process did, while this one waited
                save_images(path, _read(tree, now, size, color, on_progress))
    return load_images(path)


def folders() -> Path:
    """Where the images of folders are kept."""
    return data_root() / "folders"


def folder_splits(images: ImageSet, *, seed: int) -> Splits:
    """Which classes are trained on: one in five is held out for validation and one in five for the test, at least two each.

    Of four or five classes none is left for the test.

    Args:
        images: From `load_folder`.
        seed: Which classes are held out.
    """
    number = len(images.class_names)
    held_out = max(2, round(number / 5))
    num_test = held_out if number >= 3 * held_out else 0
    classes = parted(number, seed, num_validation=held_out, num_test=num_test)
    missing: dict[Split, str] = {}
    if not num_test:
        missing["meta_test"] = (
            f"{number} classes are too few to hold some out for the test too; add folders, 6 or more in all"
        )
    counts = ", ".join(f"{len(part)} for {split.removeprefix('meta_')}" for split, part in classes.items())
    return Splits(classes=classes, missing=missing, note=f"{number} classes: {counts}")


def _kept(path: Path, now: str) -> ImageSet | None:
    """What is kept of a folder, if it is of its files as they are now."""
    with contextlib.suppress(DataError):
        images = load_images(path)
        return images if images.fingerprint == now else None
    return None


def _read(tree: Tree, now: str, size: int, color: Color, on_progress: OnProgress | None) -> ImageSet:
    members, skipped = _classes(tree)
    total = sum(map(len, members.values()))
    shape = (CHANNELS[color], size, size)
    if total * np.prod(shape) > MAX_SET_BYTES:
        raise DataError(
            "large",
            f"{total:,} images of {size} pixels do not fit into memory; choose a smaller size or a smaller folder",
        )
    images = np.empty((total, *shape), dtype=np.uint8)
    done = tried = 0
    sizes: dict[PurePosixPath, int] = {}
    for folder, files in members.items():
        start = done
        for file in files:
            try:
                images[done] = decode(tree.read(file), size=size, color=color)
                done += 1
            except UnreadableError as error:
                skipped.append(Skipped(str(file.path), str(error)))
            tried += 1
            if on_progress is not None and (tried % 20 == 0 or tried == total):
                on_progress("images read", tried, total)
        if done - start < MIN_IMAGES:
            skipped.append(
                Skipped(str(folder), f"a class of {done - start} images that can be read; {MIN_IMAGES} are needed")
            )
            done = start
        else:
            sizes[folder] = done - start
    if len(sizes) < MIN_CLASSES:
        raise DataError(
            "few",
            f"{tree.where} holds {len(sizes)} classes, folders with {MIN_IMAGES} images or more; {MIN_CLASSES} are needed. {_first(skipped)}",
        )
    names = _names(list(sizes))
    return ImageSet(
        name=tree.where.name,
        images=images[:done],
        class_sizes=np.array(list(sizes.values()), dtype=np.int64),
        class_names=tuple(str(name) for name in names),
        groups=tuple("" if len(name.parts) == 1 else str(name.parent) for name in names),
        fingerprint=now,
        skipped=_shortened(skipped),
    )


def _classes(tree: Tree) -> tuple[dict[PurePosixPath, list[File]], list[Skipped]]:
    """The images of each folder, and what is none."""
    skipped = list(tree.refused)
    skipped += [Skipped(name, "an empty folder") for name in tree.empty]
    members: dict[PurePosixPath, list[File]] = {}
    for file in tree.files:
        if file.path.suffix.lower() not in ENDINGS:
            skipped.append(Skipped(str(file.path), "not a kind of image that can be read"))
        elif len(file.path.parts) == 1:
            skipped.append(Skipped(str(file.path), "it lies in no class's folder"))
        else:
            members.setdefault(file.path.parent, []).append(file)
    for folder, files in members.items():
        if len(files) > MAX_IMAGES:
            skipped.append(
                Skipped(str(folder), f"{len(files) - MAX_IMAGES:,} of its {len(files):,} images are left out")
            )
            kept: Ints = np.arange(MAX_IMAGES) * len(files) // MAX_IMAGES  # spread over all of them
            members[folder] = [files[i] for i in kept]
    return members, skipped


def _names(folders: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    """What classes are called: their folders, less what all have in common."""
    common = os.path.commonpath([folder.parent for folder in folders])
    return [folder.relative_to(common) for folder in folders]


def _first(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return "Put the images of each class into a folder of its own"
    more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
    return f"Left out was {skipped[0].name}: {skipped[0].reason}{more}"


def _shortened(skipped: Sequence[Skipped]) -> tuple[Skipped, ...]:
    if len(skipped) <= MAX_SKIPPED:
        return tuple(skipped)
    return (*skipped[: MAX_SKIPPED - 1], Skipped(f"{len(skipped) - MAX_SKIPPED + 1} more", "not listed"))
