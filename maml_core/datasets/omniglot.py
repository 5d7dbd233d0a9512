"""Omniglot: 1,623 hand-written characters of 50 alphabets, 20 drawings each (Lake et al. 2015).

The official files hold two parts: `images_background`, 964 characters of 30 alphabets, to learn from, and `images_evaluation`, 659
characters of 20 more, to be judged on. Each is a folder alphabet/character/drawing.png of black ink on white, 105 x 105. They are made
28 x 28 with ink = 255 once, and kept in one file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maml_core.datasets.download import Published, fetch
from maml_core.datasets.imageset import (
    ImageSet,
    OnProgress,
    data_root,
    images_info,
    load_images,
    save_images,
)
from maml_core.datasets.omniglot_alphabets import NO_EVALUATION, UNSORTED
from maml_core.datasets.omniglot_files import fingerprint_of, read_drawings
from maml_core.errors import DataError
from maml_core.files import explained, locked

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
    """Classes of the imported images, as the rest."""
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
    advice = "" if has_evaluation else NO_EVALUATION
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
        if source is None or source == downloads() or fingerprint_of(source) == images.fingerprint:
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
            if images.fingerprint == fingerprint_of(where):
                return images
        save_images(path, read_drawings(where, on_progress))
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


def kept_omniglot() -> Path:
    """The file that keeps the imported images."""
    return data_root() / "omniglot.safetensors"


def _chosen_source() -> Path | None:
    """Where Omniglot is imported from when nobody says so: MAML_OMNIGLOT, or what was downloaded."""
    chosen = os.environ.get("MAML_OMNIGLOT")
    if chosen:
        return Path(chosen).expanduser()
    return downloads() if (downloads() / "images_background.zip").is_file() else None
