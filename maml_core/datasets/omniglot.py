"""Omniglot: 1,623 hand-written characters of 50 alphabets, 20 drawings each (Lake et al. 2015).

The official files hold two parts: `images_background`, 964 characters of 30 alphabets, to learn from, and `images_evaluation`, 659
characters of 20 more, to be judged on. Each is a folder alphabet/character/drawing.png of black ink on white, 105 x 105. They are made
28 x 28 with ink = 255 once, and kept in one file.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np

from maml_core.datasets.download import Published, fetch
from maml_core.datasets.imageset import (
    ImageSet,
    Ints,
    OnProgress,
    Split,
    data_root,
    images_info,
    load_images,
    save_images,
)
from maml_core.datasets.pictures import UnreadableError, decode
from maml_core.datasets.splits import Splits, parted, shuffled
from maml_core.datasets.trees import File, Tree, fingerprint, open_tree, zips_opened
from maml_core.errors import DataError
from maml_core.files import explained, locked

SIZE = 28
"""Height and width of a drawing, in pixels."""

PARTS = {"images_background": "background", "images_evaluation": "evaluation"}
"""The official folders, and what they are called here."""

ALPHABETS: Mapping[str, Mapping[str, int]] = {
    "background": {
        "Alphabet_of_the_Magi": 20,
        "Anglo-Saxon_Futhorc": 29,
        "Arcadian": 26,
        "Armenian": 41,
        "Asomtavruli_(Georgian)": 40,
        "Balinese": 24,
        "Bengali": 46,
        "Blackfoot_(Canadian_Aboriginal_Syllabics)": 14,
        "Braille": 26,
        "Burmese_(Myanmar)": 34,
        "Cyrillic": 33,
        "Early_Aramaic": 22,
        "Futurama": 26,
        "Grantha": 43,
        "Greek": 24,
        "Gujarati": 48,
        "Hebrew": 22,
        "Inuktitut_(Canadian_Aboriginal_Syllabics)": 16,
        "Japanese_(hiragana)": 52,
        "Japanese_(katakana)": 47,
        "Korean": 40,
        "Latin": 26,
        "Malay_(Jawi_-_Arabic)": 40,
        "Mkhedruli_(Georgian)": 41,
        "N_Ko": 33,
        "Ojibwe_(Canadian_Aboriginal_Syllabics)": 14,
        "Sanskrit": 42,
        "Syriac_(Estrangelo)": 23,
        "Tagalog": 17,
        "Tifinagh": 55,
    },
    "evaluation": {
        "Angelic": 20,
        "Atemayar_Qelisayer": 26,
        "Atlantean": 26,
        "Aurek-Besh": 26,
        "Avesta": 26,
        "Ge_ez": 26,
        "Glagolitic": 45,
        "Gurmukhi": 45,
        "Kannada": 41,
        "Keble": 26,
        "Malayalam": 47,
        "Manipuri": 40,
        "Mongolian": 30,
        "Old_Church_Slavonic_(Cyrillic)": 45,
        "Oriya": 46,
        "Sylheti": 28,
        "Syriac_(Serto)": 23,
        "Tengwar": 25,
        "Tibetan": 42,
        "ULOG": 26,
    },
}
"""The published alphabets of each part, with their characters: character01, character02 and so on."""

UNSORTED = "unsorted"
"""The part of alphabets that lie in no official folder and have no published name."""

NUM_CLASSES = sum(sum(alphabets.values()) for alphabets in ALPHABETS.values())
"""Characters of both parts."""

MAX_DEPTH = 3
"""Folders above the official ones, below the one that is named."""

_MAX_WIDTH = 10_000
"""Folders of one depth that are looked into."""

BASE_URL = "https://github.com/brendenlake/omniglot/raw/master/python"
"""Where the official zip files are; the environment variable MAML_OMNIGLOT_URL names another place."""

PUBLISHED: Mapping[str, Published] = {
    "images_background.zip": Published(9464212, "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640"),
    "images_evaluation.zip": Published(6462886, "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee"),
}
"""The official zip files, as TensorFlow Datasets publishes their sizes and checksums."""

_GET_IT = "maml data omniglot --download, or --from a folder that holds images_background.zip"


@dataclass(frozen=True, slots=True, kw_only=True)
class OmniglotStatus:
    """Whether Omniglot can be used, and what to do where it cannot."""

    state: Literal["ready", "importable", "damaged", "missing"]
    """ready: imported. importable: its files are there, and are imported when first used."""
    where: Path
    """The file of the imported images, or what they would be imported from."""
    num_classes: int = 0
    """Of the imported images, as the rest."""
    num_images: int = 0
    num_alphabets: int = 0
    has_evaluation: bool = False
    size_bytes: int = 0
    advice: str = ""
    """What to do, where something is to be done."""

    @property
    def available(self) -> bool:
        """Whether `load_omniglot` has something to load."""
        return self.state in ("ready", "importable")


def downloads() -> Path:
    """Where the official zip files are kept that were downloaded."""
    return data_root() / "omniglot"


def find_omniglot() -> OmniglotStatus:
    """What is there. No image is read."""
    path = kept_omniglot()
    source = _chosen_source()
    if source is not None and not source.exists():
        advice = f"MAML_OMNIGLOT names {source}, which is not there; correct it, or unset it"
        return OmniglotStatus(state="missing", where=source, advice=advice)
    try:
        info = images_info(path)
    except DataError as error:
        if source is not None:
            return OmniglotStatus(state="importable", where=source)
        if error.kind == "missing":
            return OmniglotStatus(state="missing", where=path, advice=f"get Omniglot with: {_GET_IT}")
        return OmniglotStatus(state="damaged", where=path, advice=f"{error}, with: {_GET_IT}")
    parts = {group.partition("/")[0] for group in info.groups}
    has_evaluation = "evaluation" in parts
    advice = "" if has_evaluation else _NO_EVALUATION
    if UNSORTED in parts:
        advice = "which of its alphabets are for the test is not known: choose the split random"
    return OmniglotStatus(
        state="ready",
        where=path,
        num_classes=len(info.class_names),
        num_images=info.num_images,
        num_alphabets=len(set(info.groups)),
        has_evaluation=has_evaluation,
        size_bytes=info.size_bytes,
        advice=advice,
    )


_NO_EVALUATION = (
    "the evaluation alphabets are not there; put images_evaluation.zip beside images_background.zip and import both, "
    "or run: maml data omniglot --download"
)


def load_omniglot(on_progress: OnProgress | None = None) -> ImageSet:
    """The imported images. Imports them first where that needs nobody: from MAML_OMNIGLOT, or from what was downloaded.

    Raises:
        DataError: They are not there, or cannot be read.
    """
    source, path = _chosen_source(), kept_omniglot()
    try:
        images = load_images(path)
    except DataError as error:
        if error.kind not in ("missing", "damaged"):
            raise
        if source is None:
            raise DataError(error.kind, f"Omniglot is {error.kind}; get it with: {_GET_IT}") from error
    else:
        if source is None or source == downloads() or _fingerprint(source) == images.fingerprint:
            return images
    return import_omniglot(source, on_progress)


def import_omniglot(source: str | os.PathLike[str], on_progress: OnProgress | None = None) -> ImageSet:
    """Make the official files the images that are used from now on.

    Args:
        source: A folder that holds the folders `images_background` and `images_evaluation`, or the zip files of these names, one of
            them or both, up to `MAX_DEPTH` folders down; one of these folders or zip files itself; a zip file of any of this; or a
            folder of alphabets, whose names then say their part.
        on_progress: Is told how many drawings are read.

    Raises:
        DataError: There is none there, or something in them is damaged. What was imported before is as it was.
    """
    where = Path(source).expanduser()
    path = kept_omniglot()
    with explained(f"cannot keep images in {path.parent}", DataError), locked(path.parent):
        with contextlib.suppress(DataError):  # by another process, while this one waited
            images = load_images(path)
            if images.fingerprint == _fingerprint(where):
                return images
        save_images(path, _read(where, on_progress))
    return load_images(path)


def download_omniglot(
    on_progress: OnProgress | None = None,
    *,
    base_url: str | None = None,
    published: Mapping[str, Published] = PUBLISHED,
) -> ImageSet:
    """Fetch the official zip files, check them, and import them. What was fetched before is not fetched again.

    Args:
        on_progress: Is told how many bytes are there, and then how many drawings are read.
        base_url: Where the files are; MAML_OMNIGLOT_URL or `BASE_URL` where None.
        published: Their names, sizes and checksums.

    Raises:
        DataError: They cannot be had, or differ from what was published. What was imported before is as it was.
    """
    url = base_url or os.environ.get("MAML_OMNIGLOT_URL") or BASE_URL
    for name, known in published.items():
        fetch(f"{url.rstrip('/')}/{name}", downloads() / name, known, on_progress)
    return import_omniglot(downloads(), on_progress)


def omniglot_splits(images: ImageSet, *, split: Literal["alphabets", "background", "random"], seed: int) -> Splits:
    """Which characters are trained on.

    Args:
        images: From `load_omniglot`.
        split: "alphabets", as published: the background alphabets to train on, less one in six (5 of the 30) that are held out for
            validation, and the evaluation alphabets for the test. "background": of the background alphabets alone another sixth is held
            out for the test, whatever else is there. "random", as in the MAML papers: 1,100 characters of all alphabets to train on,
            100 for validation and 423 for the test. Where some alphabets are not there, the characters of the others stay in the
            part that they have in the whole; of alphabets that are not whole, or not Omniglot's, each part is split by itself.
        seed: Which alphabets, or characters, are held out.

    Raises:
        DataError: There are too few to hold some out.
    """
    number = len(images.class_names)
    if split == "random":
        if number < 6:
            raise DataError("few", f"{number} characters cannot be split in three; import all of Omniglot")
        classes = _random_split(images, seed)
        sizes = " / ".join(str(len(part)) for part in classes.values())
        whole = number == NUM_CLASSES
        note = (
            "" if whole else f"{number} of {NUM_CLASSES:,} characters are there, so {sizes} instead of 1100 / 100 / 423"
        )
        return Splits(classes=classes, note=note)
    groups = np.array(images.groups)
    background = [group for group in dict.fromkeys(images.groups) if group.startswith("background/")]
    if any(group.startswith(f"{UNSORTED}/") for group in images.groups):
        raise DataError(
            "few",
            f"these alphabets lie in no folder images_background or images_evaluation, so the split {split} is not known; choose the split random",
        )
    if len(background) < (3 if split == "background" else 2):
        raise DataError(
            "few",
            f"{len(background)} background alphabets are too few for the split {split}; choose the split random, or import all",
        )
    order = [background[i] for i in shuffled(len(background), seed)]
    sixth = max(1, round(len(background) / 6))
    held_out, tested = order[:sixth], order[sixth : 2 * sixth] if split == "background" else []
    is_background, is_held_out, is_tested = (np.isin(groups, names) for names in (background, held_out, tested))
    found: dict[Split, Ints] = {
        "meta_train": np.flatnonzero(is_background & ~is_held_out & ~is_tested),
        "meta_validation": np.flatnonzero(is_held_out),
    }
    note = f"held out for validation: {_listed(held_out)}"
    if split == "background":
        note += f"; for the test: {_listed(tested)}"
        return Splits(classes=found | {"meta_test": np.flatnonzero(is_tested)}, note=note)
    if is_background.all():
        return Splits(classes=found, missing={"meta_test": _NO_EVALUATION}, note=note)
    return Splits(classes=found | {"meta_test": np.flatnonzero(~is_background)}, note=note)


def _random_split(images: ImageSet, seed: int) -> dict[Split, Ints]:
    """Characters of all alphabets in three parts; those of one official folder are split the same whether the other is there or not."""
    keys = [(group, name.rpartition("/")[2]) for group, name in zip(images.groups, images.class_names)]
    whole = _whole()
    if set(keys) == {key for key in whole if key[0] in set(images.groups)}:  # published alphabets, every character
        places = np.array([whole[key] for key in keys])
        drawn = parted(NUM_CLASSES, seed, num_validation=100, num_test=423)
        return {split: np.flatnonzero(np.isin(places, part)) for split, part in drawn.items()}
    found: dict[Split, list[Ints]] = {"meta_train": [], "meta_validation": [], "meta_test": []}
    of = np.array([group.partition("/")[0] for group in images.groups])
    for name in dict.fromkeys(of.tolist()):
        members = np.flatnonzero(of == name)
        few = min(5, len(members) // 3)  # enough for a task
        num_validation, num_test = (max(few, round(len(members) * part / NUM_CLASSES)) for part in (100, 423))
        for split, part in parted(len(members), seed, num_validation=num_validation, num_test=num_test).items():
            found[split].append(members[part])
    return {split: np.sort(np.concatenate(parts)) for split, parts in found.items()}


@lru_cache(maxsize=1)
def _whole() -> dict[tuple[str, str], int]:
    """The place of every published character among all of them, by its alphabet with its part, and its name."""
    sizes = [(f"{part}/{name}", size) for part, names in ALPHABETS.items() for name, size in sorted(names.items())]
    starts = [0, *accumulate(size for _, size in sizes)]
    return {
        (group, f"character{number + 1:02d}"): start + number
        for (group, size), start in zip(sizes, starts)
        for number in range(size)
    }


def _listed(groups: Sequence[str]) -> str:
    return ", ".join(sorted(group.partition("/")[2] for group in groups))


def kept_omniglot() -> Path:
    """The file that keeps the imported images."""
    return data_root() / "omniglot.safetensors"


def _chosen_source() -> Path | None:
    """Where Omniglot is imported from when nobody says so: MAML_OMNIGLOT, or what was downloaded."""
    chosen = os.environ.get("MAML_OMNIGLOT")
    if chosen:
        return Path(chosen).expanduser()
    return downloads() if (downloads() / "images_background.zip").is_file() else None


# --- The official layout ----------------------------------------------------------------------------------------------


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


def _fingerprint(where: Path) -> str:
    with _trees(where) as trees:
        return "-".join(fingerprint(tree) for tree, _ in trees)


def _read(where: Path, on_progress: OnProgress | None) -> ImageSet:
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
