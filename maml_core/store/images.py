"""The images of a saved run, where it goes on: where they lie now, and whether they are the same."""

from __future__ import annotations

import dataclasses
import os

from maml_core.config import FolderConfig, RunConfig, replace
from maml_core.datasets.again import FileConfig, find_again
from maml_core.datasets.imageset import OnProgress
from maml_core.errors import ConfigError
from maml_core.store.document import SavedRun


def with_images(
    run: SavedRun,
    *,
    folder: str | None = None,
    others: bool = False,
    trains: bool = True,
    on_progress: OnProgress | None = None,
) -> tuple[SavedRun, str]:
    """The run with its images where they are now, and what its user should know of them, in a sentence without a stop.

    Args:
        run: As it was saved.
        folder: Where its folder of images lies now; None for where it lay.
        others: Other images may take their place.
        trains: The run trains on with them; otherwise it is judged on them.
        on_progress: Told how far reading them is.

    Raises:
        ConfigError: The run has no images from a folder, or from any files.
        DataError: They are not there, or are others than those of the run (``other``).
    """
    if folder is not None:
        run = moved(run, folder)
    tasks = run.config.tasks
    if not isinstance(tasks, FileConfig):
        if others:
            raise ConfigError("any_images", True, "the tasks of this run are not of images in files; leave it out")
        return run, ""
    found = find_again(tasks, run.images, others=others, trains=trains, on_progress=on_progress)
    return dataclasses.replace(run, images=found.trained), found.note


def moved(run: SavedRun, folder: str) -> SavedRun:
    """The run, with its images in another folder.

    Raises:
        ConfigError: It has none from a folder.
    """
    where = os.path.abspath(os.path.expanduser(folder))

    def there(config: RunConfig) -> RunConfig:
        if not isinstance(config.tasks, FolderConfig):
            raise ConfigError("folder", folder, "the tasks of this run are not of a folder of images; leave it out")
        return replace(config, {"tasks": dataclasses.replace(config.tasks, folder=where)})

    moments = tuple(moment._replace(config=there(moment.config)) for moment in run.moments)
    return dataclasses.replace(run, start=there(run.start), config=there(run.config), moments=moments)
