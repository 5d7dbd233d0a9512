"""The images that a sweep is computed on: a record of them for each way in which its settings read and split them. Nothing here imports
torch.

A *view* is one such way: the size and the colours that images are brought to, and what decides which classes are held out. Most sweeps have
one; each value of an axis such as ``tasks.size`` or ``tasks.split_seed`` has its own. How many ways a task has makes none.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from maml_core.config import FolderConfig, OmniglotConfig, RunTasks, replace
from maml_core.datasets.again import FileConfig, find_again
from maml_core.datasets.trained import TrainedImages, from_plain, to_plain
from maml_core.errors import ConfigError
from maml_core.sweeps.axes import Axis, Value
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.sampling import settings_of

MAX_VIEWS = 1000
"""Views of one sweep."""

_OF_A_TASK = ("ways", "rotations")
"""Fields that change what is drawn of the images, not which there are."""


class SweepImages(NamedTuple):
    """The images of a sweep. Plain and hashable: it is kept with the sweep."""

    views: tuple[tuple[FileConfig, TrainedImages | str], ...]
    """Each view with its images, or with why there are none: its split asks for more classes than there are."""

    def of(self, sweep: SweepConfig, tasks: RunTasks) -> TrainedImages | str | None:
        """What a setting with these tasks is computed on; None where nothing is known of that.

        Args:
            sweep: That the setting is of.
            tasks: Of the setting.
        """
        return dict(self.views).get(_view(sweep, tasks)) if isinstance(tasks, FileConfig) else None


class FoundImages(NamedTuple):
    """What the images are that lie there now."""

    images: SweepImages
    note: str = ""
    """What people should know of them, in a sentence without a stop."""


@lru_cache(maxsize=8)
def views_of(sweep: SweepConfig) -> tuple[FileConfig, ...]:
    """The views of a sweep; none where its tasks are not of images in files.

    Raises:
        ConfigError: They are too many to be told apart before they are drawn.
    """
    tasks = sweep.base.tasks
    if not isinstance(tasks, FileConfig):
        return ()
    fields = {f"tasks.{f.name}": f.name for f in dataclasses.fields(tasks) if f.name not in _OF_A_TASK}
    axes = [axis for axis in sweep.axes if axis.name in fields]
    settings = settings_of(sweep)
    chosen: Iterable[tuple[Value, ...]]
    if settings is not None:
        chosen = (tuple(one.values[axis.name] for axis in axes) for one in settings)
    else:  # nobody knows before what TPE will draw
        if math.prod(_num_choices(axis) for axis in axes) > MAX_VIEWS:
            accepted = f"at most {MAX_VIEWS:,} ways to read and split the images; give fewer values"
            raise ConfigError("axes", ", ".join(axis.name for axis in axes), accepted)
        chosen = itertools.product(*(axis.values or _whole(axis) for axis in axes))
    names = [fields[axis.name] for axis in axes]
    changed = (dataclasses.replace(tasks, **dict(zip(names, values))) for values in dict.fromkeys(chosen))  # type: ignore[arg-type]
    return tuple(dict.fromkeys(_view(sweep, one) for one in changed))


def tasks_of(sweep: SweepConfig) -> tuple[FileConfig, ...]:
    """The views of a sweep with the folders that they are read from."""
    tasks = sweep.base.tasks
    folder = tasks.folder if isinstance(tasks, FolderConfig) else ""
    return tuple(_in(folder, view) for view in views_of(sweep))


def look_at_images(folder: str, views: Sequence[FileConfig], known: SweepImages | None) -> FoundImages:
    """The images of these views as they lie now where this is called: executors run it, where the chunks are computed too.

    Args:
        folder: The sweep's own.
        views: Of the sweep.
        known: What the sweep is computed on; None where nothing is known: what is there is taken then.

    Raises:
        DataError: They are not there; of kind ``other``: they are others than those that are known.
    """
    before = dict(known.views) if known is not None else {}
    found: list[tuple[FileConfig, TrainedImages | str]] = []
    note = ""
    for view in views:
        trained = before.get(view)
        if isinstance(trained, str):
            found.append((view, trained))
            continue
        try:
            now = find_again(_in(folder, view), trained, of="sweep")
        except ConfigError as error:  # so many classes cannot be held out
            found.append((view, str(error)))
        else:
            found.append((view, now.trained))
            note = note or now.note
    return FoundImages(SweepImages(tuple(found)), note)


def can_move(sweep: SweepConfig) -> bool:
    """Whether the images of a sweep are those of one folder, which may lie elsewhere another time."""
    return isinstance(sweep.base.tasks, FolderConfig) and not _varies_the_folder(sweep)


def moved(sweep: SweepConfig, folder: str) -> SweepConfig:
    """The sweep, with its images in another folder.

    Raises:
        ConfigError: It has none from a folder, or from several.
    """
    tasks = sweep.base.tasks
    if not isinstance(tasks, FolderConfig):
        raise ConfigError("folder", folder, "the tasks of this sweep are not of a folder of images; leave it out")
    if _varies_the_folder(sweep):
        raise ConfigError("folder", folder, "the folder is an axis of this sweep; put the images back where they lay")
    where = os.path.abspath(os.path.expanduser(folder))
    return dataclasses.replace(sweep, base=replace(sweep.base, {"tasks": dataclasses.replace(tasks, folder=where)}))


def images_to_plain(images: SweepImages) -> list[dict[str, Any]]:
    """Plain JSON values: of each view its settings, and its classes or why there are none."""
    return [
        {"tasks": dataclasses.asdict(view)} | ({"refusal": of} if isinstance(of, str) else {"images": to_plain(of)})
        for view, of in images.views
    ]


def images_from_plain(data: Any) -> SweepImages:
    """What `images_to_plain` wrote.

    Raises:
        ValueError, TypeError, KeyError: It is not of that form.
    """
    if not isinstance(data, list):
        raise TypeError("the images of a sweep are no list")
    kinds = {"folder": FolderConfig, "omniglot": OmniglotConfig}
    views = []
    for item in data:
        view: FileConfig = kinds[item["tasks"]["kind"]](**item["tasks"])
        views.append((view, str(item["refusal"]) if "refusal" in item else from_plain(item["images"])))
    return SweepImages(tuple(views))


def _varies_the_folder(sweep: SweepConfig) -> bool:
    return any(axis.name == "tasks.folder" for axis in sweep.axes)


def _view(sweep: SweepConfig, tasks: FileConfig) -> FileConfig:
    """The view of a setting's tasks. The sweep's own folder stands in none: it may lie elsewhere tomorrow."""
    usual: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(tasks) if f.name in _OF_A_TASK}
    assert isinstance(sweep.base.tasks, FileConfig)
    if isinstance(tasks, FolderConfig) and isinstance(sweep.base.tasks, FolderConfig):
        usual["folder"] = "" if tasks.folder == sweep.base.tasks.folder else tasks.folder
    return dataclasses.replace(tasks, **usual)


def _in(folder: str, view: FileConfig) -> FileConfig:
    """Where the images of a view lie."""
    return dataclasses.replace(view, folder=folder) if isinstance(view, FolderConfig) and not view.folder else view


def _num_choices(axis: Axis) -> int:
    return len(axis.values) or len(_whole(axis))


def _whole(axis: Axis) -> range:
    """The whole numbers of a range: no field of such tasks takes others."""
    low, high = axis.ends
    return range(int(low), int(high) + 1)
