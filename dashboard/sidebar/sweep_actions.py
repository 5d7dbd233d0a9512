"""Where a page's sweeps are kept, and how they are started, opened, renamed, deleted, exported and imported. Nothing here imports streamlit.

On a server of one's own they are in `maml_core.sweeps.places.default_root()`, the same as `maml sweep` sees, or in a database by URL. On a
shared server each browser tab, or whoever knows the name of a workspace, has a folder of its own, as with saved runs (`dashboard.setups.workspaces`).
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from dashboard.server.hub import Hub
from dashboard.setups import limits, workspaces
from dashboard.setups.sweep_draft import check_size, check_work
from dashboard.sweeps import words
from dashboard.sweeps.job import reorder
from dashboard.sweeps.quotas import JobKey
from maml_core.cluster import ClusterExecutor
from maml_core.config import FolderConfig
from maml_core.errors import ConfigError, DataError, StoreError
from maml_core.store import check_name
from maml_core.sweeps.archive import import_sweep, zip_sweep
from maml_core.sweeps.budget import Budget, groups, reckoned
from maml_core.sweeps.catalog import check_idle, check_others, delete_sweep, has_moved_to, rename_sweep
from maml_core.sweeps.definition import SweepConfig, fingerprint
from maml_core.sweeps.places import default_root, is_url, names_in
from maml_core.sweeps.study import SweepStudy, load_sweep, open_study

Storage = str | Path
"""A folder, or a database by URL."""

_DELETED = ".deleted"

MAX_SWEEPS = 100
"""Sweeps in a workspace of a shared server."""

MAX_BYTES = 2 * 10**9
"""Bytes of all of them."""


def own_place(url: str = "") -> Storage:
    """The sweeps of whoever runs the server; in a database where a URL is given."""
    return url.strip() or default_root()


def shared_place(tab: str, workspace: str) -> Storage:
    """The sweeps of one browser tab, or of a workspace that it has entered."""
    if workspace:
        return default_root() / workspaces.NAMED / workspaces.hashed(workspaces.same_name(workspace))
    return default_root() / workspaces.TABS / workspaces.hashed(tab)


def names(place: Storage) -> list[str]:
    """The sweeps that there are.

    Raises:
        ConfigError, StoreError: The storage cannot be read.
    """
    return names_in(place)


def key_of(place: Storage, name: str) -> JobKey:
    """What the sweeps' hub knows a sweep by."""
    return JobKey(str(place), name)


def estimate(hub: Hub, sweep: SweepConfig, wait_s: float) -> Budget:
    """What a sweep will take, from steps that are measured now where they were not before."""
    found = groups(sweep)
    preparation = hub.sweeps.preparation
    costs = preparation.costs(found, wait_s)
    return reckoned(sweep, found, costs, at_once=preparation.num_workers, compiles=preparation.compiles)


def check_free(hub: Hub, name: str, sweep: SweepConfig | None, place: Storage) -> None:
    """See that a sweep may be called so, before anything is started. What else the storage has to say, *Start* says.

    Args:
        hub: The server's.
        name: The name.
        sweep: What is to have it; None where that is not known yet.
        place: Where it would be kept.

    Raises:
        ConfigError: It is no name.
        StoreError: Another sweep has it.
    """
    name = check_name(name)
    if sweep is None or isinstance(sweep.base.tasks, FolderConfig):  # whose images may have moved: they are looked at
        return
    there = sweep
    with contextlib.suppress(ConfigError, StoreError):
        if (job := hub.sweeps.job(key_of(place, name))) is not None:
            there = job.sweep
        elif name in names(place):
            with load_sweep(name, storage=place) as study:
                there = study.sweep
    if fingerprint(there) != fingerprint(sweep):
        raise StoreError("taken", f"there is another sweep called {name}; choose another name")


def start(
    hub: Hub, token: str, sweep: SweepConfig, name: str, place: Storage, *, is_limited: bool, scheduler: str = ""
) -> bool:
    """Start a sweep and show it on a page. One that is there already, under the same name, goes on; gives whether it was done already.

    Args:
        hub: The server's.
        token: Of the page.
        sweep: What to compute.
        name: Of the study.
        place: Where it is kept.
        is_limited: Keep to the limits of a shared server.
        scheduler: Address of a Dask scheduler whose workers compute it; empty for this server's own.

    Raises:
        ConfigError, DataError, StoreError, ClusterError: It cannot be kept or computed there; says why. Nothing is kept.
    """
    key = key_of(place, name)
    job = hub.sweeps.job(key)
    is_on = job is not None and job.status == "running"
    if is_limited and not is_on and (why := hub.sweeps.why_no_more(token)):
        raise StoreError("full", why)
    if job is not None and fingerprint(job.sweep) == fingerprint(sweep):
        if job.needs_images:
            hub.sweeps.preparation.find_images(job)
        held, order = job, sweep.grid_order
        hub.loop.post(lambda: reorder(held, order))
        hub.start_sweep(token, key, job)
        return job.status == "done"
    known = names(place)
    if is_limited:
        _check_room(Path(place), known, name)
    cluster = ClusterExecutor(scheduler.strip()) if scheduler.strip() else None
    try:
        if name not in known:  # of one that is there its images are looked at, which says more
            hub.sweeps.preparation.check_drawable(sweep, cluster)
        study = _study(hub, sweep, name, place, cluster)
    except Exception:
        if cluster is not None:
            cluster.shutdown()
        raise
    costs = hub.sweeps.preparation.costs(groups(sweep), 1.0)
    job = hub.sweeps.preparation.new_job(key.name, sweep, study, costs, cluster)
    hub.start_sweep(token, key, job)
    return job.status == "done"


