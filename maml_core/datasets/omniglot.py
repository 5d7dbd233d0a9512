"""Omniglot: 1,623 hand-written characters of 50 alphabets, 20 drawings each (Lake et al. 2015).

The official files hold two parts: `images_background`, 964 characters of 30 alphabets, to learn from, and `images_evaluation`, 659
characters of 20 more, to be judged on. Each is a folder alphabet/character/drawing.png of black ink on white, 105 x 105. They are made
28 x 28 with ink = 255 once, and kept in one file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np

from maml_core.datasets.download import Published, fetch
from maml_core.datasets.imageset import ImageSet, Ints, OnProgress, data_root, images_info, load_images, save_images
from maml_core.datasets.pictures import UnreadableError, decode
from maml_core.datasets.splits import Split, Splits, parted, shuffled
from maml_core.datasets.trees import File, Tree, fingerprint, open_tree
from maml_core.errors import DataError
from maml_core.files import explained, locked

SIZE = 28
"""Height and width of a drawing, in pixels."""

PARTS = {"images_background": "background", "images_evaluation": "evaluation"}
"""The official folders, and what they are called here."""

NUM_CLASSES = 1623
"""Characters of both parts."""

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
    path = _path()
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
    return OmniglotStatus(
        state="ready",
        where=path,
        num_classes=len(info.class_names),
        num_images=info.num_images,
        num_alphabets=len(set(info.groups)),
        has_evaluation=has_evaluation,
        size_bytes=info.size_bytes,
        advice="" if has_evaluation else _NO_EVALUATION,
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
    source, path = _chosen_source(), _path()
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
            them or both; or one of these folders or zip files itself.
        on_progress: Is told how many drawings are read.

    Raises:
        DataError: There is none there, or something in them is damaged. What was imported before is as it was.
    """
    where = Path(source).expanduser()
    path = _path()
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
            100 for validation and 423 for the test; of fewer characters, parts of these proportions.
        seed: Which alphabets, or characters, are held out.

    Raises:
        DataError: There are too few to hold some out.
    """
    number = len(images.class_names)
    if split == "random":
        if number < 6:
            raise DataError("few", f"{number} characters cannot be split in three; import all of Omniglot")
        num_validation, num_test = (max(1, round(number * part / NUM_CLASSES)) for part in (100, 423))
        classes = parted(number, seed, num_validation=num_validation, num_test=num_test)
        sizes = " / ".join(str(len(part)) for part in classes.values())
        whole = number == NUM_CLASSES
        note = (
            "" if whole else f"{number} of {NUM_CLASSES:,} characters are there, so {sizes} instead of 1100 / 100 / 423"
        )
        return Splits(classes=classes, note=note)
    groups = np.array(images.groups)
    background = [group for group in dict.fromkeys(images.groups) if group.startswith("background/")]
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


def _listed(groups: Sequence[str]) -> str:
    return ", ".join(sorted(group.partition("/")[2] for group in groups))


def _path() -> Path:
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
        if where.name in PARTS and where.is_dir():
            yield [(stack.enter_context(open_tree(where)), PurePosixPath(where.name))]
        elif where.is_dir():
            candidates = [
                (where / name, PurePosixPath(name))
                if (where / name).is_dir()
                else (where / f"{name}.zip", PurePosixPath())
                for name in PARTS
            ]
            found = [(path, prefix) for path, prefix in candidates if path.exists()]
            if not found:
                raise DataError(
                    "missing",
                    f"{where} holds neither images_background nor images_background.zip; name the folder that holds them",
                )
            yield [(stack.enter_context(open_tree(path)), prefix) for path, prefix in found]
        else:
            yield [(stack.enter_context(open_tree(where)), PurePosixPath())]


def _fingerprint(where: Path) -> str:
    with _trees(where) as trees:
        return "-".join(fingerprint(tree) for tree, _ in trees)


def _read(where: Path, on_progress: OnProgress | None) -> ImageSet:
    with _trees(where) as trees:
        drawings = [(tree, drawing) for tree, prefix in trees for drawing in _drawings(tree, prefix)]
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
        below = _below(prefix / file.path)
        if len(below) == 4 and below[3].lower().endswith(".png"):
            found.append(_Drawing(f"{PARTS[below[0]]}/{below[1]}", below[2], file))
    return found


def _below(path: PurePosixPath) -> tuple[str, ...]:
    """The path from the folder of a part on; empty where it lies in none."""
    return next((path.parts[i:] for i, part in enumerate(path.parts) if part in PARTS), ())
