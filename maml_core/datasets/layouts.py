"""How a folder of images is laid out: which folders are classes, and in which split they were published."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from maml_core.datasets.imageset import Skipped, Split

SPLIT_WORDS: Mapping[Split, frozenset[str]] = {
    "meta_train": frozenset({"train", "training", "trn", "meta_train", "metatrain", "base", "background"}),
    "meta_validation": frozenset(
        {"val", "valid", "validation", "dev", "meta_val", "meta_valid", "meta_validation", "metaval"}
    ),
    "meta_test": frozenset({"test", "testing", "tst", "eval", "evaluation", "meta_test", "metatest", "novel"}),
}
"""What people call the folders of a split."""

_INSIDE = frozenset({"image", "images", "img", "imgs", "jpegimages", "photo", "photos", "picture", "pictures", "pics"})
"""What people call a folder that holds the images of the class above it."""

_TOP = PurePosixPath()


class Place(NamedTuple):
    """Where the images of a folder belong."""

    name: PurePosixPath
    """The class, below what all have in common."""
    split: Split | None
    """The split that the class was published in."""


class Layout(NamedTuple):
    """A folder of images, understood."""

    places: Mapping[PurePosixPath, Place]
    """By folder; one that is left out has none."""
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    """What was made of it that people may not expect."""


def split_of(name: str) -> Split | None:
    """The split that a folder's name says.

    >>> split_of("Training"), split_of("images_evaluation"), split_of("trains")
    ('meta_train', 'meta_test', None)
    """
    plain = re.sub(r"[\s._-]+", "_", name.strip().lower())
    plain = re.sub(r"^(images?|data|dataset)_|_?(images?|data|dataset|set|split)$", "", plain)
    return next((split for split, words in SPLIT_WORDS.items() if plain in words), None)


def arranged(folders: Collection[PurePosixPath]) -> Layout:
    """What the folders that hold images are.

    Folders train, val and test (by any of their names) with other classes in each are a published split; with the same classes, a class
    is put together from all of them. A class is the folder that its images lie in, or the one above it where that holds nothing else; of
    images beside a folder of images the outer folder is the class.

    Args:
        folders: That hold images themselves, from the top of the tree; never the top itself.
    """
    trunk = _trunk(folders)
    if trunk is not None:
        return _published(folders, trunk)
    inside = [split_of(folder.name) for folder in folders]
    if None not in inside and len(set(inside)) > 1 and all(len(folder.parts) > 1 for folder in folders):
        notes = (
            "the images of a class lie in folders for training and testing: they are put together, and classes are held out",
        )
        tree = _classes({folder: folder.parent for folder in folders})
        return Layout(
            {folder: Place(name, None) for folder, name in tree.names.items()}, tree.skipped, (*notes, *tree.notes)
        )
    tree = _classes({folder: folder for folder in folders})
    return Layout({folder: Place(name, None) for folder, name in tree.names.items()}, tree.skipped, tree.notes)


def _trunk(folders: Collection[PurePosixPath]) -> PurePosixPath | None:
    """The folder that folders train, val and test lie in; the one for training holds folders of classes."""
    candidates: dict[PurePosixPath, set[Split]] = {}
    for folder in folders:
        for depth, name in enumerate(folder.parts):
            split = split_of(name)
            # Images that lie in "train" itself are of a class of that name, perhaps with a locomotive on them.
            if split is not None and (split != "meta_train" or depth + 1 < len(folder.parts)):
                candidates.setdefault(PurePosixPath(*folder.parts[:depth]), set()).add(split)
    found = [trunk for trunk, splits in candidates.items() if "meta_train" in splits and len(splits) > 1]
    return min(found, key=lambda trunk: (len(trunk.parts), trunk), default=None)


def _published(folders: Collection[PurePosixPath], trunk: PurePosixPath) -> Layout:
    depth = len(trunk.parts)
    parts: dict[Split, list[PurePosixPath]] = {}
    called: dict[Split, str] = {}
    skipped: list[Skipped] = []
    for folder in folders:
        split = split_of(folder.parts[depth]) if len(folder.parts) > depth and folder.is_relative_to(trunk) else None
        if split is None:
            skipped.append(Skipped(str(folder), "it lies beside the folders of the published split"))
        elif len(folder.parts) == depth + 1 or (len(folder.parts) == depth + 2 and folder.name.lower() in _INSIDE):
            skipped.append(Skipped(str(folder), "its images lie in no class's folder"))
        else:
            parts.setdefault(split, []).append(folder)
            called[split] = folder.parts[depth]
    notes: list[str] = []
    places: dict[PurePosixPath, Place] = {}
    for split, members in parts.items():
        tree = _classes({folder: PurePosixPath(*folder.parts[depth + 1 :]) for folder in members})
        places |= {folder: Place(name, split) for folder, name in tree.names.items()}
        skipped += tree.skipped
        notes += tree.notes
    seen = {split: {place.name for place in places.values() if place.split == split} for split in parts}
    words = _and([called[split] for split in SPLIT_WORDS if split in called])
    if len(seen) > 1 and sum(map(len, seen.values())) == len(set().union(*seen.values())):
        notes.insert(0, f"its folders {words} hold different classes: they are used as the published split")
        return Layout(places, tuple(skipped), tuple(notes))
    if len(seen) > 1:
        common = len(set.intersection(*seen.values()))
        what = (
            "the same classes"
            if len({frozenset(names) for names in seen.values()}) == 1
            else f"{common} classes in common"
        )
        notes.insert(
            0, f"its folders {words} hold {what}: the images of a class are put together, and classes are held out"
        )
    places = {folder: Place(place.name, None) for folder, place in places.items()}
    return Layout(places, tuple(skipped), tuple(notes))


class _Classes(NamedTuple):
    names: Mapping[PurePosixPath, PurePosixPath]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]


def _classes(paths: Mapping[PurePosixPath, PurePosixPath]) -> _Classes:
    """The class of each folder, by its path below the top of its split."""
    inside = {folder: _outside(path) for folder, path in paths.items()}
    filled = set(inside.values())
    below: dict[PurePosixPath, set[str]] = {path: set() for path in filled}
    for path in filled:
        for above in path.parents:
            if above in below:
                below[above].add(path.relative_to(above).parts[0])
    outer: list[PurePosixPath] = []
    stray: set[PurePosixPath] = set()
    for path in sorted(filled, key=lambda path: len(path.parts)):
        if not below[path] or any(path.is_relative_to(above) for above in outer):
            continue
        others = [names for other, names in below.items() if other != path]
        if len(below[path]) == 1 or any(below[path] & names for names in others):
            outer.append(path)  # one folder more, or folders that other classes have too
        else:
            stray.add(path)
    classes = {
        folder: next((above for above in outer if path.is_relative_to(above)), path)
        for folder, path in inside.items()
        if path not in stray
    }
    skipped = tuple(
        Skipped(str(folder), "its images lie beside folders of images, which are taken for the classes")
        for folder, path in inside.items()
        if path in stray
    )
    notes: tuple[str, ...] = ()
    if outer:
        first = min(outer)
        inner = min(below[first])
        notes = (
            f"{len(outer)} {'class has' if len(outer) == 1 else 'classes have'} images at two levels, such as {first} and {first / inner}: "
            "they are taken together",
        )
    names = _shortened(set(classes.values()))
    return _Classes({folder: names[path] for folder, path in classes.items()}, skipped, notes)


def _outside(path: PurePosixPath) -> PurePosixPath:
    """The folder of a class, where its images lie in one more that is called so."""
    return path.parent if len(path.parts) > 1 and path.name.lower() in _INSIDE else path


def _shortened(classes: Collection[PurePosixPath]) -> dict[PurePosixPath, PurePosixPath]:
    """What classes are called: no deeper than tells them apart, less what all have in common."""
    if not classes:
        return {}
    counts: dict[PurePosixPath, int] = {}
    for path in classes:
        for above in (path, *path.parents):
            counts[above] = counts.get(above, 0) + 1
    short = {
        path: next(
            above
            for above in reversed((path, *path.parents))
            if above != _TOP and (counts[above] == 1 or above == path)
        )
        for path in classes
    }
    if len(classes) == 1:
        return short
    common = posixpath.commonpath([str(name.parent) for name in short.values()])
    return {path: name.relative_to(common) for path, name in short.items()}


def _and(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> _and(["train", "val", "test"])
    'train, val and test'
    """
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
