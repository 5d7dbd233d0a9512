"""Whether the images that a sweep is computed on are there and the same, before anything of it is computed. Nothing here imports torch.

The first who computes a sweep keeps a record of its images; whoever goes on with it, here or on another machine, compares. So the results of
two collections never mix in one sweep, and a class that comes to a folder moves none of the others.
"""

from __future__ import annotations

from concurrent.futures import Executor

from maml_core.config import FolderConfig
from maml_core.errors import DataError
from maml_core.execution import resubmitted
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.images import FoundImages, look_at_images, moved, views_of
from maml_core.sweeps.study import SweepStudy

NO_RECORD = (
    "no record was kept of the images of this sweep so far: those that are there now are taken for them from now on"
)


def find_images(study: SweepStudy, executor: Executor, *, folder: str | None = None) -> str:
    """Find the images of a sweep, and keep a record of them where there is none; gives what people should know, without a stop.

    Args:
        study: Of the sweep; its `sweep` has the folder in which they were found afterwards.
        executor: Where it is computed.
        folder: Where its folder of images lies now; None for where it lay.

    Raises:
        ConfigError: The sweep has no images from one folder.
        DataError: They are not there; of kind ``other``: they are others than those that it is computed on. All is as it was.
        BrokenExecutor: A worker ended each time that it looked.
    """
    views = views_of(study.sweep)
    places = _places(study) if folder is None else [moved(study.sweep, folder)]
    if not views:
        return ""
    known, first = study.images, None
    for sweep in places:
        at = sweep.base.tasks.folder if isinstance(sweep.base.tasks, FolderConfig) else ""
        try:
            found: FoundImages = resubmitted(executor, look_at_images, at, views, known)
            break
        except DataError as error:
            first = first or error
    else:
        assert first is not None
        raise first
    note = found.note
    if known is None:
        note = NO_RECORD if study.has_trials else ""
        if study.keep_images(found.images) != found.images:  # somebody else was first
            return find_images(study, executor, folder=folder)
    study.keep_folder(sweep)
    study.has_found_images = True
    return note


def _places(study: SweepStudy) -> list[SweepConfig]:
    """The sweep with its images wherever they may lie, the likeliest place first: each machine may have its own."""
    elsewhere = (moved(study.sweep, folder) for folder in reversed(study.folders))
    return list(dict.fromkeys((study.sweep, *elsewhere)))
