"""Omniglot's official files, wherever below a folder they lie and however they were unpacked: alphabet/character/drawing.png."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from maml_core.datasets.imageset import ImageSet, OnProgress
from maml_core.datasets.omniglot_alphabets import ALPHABETS, UNSORTED
from maml_core.datasets.pictures import UnreadableError, decode
from maml_core.datasets.trees import File, Tree, fingerprint, open_tree, zips_opened
from maml_core.errors import DataError
from maml_core.files import explained

SIZE = 28
"""Height and width of a drawing, in pixels."""

PARTS = {"images_background": "background", "images_evaluation": "evaluation"}
"""The official folders, and what they are called here."""

MAX_DEPTH = 3
"""Folders above the official ones, below the one that is named."""

_MAX_WIDTH = 10_000
"""Folders of one depth that are looked into."""


class _Drawing(NamedTuple):
    """A drawing of a tree: where it belongs, and its file."""

    group: str
    character: str
    file: File


@contextlib.contextmanager
def _trees(where: Path) -> Iterator[list[tuple[Tree, PurePosixPath]]]:
    """The trees that hold the parts, and what stands before their paths."""
    with contextlib.ExitStack() as stack:

        def opened(path: Path, prefix: PurePosixPath) -> tuple[Tree, PurePosixPath]:
            tree = stack.enter_context(open_tree(path))
            return stack.enter_context(zips_opened(tree, lambda file: _part_of(file.name) is not None)), prefix

        if where.is_dir() and _part_of(where.name) is None:
            found = _official(where)
            if not found and not any(_is_character(path) for path in _folders(where)):
                raise DataError(
                    "missing",
                    f"{where} holds neither images_background nor images_background.zip; name the folder that holds them, at most "
                    f"{MAX_DEPTH} folders above, or one of folders ALPHABET/character01",
                )
            yield [opened(path, PurePosixPath(part)) for part, path in found.items()] or [
                opened(where, PurePosixPath())
            ]
        else:
            yield [opened(where, PurePosixPath(_part_of(where.name) or "."))]


def _official(where: Path) -> dict[str, Path]:
    """The official folders and zip files below a folder, by the official name: of two of one name, the upper one, and rather a folder."""
    found: dict[str, Path] = {}
    for path in _folders(where):
        with explained(f"cannot read {where}", DataError):
            items = sorted(path.iterdir(), key=lambda item: (not item.is_dir(), item.name))
        for item in items:
            part = _part_of(item.name)
            if part is not None and (item.is_dir() or item.suffix.lower() == ".zip"):
                found.setdefault(part, item)
    return found


def _folders(where: Path) -> list[Path]:
    """A folder and those below it that may hold an official one, the upper ones first; links are not followed."""
    found, level = [where], [where]
    for _ in range(MAX_DEPTH):
        below: list[Path] = []
        with explained(f"cannot read {where}", DataError):
            for path in level:
                items = sorted(path.iterdir())
                below += [
                    item for item in items if item.is_dir() and not item.is_symlink() and _part_of(item.name) is None
                ]
        level = [path for path in below if not path.name.startswith(".")][:_MAX_WIDTH]
        found += level
    return found


def _part_of(name: str) -> str | None:
    """The official name that a folder or zip file has, be it a second download of it.

    >>> _part_of("images_background"), _part_of("images_evaluation (1).zip"), _part_of("images_background_small1")
    ('images_background', 'images_evaluation', None)
    """
    found = re.fullmatch(r"(images_background|images_evaluation)( ?\(\d+\))?(\.zip)?", name, re.IGNORECASE)
    return found[1].lower() if found else None


def _is_character(path: Path | PurePosixPath) -> bool:
    return re.fullmatch(r"character\d+", path.name) is not None


def fingerprint_of(where: Path) -> str:
    """What tells the files in one place from others.

    Raises:
        DataError: There is none of Omniglot.
    """
    with _trees(where) as trees:
        return "-".join(fingerprint(tree) for tree, _ in trees)


def read_drawings(where: Path, on_progress: OnProgress | None) -> ImageSet:
    """All drawings in one place, as `omniglot.import_omniglot` takes it.

    Raises:
        DataError: There is none, or something in them is damaged.
    """
    with _trees(where) as trees:
        every = [(tree, drawing) for tree, prefix in trees for drawing in _drawings(tree, prefix)]
        one = {
            (drawing.group, drawing.character, drawing.file.path.name): (tree, drawing)
            for tree, drawing in reversed(every)
        }
        drawings = list(one.values())  # a part may lie there unpacked and as a zip file too
        if not drawings:
            raise DataError(
                "missing",
                f"{where} holds no drawing images_background/ALPHABET/CHARACTER/*.png; name the folder that holds the official files",
            )
        drawings.sort(key=lambda item: (*item[1][:2], item[1].file.path))
        images = np.empty((len(drawings), 1, SIZE, SIZE), dtype=np.uint8)
        for i, (tree, drawing) in enumerate(drawings):
            try:
                images[i] = 255 - decode(tree.read(drawing.file), size=SIZE)
            except UnreadableError as error:
                raise DataError(
                    "damaged",
                    f"{drawing.file.path} in {tree.where} cannot be read ({error}); fetch the official files again",
                ) from error
            if on_progress is not None and (i % 100 == 99 or i + 1 == len(drawings)):
                on_progress("drawings read", i + 1, len(drawings))
        classes: dict[tuple[str, str], int] = {}
        for _, (group, character, _) in drawings:
            classes[group, character] = classes.get((group, character), 0) + 1
        return ImageSet(
            name="Omniglot",
            images=images,
            class_sizes=np.array(list(classes.values()), dtype=np.int64),
            class_names=tuple(f"{group.partition('/')[2]}/{character}" for group, character in classes),
            groups=tuple(group for group, _ in classes),
            fingerprint="-".join(fingerprint(tree) for tree, _ in trees),
        )


def _drawings(tree: Tree, prefix: PurePosixPath) -> list[_Drawing]:
    """The drawings of a tree, wherever in it the official folders are.

    Raises:
        DataError: A character's folder is empty, or a drawing is out of reach.
    """
    for name in tree.empty:
        if len(_below(prefix / name)) in (2, 3):
            raise DataError("damaged", f"the folder {name} in {tree.where} is empty; unpack the official files again")
    for name, reason in tree.refused:
        if len(_below(prefix / name)) > 1:
            raise DataError(
                "damaged", f"{name} in {tree.where} cannot be used ({reason}); fetch the official files again"
            )
    found = []
    for file in tree.files:
        drawing = _drawing(prefix, file)
        if drawing is not None:
            found.append(drawing)
    return found


def _drawing(prefix: PurePosixPath, file: File) -> _Drawing | None:
    """A drawing ALPHABET/CHARACTER/*.png, below an official folder or wherever it lies; None for another file."""
    path = prefix / file.path
    if path.suffix.lower() != ".png" or len(path.parts) < 3:
        return None
    alphabet, character = path.parts[-3:-1]
    official = [part for name in path.parts[:-3] if (part := _part_of(name)) is not None]
    if official:
        return _Drawing(f"{PARTS[official[-1]]}/{alphabet}", character, file)
    if not _is_character(path.parent):
        return None
    part = next((part for part, alphabets in ALPHABETS.items() if alphabet in alphabets), UNSORTED)
    return _Drawing(f"{part}/{alphabet}", character, file)


def _below(path: PurePosixPath) -> tuple[str, ...]:
    """The path from the innermost folder of a part on; empty where it lies in none."""
    places = [place for place, part in enumerate(path.parts) if _part_of(part) is not None]
    return path.parts[places[-1] :] if places else ()