def _check_room(place: Path, known: list[str], name: str | None) -> int:
    """See that there is room for a sweep in a workspace of a shared server; gives for how many bytes.

    Args:
        place: The workspace.
        known: The names of the sweeps in it.
        name: Of this one; None where it must be another one.

    Raises:
        StoreError: There is none; says what to do.
    """
    if len(known) >= MAX_SWEEPS and name not in known:
        raise StoreError(
            "full", f"there are {MAX_SWEEPS} sweeps here, which is all there is room for; delete one first"
        )
    used = sum(path.lstat().st_size for path in place.rglob("*"))
    if used > MAX_BYTES:
        raise StoreError("full", f"the sweeps here take {MAX_BYTES / 1e9:g} GB together; delete one first")
    spare = shutil.disk_usage(workspaces.existing(place)).free - workspaces.MIN_FREE_BYTES
    if spare < 0:
        raise StoreError("full", "the server's disk is almost full: no sweep can be kept; tell whoever runs the server")
    return min(MAX_BYTES - used, spare // 2)  # while it is checked, an import is there twice


def _study(hub: Hub, sweep: SweepConfig, name: str, place: Storage, cluster: ClusterExecutor | None) -> SweepStudy:
    """The study of a sweep that is started, whose images are there."""
    try:
        study = open_study(sweep, name, storage=place)
    except StoreError as error:
        if error.kind != "taken" or not has_moved_to(name, sweep, storage=place):
            raise
        way_on = "If its images have moved there, open it under Earlier sweeps, which asks where they lie now"
        raise StoreError("taken", f"{error}. {way_on}") from None
    try:
        if any(not one.is_done for one in study.results()):
            hub.sweeps.preparation.find_images(study, cluster=cluster)
    except Exception:
        study.close()
        raise
    return study


class Opened(NamedTuple):
    """A sweep that a page shows."""

    sweep: SweepConfig
    note: str = ""
    """What people should know of its images, in a sentence without a stop."""
    lost: DataError | None = None
    """Why it cannot go on for want of its images: what is finished is shown all the same."""


def open_sweep(hub: Hub, token: str, name: str, place: Storage, *, folder: str | None = None) -> Opened:
    """Show a sweep on a page, at rest unless it is being computed; gives what it computes.

    Args:
        hub: The server's.
        token: Of the page.
        name: Of the study.
        place: Where it is kept.
        folder: Where its folder of images lies now; None for where it lay.

    Raises:
        ConfigError, StoreError: There is none, or it cannot be read, or it has no images in a folder.
    """
    try:
        return _opened(hub, token, key_of(place, name), place, folder)
    finally:
        _tell_opening(hub, token, "")


def _tell_opening(hub: Hub, token: str, said: str) -> None:
    """Say on a page that a sweep is being opened for it; empty where none is any more."""
    hub.loop.post(lambda: hub.sweeps.tell_opening(token, said))


def _opened(hub: Hub, token: str, key: JobKey, place: Storage, folder: str | None) -> Opened:
    name = key.name
    job, note, lost = hub.sweeps.job(key), "", None
    if job is None:
        _tell_opening(hub, token, words.opening(name))
    study = load_sweep(name, storage=place) if job is None else job.study
    if job is None and not study.sweep.axes:
        study.close()
        raise ConfigError("sweep", name, "one with an axis; this one only repeats a single setting")
    if job is None:
        _tell_opening(hub, token, words.opening(name, study.sweep))
    left = job.needs_images if job is not None else any(not one.is_done for one in study.results())
    if left or folder is not None:
        try:
            note = hub.sweeps.preparation.find_images(job or study, folder=folder)
        except DataError as error:
            lost = error
        except ConfigError:
            if job is None:
                study.close()
            raise
    if job is None:
        goes_on = left and lost is None
        costs = hub.sweeps.preparation.costs(groups(study.sweep), 0.5) if goes_on else {}
        job = hub.sweeps.preparation.new_job(key.name, study.sweep, study, costs)
        job.sentence = words.CUT_OFF if left and study.was_cut_off else ""
    hub.show_sweep(token, key, job)
    return Opened(job.sweep, note, lost)


def delete(hub: Hub, token: str, name: str, place: Storage) -> None:
    """Delete a sweep: from a database for good, from a folder so that `restore` brings it back until the next one is deleted.

    Args:
        hub: The server's.
        token: Of the page that asks for it. Other pages that show it say that it was deleted.
        name: Of the study.
        place: Where it is kept.

    Raises:
        ConfigError, StoreError: It cannot be deleted, or another process computes it.
    """
    key = key_of(place, name)
    if (job := hub.sweeps.job(key)) is not None:
        check_others(job.study)
    else:
        check_idle(name, storage=place)
    hub.forget_sweep(key, why=words.deleted(name, comes_back=keeps_deleted(place)), by=token)
    if not keeps_deleted(place):
        delete_sweep(name, storage=place)
        return
    name = check_name(name)
    folder, bin = Path(place) / name, _bin(place)
    for older in names_in(bin):
        delete_sweep(older, storage=bin)
    if (bin / name).exists():  # somebody else's files are in it
        delete_sweep(name, storage=place)
    elif name not in names(place):
        raise StoreError("missing", f"there is no sweep {name}; it may have been deleted elsewhere")
    else:
        _move(folder, bin / name)


def rename(hub: Hub, token: str, name: str, new: str, place: Storage) -> str:
    """Give a sweep another name; gives it as it is kept.

    Args:
        hub: The server's.
        token: Of the page that asks for it. Other pages that show it say how it is called now.
        name: Of the study.
        new: Its new name.
        place: Where it is kept.

    Raises:
        ConfigError, StoreError: The name cannot be used or is taken, or the sweep is computed, here or by another process.
    """
    key = key_of(place, name)
    with _discreet(place):
        if (job := hub.sweeps.job(key)) is not None and job.status in ("running", "stopping"):
            raise StoreError("busy", f"{name} is being computed; wait for its end, or cancel it, before you rename it")
        new = rename_sweep(name, new, storage=place)
    hub.forget_sweep(key, why=words.renamed(name, new), by=token)
    return new


def zipped(name: str, place: Storage) -> bytes:
    """A sweep as a file that another page, or command line, takes in.

    Raises:
        StoreError: There is none, or it cannot be read.
    """
    with _discreet(place):
        return zip_sweep(name, storage=place)


def take_in(data: bytes, file: str, name: str | None, place: Storage, *, is_limited: bool) -> str:
    """Keep a sweep that was computed elsewhere; gives its name.

    Args:
        data: What `zipped` or a command wrote.
        file: Name of the file that it came in.
        name: Under which name; None for the one that it has there.
        place: Where it is kept.
        is_limited: Keep to the limits of a shared server.

    Raises:
        ConfigError, StoreError: It cannot be kept, or is none; says why. All is as it was.
    """

    def check(sweep: SweepConfig) -> None:
        if is_limited:
            check_size(sweep)
            check_work(sweep)
            if reason := limits.why_no_images(sweep.base.tasks, shared=True):
                raise StoreError("refused", reason.rstrip("."))

    with _discreet(place), tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / (PurePath(file).name or "sweep.zip")).write_bytes(data)
        most = _check_room(Path(place), names(place), None) if is_limited else None
        try:
            return import_sweep(path, storage=place, name=name, max_bytes=most, check=check)
        except StoreError as error:
            raise StoreError(error.kind, str(error).replace(str(path), path.name)) from error


