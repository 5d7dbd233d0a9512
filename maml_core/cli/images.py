"""The images of a saved run, where it goes on: whether they are there and the same, and what to do where not."""

from __future__ import annotations

import dataclasses
import os
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maml_core.cli.console import say
from maml_core.config import FolderConfig, OmniglotConfig, RunConfig, replace
from maml_core.datasets.trained import difference, listed, on_others
from maml_core.errors import ConfigError, DataError
from maml_core.store import SavedRun

if TYPE_CHECKING:
    from maml_core.problem import Problem

AnyImagesOption = Annotated[
    bool,
    typer.Option(
        "--any-images",
        help="Go on although the images are not those that the run was trained on. Classes that it knows by name stay in their split.",
    ),
]


def with_images(run: SavedRun, *, folder: str | None, others: bool, trains: bool, again: str) -> SavedRun:
    """The run, with its images where they are now.

    Args:
        run: As it was saved.
        folder: Where its folder of images lies now; None for where it lay.
        others: Other images may take their place.
        trains: The run trains on with them; otherwise it is judged on them.
        again: What to type to do the same with more options.

    Raises:
        ConfigError: The run has no images from a folder, or from any files.
        DataError: They are not there, or are others than those of the run.
    """
    from maml_core.tasks.pool import image_pool

    if folder is not None:
        run = _moved(run, folder)
        again += f" --folder {shlex.quote(folder)}"
    tasks = run.config.tasks
    if not isinstance(tasks, OmniglotConfig | FolderConfig):
        if others:
            raise ConfigError("any_images", True, "the tasks of this run are not of images in files; leave it out")
        return run
    try:
        pool = image_pool(tasks)
    except DataError as error:
        if not isinstance(tasks, FolderConfig):
            raise
        if folder is not None:
            raise
        sentence = f"{error}. If the images of the run lie elsewhere now: {again} --folder PATH"
        raise DataError(error.kind, sentence) from error
    if run.images is None:  # saved before these were kept
        return dataclasses.replace(run, images=pool.trained)
    where = tasks.folder if isinstance(tasks, FolderConfig) else "Omniglot as it is here"
    found = difference(run.images, pool.images)
    if not found.sentence:
        if found.new:
            say(
                f"maml: {where} holds more than the run was trained on: {listed(found.new)}. "
                "The run's own classes stay in their splits, and it trains on no others."
            )
        return run
    if not others:
        elsewhere = (
            "name the folder that holds those with --folder PATH, or " if isinstance(tasks, FolderConfig) else ""
        )
        raise DataError(
            "other",
            f"{where} does not hold the images that the run was trained on: {found.sentence}. To go on, {elsewhere}"
            f"use these on purpose: {again} --any-images",
        )
    images = on_others(run.images, pool.images, pool.splits, trains=trains)
    held = ", ".join(f"{len(classes)} for {split}" for split, classes in images.classes)
    say(f"maml: these are not the images that the run was trained on: {found.sentence}. Used are {held}.")
    return dataclasses.replace(run, images=images)


def introduce(problem: Problem) -> None:
    """Say what a new run makes of a folder of images, before it trains on it."""
    from maml_core.tasks import FewShotImages, Pool

    match problem.family:
        case FewShotImages(source=Pool() as pool) if pool.splits.more:
            notes = "; ".join((pool.splits.note, *pool.images.notes))
            say(f"maml: {pool.images.name}: {notes}.")
            if left_out := len(pool.images.skipped):
                say(f"maml: {left_out:,} files or folders of it were left out; maml data folder names them.")


def folder_of(given: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """A folder among the settings that are given, and the settings without it.

    >>> folder_of({"tasks": {"kind": "folder", "folder": "/birds"}, "alpha": 0.1})
    ('/birds', {'alpha': 0.1})
    """
    tasks = given.get("tasks")
    if not isinstance(tasks, dict) or "folder" not in tasks:
        return None, given
    left = {name: value for name, value in tasks.items() if name != "folder"}
    rest = {name: value for name, value in given.items() if name != "tasks"}
    return tasks["folder"], rest if left in ({}, {"kind": "folder"}) else rest | {"tasks": left}


def _moved(run: SavedRun, folder: str) -> SavedRun:
    """The run, with its images in another folder."""
    where = os.path.abspath(os.path.expanduser(folder))

    def moved(config: RunConfig) -> RunConfig:
        if not isinstance(config.tasks, FolderConfig):
            raise ConfigError("folder", folder, "the tasks of this run are not of a folder of images; leave it out")
        return replace(config, {"tasks": dataclasses.replace(config.tasks, folder=where)})

    return dataclasses.replace(run, start=moved(run.start), config=moved(run.config))
