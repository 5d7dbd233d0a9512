"""A folder, or zip file, of images of any kind: the folder that an image lies in is its class."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from maml_core.datasets.imageset import (
    MAX_SET_BYTES,
    Bytes,
    ImageSet,
    Ints,
    OnProgress,
    Skipped,
    Split,
    data_root,
    load_images,
    save_images,
)
from maml_core.datasets.layouts import arranged
from maml_core.datasets.pictures import CHANNELS, ENDINGS, Color, Look, UnreadableError, common_look, decode_as
from maml_core.datasets.splits import Splits, parted
from maml_core.datasets.trees import File, Tree, fingerprint, open_tree, zips_opened
from maml_core.errors import ConfigError, DataError
from maml_core.files import explained, locked
from maml_core.wording import counted

MIN_CLASSES = 4
"""Two to train on and two to be judged on."""

MIN_IMAGES = 2
"""Fewest images of a class: one for support and one for query."""

MAX_IMAGES = 1000
"""Most images of a class that are read; tasks need a few of them."""

MAX_SKIPPED = 1000
"""Files and folders left out that are kept by name."""

_READING = 2
"""Changes where files that stayed as they were are read in another way."""


def load_folder(
    folder: str | os.PathLike[str], *, size: int, color: Color, on_progress: OnProgress | None = None
) -> ImageSet:
    """The images below a folder, or in a zip file; read once, and again when a file there changes.

    Each is cut to the square in its middle and brought to `size` x `size`. What cannot be read is left out and named in `skipped`, and so
    are links, images outside any folder, classes of a single image, and what a class has beyond `MAX_IMAGES`. Which folders are classes
    is said in `layouts.arranged`; zip files in a folder that holds no other images are read like folders.

    Raises:
        DataError: It is not there, or holds fewer than `MIN_CLASSES` classes or more than fits into memory.
    """
    if not os.fspath(folder):
        raise DataError("missing", "no folder is named; name one that holds a folder of images for each class")
    where = Path(folder).expanduser().absolute()
    path = kept_folder(where, size=size, color=color)
    with open_tree(where) as tree:
        now = f"{_READING}-{fingerprint(tree)}"
        if (images := _kept(path, now)) is not None:
            return images
        with explained(f"cannot keep images in {path.parent}", DataError), locked(path.parent):
            if (images := _kept(path, now)) is None:  # unless another process did, while this one waited
                with zips_opened(tree, _zips(tree).__contains__) as whole:
                    save_images(path, _read(whole, now, size, color, on_progress))
    return load_images(path)


def kept_folder(folder: str | os.PathLike[str], *, size: int, color: Color) -> Path:
    """The file that keeps the images of a folder, once it was read."""
    where = Path(folder).expanduser().absolute()
    key = hashlib.sha256(f"{where}\0{size}\0{color}".encode(errors="surrogateescape")).hexdigest()
    return folders() / f"{key[:16]}.safetensors"


def folders() -> Path:
    """Where the images of folders are kept."""
    return data_root() / "folders"


def folder_splits(
    images: ImageSet, *, seed: int, num_validation: int | None = None, num_test: int | None = None
) -> Splits:
    """Which classes are trained on: as published, or one in five held out for validation and one in five for the test, at least two each.

    Of four or five classes none is left for the test.

    Args:
        images: From `load_folder`.
        seed: Which classes are held out, where that was not published.
        num_validation: Classes held out for validation; None for as many as are said above.
        num_test: Classes held out for the test; likewise.

    Raises:
        ConfigError: So many classes cannot be held out.
    """
    number = len(images.class_names)
    if num_validation is None and num_test is None and any(images.published):
        return _published(images, seed)
    usual = max(2, round(number / 5))
    validation = usual if num_validation is None else num_validation
    test = (usual if number >= 2 * usual + validation else 0) if num_test is None else num_test
    if validation + test > number - 2:
        name, asked = ("test_classes", test) if num_test else ("validation_classes", validation)
        raise ConfigError(
            name, asked, f"{images.name!r} has {number} classes, and 2 or more are to train on; hold out fewer of them"
        )
    classes = parted(number, seed, num_validation=validation, num_test=test)
    missing: dict[Split, str] = {}
    if not test:
        missing["meta_test"] = (
            "no classes were asked for with test_classes; start a run with 2 or more of them"
            if num_test is not None
            else f"{number} classes are too few to hold some out for the test too; add folders, 6 or more in all"
        )
    note = f"{number} classes: {_counted(classes)}"
    if any(images.published):
        note += ", drawn as asked for and not as published"
    return Splits(classes=classes, missing=missing, note=note, more=_more(number))


def _published(images: ImageSet, seed: int) -> Splits:
    """The split that a folder comes with; where it has no classes for validation, some to train on are held out."""
    number = len(images.class_names)
    of = np.array([str(split) for split in images.published])
    found: dict[Split, Ints] = {
        split: np.flatnonzero(of == split) for split in ("meta_train", "meta_validation", "meta_test") if split in of
    }
    how = "as published"
    train = found["meta_train"]
    if "meta_validation" not in found and len(train) >= MIN_CLASSES:
        drawn = parted(len(train), seed, num_validation=max(2, round(len(train) / 5)), num_test=0)
        found = {split: train[part] for split, part in drawn.items()} | {"meta_test": found["meta_test"]}
        how += ", with some of those to train on for validation"
    missing: dict[Split, str] = {
        split: "its folders hold no such classes; add a folder of them, or set validation_classes and test_classes"
        for split in ("meta_validation", "meta_test")
        if split not in found
    }
    return Splits(
        classes=found, missing=missing, note=f"{number} classes: {_counted(found)}, {how}", more=_more(number)
    )


def _counted(classes: Mapping[Split, Ints]) -> str:
    return ", ".join(f"{len(part)} for {split.removeprefix('meta_')}" for split, part in classes.items())


def _more(number: int) -> str:
    return f"share its {number} classes out in another way with validation_classes and test_classes (0 for none), or add folders"


def _kept(path: Path, now: str) -> ImageSet | None:
    """What is kept of a folder, if it is of its files as they are now."""
    with contextlib.suppress(DataError):
        images = load_images(path)
        return images if images.fingerprint == now else None
    return None


def _zips(tree: Tree) -> frozenset[PurePosixPath]:
    """The zip files of a folder that are read like folders: all, where nothing else holds images."""
    endings = {file.path.suffix.lower() for file in tree.files if len(file.path.parts) > 1}
    zips = (file.path for file in tree.files if file.path.suffix.lower() == ".zip")
    return frozenset() if endings & ENDINGS else frozenset(zips)


class _Found(NamedTuple):
    """The classes of a tree, in the order of their first files."""

    files: dict[PurePosixPath, list[File]]
    split: dict[PurePosixPath, Split | None]
    skipped: list[Skipped]
    notes: tuple[str, ...]


def _read(tree: Tree, now: str, size: int, color: Color, on_progress: OnProgress | None) -> ImageSet:
    found = _classes(tree)
    skipped = found.skipped
    total = sum(map(len, found.files.values()))
    shape = (CHANNELS[color], size, size)
    if total * np.prod(shape) > MAX_SET_BYTES:
        raise DataError(
            "large",
            f"{total:,} images of {size} pixels do not fit into memory; choose a smaller size or a smaller folder",
        )
    images = np.empty((total, *shape), dtype=np.uint8)
    looks: list[tuple[File, Look]] = []
    done = tried = 0
    sizes: dict[PurePosixPath, int] = {}
    for name, files in found.files.items():
        start = done
        for file in files:
            try:
                images[done], look = decode_as(tree.read(file), size=size, color=color)
                looks[done:] = [(file, look)]
                done += 1
            except UnreadableError as error:
                skipped.append(Skipped(str(file.path), str(error)))
            tried += 1
            if on_progress is not None and (tried % 20 == 0 or tried == total):
                on_progress("images read", tried, total)
        if done - start < MIN_IMAGES:
            skipped.append(
                Skipped(
                    _text(name),
                    f"a class with {counted(done - start, 'image')} that can be read; {MIN_IMAGES} are needed",
                )
            )
            done = start
        else:
            sizes[name] = done - start
    if len(sizes) < MIN_CLASSES:
        raise DataError(
            "few",
            f"{tree.where} holds {len(sizes)} classes, folders with {MIN_IMAGES} images or more; {MIN_CLASSES} are needed. {_first(skipped)}",
        )
    images = images[:done]
    notes = (*found.notes, *_seen_alike(tree, images, looks[:done], size, color), *looked_at(images))
    splits = tuple(found.split[name] for name in sizes)
    is_published = len(set(splits)) > 1 and "meta_train" in splits
    return ImageSet(
        name=_text(tree.where.name),
        images=images,
        class_sizes=np.array(list(sizes.values()), dtype=np.int64),
        class_names=tuple(map(_text, sizes)),
        groups=tuple("" if len(name.parts) == 1 else _text(name.parent) for name in sizes),
        fingerprint=now,
        published=splits if is_published else (),
        notes=notes,
        skipped=_shortened(skipped),
        source=_text(str(tree.where)),
    )


def _classes(tree: Tree) -> _Found:
    """The images of each class, and what is none."""
    skipped = list(tree.refused)
    skipped += [Skipped(_text(name), "an empty folder") for name in tree.empty]
    pictures: list[File] = []
    for file in tree.files:
        if file.path.suffix.lower() == ".zip":
            skipped.append(Skipped(_text(file.path), "a zip file beside folders of images; unpack it to use it"))
        elif file.path.suffix.lower() not in ENDINGS:
            skipped.append(Skipped(_text(file.path), "not a kind of image that can be read"))
        elif len(file.path.parts) == 1:
            skipped.append(Skipped(_text(file.path), "it lies in no class's folder"))
        else:
            pictures.append(file)
    layout = arranged({file.path.parent: None for file in pictures})
    skipped += [Skipped(_text(name), reason) for name, reason in layout.skipped]
    members: dict[PurePosixPath, list[File]] = {}
    split: dict[PurePosixPath, Split | None] = {}
    for file in pictures:
        if (place := layout.places.get(file.path.parent)) is not None:
            members.setdefault(place.name, []).append(file)
            split[place.name] = place.split
    for name, files in members.items():
        if len(files) > MAX_IMAGES:
            skipped.append(
                Skipped(_text(name), f"{len(files) - MAX_IMAGES:,} of its {len(files):,} images are left out")
            )
            kept: Ints = np.arange(MAX_IMAGES) * len(files) // MAX_IMAGES  # spread over all of them
            members[name] = [files[i] for i in kept]
    return _Found(members, split, skipped, layout.notes)


def _seen_alike(
    tree: Tree, images: Bytes, looks: Sequence[tuple[File, Look]], size: int, color: Color
) -> tuple[str, ...]:
    """Give all pictures of a set one look: they are read again where their own differs. What is to be said of it."""
    common = common_look([look for _, look in looks])
    for place, (file, look) in enumerate(looks):
        wanted = Look(look.span and common.span, look.paper and common.paper)
        if wanted != look:
            images[place] = decode_as(tree.read(file), size=size, color=color, look=wanted)[0]
    notes = []
    if common.span not in (None, (0.0, 255.0), (0.0, 65535.0), (0.0, 1.0)):
        low, high = common.span
        notes.append(f"images of more than 8 bits are shown from {low:g} (black) to {high:g} (white)")
    if common.paper == "black":
        notes.append("transparent images are laid on black, as what they show is white")
    return tuple(notes)


def looked_at(images: Bytes) -> tuple[str, ...]:
    """Whether a set looks as if nothing could be seen on it, in sentences.

    >>> looked_at(np.zeros((2, 1, 8, 8), np.uint8))
    ('the images are nearly black: look at their files, whose values may need stretching',)
    """
    stretch = "look at their files, whose values may need stretching"
    darkest, brightest = images.min(axis=(1, 2, 3)), images.max(axis=(1, 2, 3))
    if np.median(brightest) < 40:
        return (f"the images are nearly black: {stretch}",)
    if np.median(darkest) > 215:
        return (f"the images are nearly white: {stretch}",)
    if np.median(brightest - darkest) < 4:
        return (f"the images are flat, each of hardly more than one level: {stretch}",)
    return ()


def _text(path: PurePosixPath | str) -> str:
    """A path as it can be shown: names on a disk may be no text."""
    return str(path).encode(errors="surrogateescape").decode(errors="backslashreplace")


def _first(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return "Put the images of each class into a folder of its own"
    more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
    return f"Left out was {skipped[0].name}: {skipped[0].reason}{more}"


def _shortened(skipped: Sequence[Skipped]) -> tuple[Skipped, ...]:
    if len(skipped) <= MAX_SKIPPED:
        return tuple(skipped)
    return (*skipped[: MAX_SKIPPED - 1], Skipped(f"{len(skipped) - MAX_SKIPPED + 1} more", "not listed"))