@contextlib.contextmanager
def _discreet(place: Storage) -> Iterator[None]:
    """Let a sentence not say where the folder of a workspace is."""
    try:
        yield
    except StoreError as error:
        if is_url(place) or Path(place) == default_root():
            raise
        raise StoreError(error.kind, str(error).replace(str(place), "this workspace")) from error


def keeps_deleted(place: Storage) -> bool:
    """Whether the sweep that was deleted last can be brought back."""
    return not is_url(place)


def deleted(place: Storage) -> str | None:
    """The sweep that was deleted last, if it can be brought back."""
    return next(iter(names_in(_bin(place))), None) if keeps_deleted(place) else None


def restore(place: Storage) -> str:
    """Bring back the sweep that was deleted last; gives its name.

    Raises:
        StoreError: There is none, or another sweep has its name.
    """
    name = deleted(place)
    if name is None:
        raise StoreError("missing", "there is no deleted sweep to bring back")
    folder = Path(place) / name
    if folder.exists():
        raise StoreError("taken", f"there is another sweep called {name} now; delete it, or start under another name")
    _move(_bin(place) / name, folder)
    with contextlib.suppress(ConfigError, StoreError), load_sweep(name, storage=place) as study:
        study.keep_served(False)  # it was the deletion that stopped it
    return name


def _bin(place: Storage) -> Path:
    return Path(place) / _DELETED


def _move(folder: Path, to: Path) -> None:
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(to)
    except OSError as error:
        raise StoreError("refused", f"{folder.name} cannot be moved: {error.strerror or error}; try again") from error
