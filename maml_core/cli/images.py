"""The images of a saved run or a sweep, where it goes on: whether they are there and the same, and what to do where not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from maml_core.cli.console import say
from maml_core.config import FolderConfig
from maml_core.errors import DataError
from maml_core.shells import quoted_path
from maml_core.store import SavedRun
from maml_core.store.images import with_images as checked
from maml_core.sweeps.images import can_move
from maml_core.sweeps.places import to_type
from maml_core.sweeps.recognition import find_images
from maml_core.sweeps.study import SweepStudy

if TYPE_CHECKING:
    from concurrent.futures import Executor

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
    if folder is not None:
        again += f" --folder {quoted_path(folder)}"
    in_folder = isinstance(run.config.tasks, FolderConfig)
    try:
        found, note = checked(run, folder=folder, others=others, trains=trains)
    except DataError as error:
        if error.kind == "other" and not others:
            elsewhere = "name the folder that holds those with --folder PATH, or " if in_folder else ""
            way_on = f"To go on, {elsewhere}use these on purpose: {again} --any-images"
        elif error.kind != "other" and in_folder and folder is None:
            way_on = f"If the images of the run lie elsewhere now: {again} --folder PATH"
        else:
            raise
        raise DataError(error.kind, f"{error}. {way_on}") from error
    if note:
        say(f"maml: {note}.")
    return found


def with_images_of_sweep(
    study: SweepStudy, executor: Executor, *, folder: str | None, storage: str | None, needed: bool
) -> None:
    """Find the images of a sweep before it is computed, and say what people should know of them.

    Args:
        study: Of the sweep.
        executor: Where it is computed.
        folder: Where its folder of images lies now; None for where it lay.
        storage: That keeps it.
        needed: Something of it is left to compute; what is finished can be shown without them.

    Raises:
        ConfigError: The sweep has no images from one folder.
        DataError: They are not there, or are others than those that it is computed on; the sweep is as it was.
    """
    try:
        note = find_images(study, executor, folder=folder)
    except DataError as error:
        movable = can_move(study.sweep)
        again = to_type("maml sweep --resume", study.name, storage, "--folder PATH")
        if error.kind != "other" and folder is None and not needed:
            return
        if error.kind != "other" and (not movable or folder is not None):
            raise
        if error.kind != "other":
            way_on = f"If the images of the sweep lie elsewhere now: {again}"
        else:
            way_on = "Its results and those of others would not compare: compute these in a sweep of another name"
            way_on += f", or name the folder that holds its own images: {again}" if movable else ""
        raise DataError(error.kind, f"{error}. {way_on}") from error
    if note:
        say(f"maml: {note}.")


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
