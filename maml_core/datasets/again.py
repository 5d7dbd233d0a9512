"""The images of a run or a sweep that goes on: whether they are there and the same, and what is used where they are others."""

from __future__ import annotations

from typing import Literal, NamedTuple

from maml_core.config import FolderConfig, OmniglotConfig
from maml_core.datasets.folder import folder_splits, load_folder
from maml_core.datasets.imageset import ImageSet, OnProgress
from maml_core.datasets.omniglot import load_omniglot
from maml_core.datasets.omniglot_alphabets import omniglot_splits
from maml_core.datasets.splits import Splits
from maml_core.datasets.trained import TrainedImages, difference, listed, on_others, trained_images
from maml_core.errors import DataError

FileConfig = FolderConfig | OmniglotConfig
"""Tasks of images in files."""


_USED = {"run": "the run was trained on", "sweep": "the sweep is computed on"}


class Found(NamedTuple):
    """The images that a run or a sweep goes on with."""

    trained: TrainedImages
    note: str = ""
    """What its user should know, in a sentence without a stop: they are more than it knows, or others."""


def load_images_of(tasks: FileConfig, on_progress: OnProgress | None = None) -> tuple[ImageSet, Splits]:
    """The images that a config names, and how a new run splits them.

    Raises:
        DataError: They are not there, or too few.
        ConfigError: So many classes cannot be held out.
    """
    images = _loaded(tasks, on_progress)
    return images, _split(tasks, images)


def _loaded(tasks: FileConfig, on_progress: OnProgress | None) -> ImageSet:
    if isinstance(tasks, OmniglotConfig):
        return load_omniglot(on_progress)
    return load_folder(tasks.folder, size=tasks.size, color=tasks.color, on_progress=on_progress)


def _split(tasks: FileConfig, images: ImageSet) -> Splits:
    if isinstance(tasks, OmniglotConfig):
        return omniglot_splits(images, split=tasks.split, seed=tasks.split_seed)
    return folder_splits(
        images, seed=tasks.split_seed, num_validation=tasks.validation_classes, num_test=tasks.test_classes
    )


def find_again(
    tasks: FileConfig,
    trained: TrainedImages | None,
    *,
    of: Literal["run", "sweep"] = "run",
    others: bool = False,
    trains: bool = True,
    on_progress: OnProgress | None = None,
) -> Found:
    """The images of a run or a sweep, where it goes on.

    Args:
        tasks: Which images they are, and where they lie.
        trained: What it knows of them; None where it is of a time before that was kept: what is there is taken then.
        of: What goes on.
        others: Other images may take their place.
        trains: It trains on with them; otherwise it is judged on them.
        on_progress: Told how far reading them is, where they are read for the first time.

    Raises:
        DataError: They are not there; of kind ``other``: they are others than those it knows.
        ConfigError: So many classes as a new run would hold out cannot be.
    """
    images = _loaded(tasks, on_progress)
    if trained is None:
        return Found(trained_images(images, _split(tasks, images)))
    where = tasks.folder if isinstance(tasks, FolderConfig) else "Omniglot as it is here"
    found = difference(trained, images)
    if not found.sentence:
        note = (
            f"{where} holds more than {_USED[of]}: {listed(found.new)}. "
            f"The {of}'s own classes stay in their splits, and it trains on no others"
        )
        return Found(trained, note if found.new else "")
    if not others:
        raise DataError("other", f"{where} does not hold the images that {_USED[of]}: {found.sentence}")
    used = on_others(trained, images, _split(tasks, images), trains=trains)
    held = ", ".join(f"{len(classes)} for {split}" for split, classes in used.classes)
    return Found(used, f"these are not the images that {_USED[of]}: {found.sentence}. Used are {held}")
