"""The sweeps that a storage keeps: list them, find, rename and delete one. Nothing here imports torch."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import NamedTuple

from maml_core.config import FolderConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.store import check_name
from maml_core.store.arrival import check_free, new_folder
from maml_core.sweeps.claims import LEASE_S
from maml_core.sweeps.curve_files import CURVES, copy_curves
from maml_core.sweeps.definition import SweepConfig, fingerprint
from maml_core.sweeps.images import moved
from maml_core.sweeps.kept_batches import STATES, copy_states
from maml_core.sweeps.places import (
    CLAIMS,
    JOURNAL,
    is_url,
    kept_folder,
    names_in,
    open_place,
    place_of,
    storage_errors,
)
from maml_core.sweeps.study import COPIED, SERVED, SWEEP, SweepStudy, claims_of, load_sweep, new_key, study_of

_BESIDE = ".rename-"
"""How the name of a folder begins that becomes a sweep's once it is whole."""


class StudyInfo(NamedTuple):
    """A line in a list of sweeps."""

    name: str
    size: int
    num_finished: int
    num_diverged: int
    num_pruned: int
    num_refused: int
    """Left out; they do not count as finished."""
    axes: tuple[str, ...]
    problem: str | None = None
    """Why it cannot be loaded; the other fields then say nothing."""
    problem_kind: str | None = None
    """Kind of the `StoreError` that says so."""


def list_sweeps(storage: str | Path | None = None) -> list[StudyInfo]:
    """The sweeps of a storage, by name; those that cannot be loaded stand at the end, with the reason.

    Raises:
        StoreError: The storage cannot be reached.
    """
    found = []
    for name in names_in(storage):
        try:
            with load_sweep(name, storage=storage) as study:
                results = study.results()
                statuses = [result.status for result in results]
                found.append(
                    StudyInfo(
                        name=name,
                        size=study.sweep.size,
                        num_finished=sum(result.is_finished for result in results),
                        num_diverged=statuses.count("diverged"),
                        num_pruned=statuses.count("pruned"),
                        num_refused=statuses.count("refused"),
                        axes=tuple(axis.name for axis in study.sweep.axes),
                    )
                )
        except StoreError as error:
            found.append(StudyInfo(name, 0, 0, 0, 0, 0, (), problem=str(error), problem_kind=error.kind))
    return sorted(found, key=lambda info: info.problem is not None)


def find_sweep(name: str, *, storage: str | Path | None = None) -> str:
    """Where a sweep is, as people may read it, whether it can be read or not.

    Raises:
        StoreError: There is none, or its storage cannot be reached.
    """
    if not is_url(storage):
        return str(kept_folder(name, storage))
    name = check_name(name)
    place = open_place(name, storage, make=False)
    with place.used():
        study_of(name, place, None)
    return place.where


def is_kept(name: str, *, storage: str | Path | None = None) -> bool:
    """Whether there is a sweep of this name.

    Raises:
        StoreError: Its storage cannot be reached.
    """
    try:
        find_sweep(name, storage=storage)
    except StoreError as error:
        if error.kind != "missing":
            raise
        return False
    return True


def has_moved_to(name: str, asked: SweepConfig, *, storage: str | Path | None = None) -> bool:
    """Whether the sweep of this name is the one that is asked for, but for the folder that its images lie in."""
    if not isinstance(asked.base.tasks, FolderConfig):
        return False
    with contextlib.suppress(ConfigError, StoreError), load_sweep(name, storage=storage) as there:
        return fingerprint(moved(there.sweep, asked.base.tasks.folder)) == fingerprint(asked)
    return False


def check_idle(name: str, *, storage: str | Path | None = None) -> None:
    """See that nobody computes a sweep, before it is deleted; one that cannot be read nobody does.

    Raises:
        StoreError: Somebody does.
    """
    try:
        study = load_sweep(name, storage=storage)
    except StoreError:
        return
    with study:
        check_others(study)


def check_others(study: SweepStudy) -> None:
    """See that nobody but who has this study open computes its sweep.

    Raises:
        StoreError: Somebody does.
    """
    if study.is_computed:
        raise StoreError("busy", f"somebody computes the sweep {study.name}; wait for the end of that, or stop it")


