"""Whether the images, or the code, that a sweep is computed on are there and the same, before anything of it is computed. Nothing here imports torch.

The first who computes a sweep keeps a record of them; whoever goes on with it, here or on another machine, compares. So the results of
two collections, or of two problems, never mix in one sweep, and a class that comes to a folder moves none of the others.
"""

from __future__ import annotations

from concurrent.futures import Executor

from maml_core.config import FolderConfig, PythonConfig
from maml_core.errors import ConfigError, DataError
from maml_core.execution import resubmitted
from maml_core.families.own import OwnCode, need_of_code
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


def find_problem(study: SweepStudy, executor: Executor, name: str | None) -> None:
    """Find the code of the problem of one's own that a sweep is of: its `code` is what chunks are to be computed with, afterwards.

    Args:
        study: Of the sweep.
        executor: Where it is computed, and where the code is imported.
        name: The code, as whoever computes the sweep has named it; None where nobody has. What the sweep says itself is never imported.

    Raises:
        ConfigError: It is of one's own and no code is named, or the other way round; or the code cannot be had, or is of another problem than the
            sweep was begun with.
        BrokenExecutor: A worker ended each time that it looked.
    """
    tasks = study.sweep.base.tasks
    if not isinstance(tasks, PythonConfig):
        if name is not None:
            raise ConfigError("problem", name, f"the sweep {study.name} is of what its settings name; leave it out")
        return
    if name is None:
        check_code_named(study)
        return
    losses: tuple[float, ...] = resubmitted(executor, first_losses_of, name)
    study.code = OwnCode(name, study.keep_first_losses(losses))
    resubmitted(executor, check_code, study.code)


def check_code_named(study: SweepStudy) -> None:
    """Refuse to compute a sweep of a problem of one's own whose code nobody has named.

    Raises:
        ConfigError: It is one; says what to do.
    """
    tasks = study.sweep.base.tasks
    if isinstance(tasks, PythonConfig) and study.code is None:
        raise ConfigError("problem", None, need_of_code(tasks))


def find_own(name: str) -> tuple[PythonConfig, OwnCode]:
    """What code of one's own is, where this is called: executors run it, where the chunks are computed too.

    Raises:
        ConfigError: The code cannot be had.
    """
    from maml_core.own_code import first_losses, tasks_named

    return tasks_named(name), OwnCode(name, first_losses(name))


def first_losses_of(name: str) -> tuple[float, ...]:
    """`own_code.first_losses`, which executors run."""
    from maml_core.own_code import first_losses

    return first_losses(name)


def check_code(code: OwnCode) -> None:
    """`own_code.check_same` with what the code is where this is called: executors run it."""
    from maml_core.own_code import check_same, first_losses

    check_same(code, first_losses(code.name))


def _places(study: SweepStudy) -> list[SweepConfig]:
    """The sweep with its images wherever they may lie, the likeliest place first: each machine may have its own."""
    elsewhere = (moved(study.sweep, folder) for folder in reversed(study.folders))
    return list(dict.fromkeys((study.sweep, *elsewhere)))