def delete_sweep(name: str, *, storage: str | Path | None = None) -> None:
    """Remove a sweep for good, damaged or not; files in its folder that are not its own stay.

    Raises:
        StoreError: There is none, or it cannot be reached or removed.
    """
    import optuna

    files: tuple[str, ...] = ()
    if is_url(storage):
        place = open_place(name, storage, make=False)
        folder = place.folder
        with place.used():
            study = study_of(name, place, None)
            if (known := study.user_attrs.get(SWEEP)) is not None:
                claims = claims_of(place, known["key"], LEASE_S)
                claims.forget()
                claims.close()
            elif study.get_trials(deepcopy=False) and not study.user_attrs.get(COPIED):
                raise StoreError("foreign", f"the study {name} in {place.where} is of no sweep; Optuna deletes it")
            optuna.delete_study(study_name=name, storage=place.storage)
    else:
        folder, files = kept_folder(name, storage), (CLAIMS, f"{CLAIMS}-journal", JOURNAL)
    with storage_errors(str(folder)):
        for part in (STATES, CURVES):
            if (folder / part).is_dir():
                shutil.rmtree(folder / part)
        for file in files:  # a sweep until its journal, the last, is gone
            (folder / file).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody else's files are in it
        folder.rmdir()


def rename_sweep(name: str, new: str, *, storage: str | Path | None = None) -> str:
    """Give a sweep another name, and the curves of it that lie on this machine; gives the name as it is kept.

    No storage of Optuna's renames a study: a whole copy of the other name is made, and then this one is deleted.

    Raises:
        ConfigError: A name that no file system would take.
        StoreError: There is no such sweep, somebody computes it, the new name is taken, or it cannot be copied; then all is as it was.
    """
    name, new = check_name(name), check_name(new)
    with load_sweep(name, storage=storage) as old:
        if not is_url(storage):
            check_free(place_of(new, storage), "sweep")
        check_others(old)
        keep_copy(old, new, storage, prefix=_BESIDE)
    try:
        delete_sweep(name, storage=storage)
    except StoreError as error:
        raise StoreError(error.kind, f"{new} is there now, but {name} could not be deleted: {error}") from error
    return new


def keep_copy(old: SweepStudy, new: str, storage: str | Path | None, *, prefix: str) -> None:
    """Make a whole copy of a sweep under another name, or none.

    Args:
        old: What is copied.
        new: Name of the copy, checked.
        storage: Where it is kept.
        prefix: As of `new_folder`.

    Raises:
        StoreError: The name is taken, or it cannot be copied; then the storage is as it was.
    """
    if is_url(storage):
        try:
            copy_sweep(old, new, str(storage))
        except BaseException as error:
            if not isinstance(error, StoreError) or error.kind != "taken":
                with contextlib.suppress(StoreError):
                    delete_sweep(new, storage=storage)
            raise
        return
    target = place_of(new, storage)
    with storage_errors(str(target)), new_folder(target, prefix=prefix, what="sweep") as folder:
        copy_sweep(old, new, folder.parent)


def copy_sweep(old: SweepStudy, new: str, storage: str | Path) -> None:
    """Make a copy of a sweep under another name. Of a process that is killed meanwhile a part of it is left, which says so.

    Raises:
        StoreError: The name is taken, or it cannot be copied.
    """
    import optuna

    place = open_place(new, storage, make=True)
    with old.place.used(stay=True), place.used():
        source = study_of(old.name, old.place, None)
        try:
            study = optuna.create_study(storage=place.storage, study_name=new, directions=source.directions)
        except optuna.exceptions.DuplicatedStudyError:
            raise StoreError("taken", f"there is a sweep called {new!r} already; choose another name") from None
        study.set_user_attr(COPIED, True)
        trials = source.get_trials(deepcopy=False)
        for trial in trials[:1]:  # by itself: a journal has no number to give before it has given one
            place.storage.create_new_trial(study._study_id, template_trial=trial)
        with place.together():
            for trial in trials[1:]:
                place.storage.create_new_trial(study._study_id, template_trial=trial)
            for name, value in old.place.storage.get_study_system_attrs(source._study_id).items():
                place.storage.set_study_system_attr(study._study_id, name, value)
            for name, value in source.user_attrs.items():
                if name not in (COPIED, SERVED, SWEEP):
                    study.set_user_attr(name, value)
            # At the end: what is of no sweep yet is none. Claims go by the key, and the two have nothing to do with each other.
            study.set_user_attr(SWEEP, {**source.user_attrs[SWEEP], "key": new_key()})
        copy_curves(old.folder, place.folder)
        copy_states(old.folder, place.folder)
