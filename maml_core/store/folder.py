"""One run in one folder: written so that the save before or the save after is there, and checked when it is read."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy.typing as npt

from maml_core.config import PythonConfig, located
from maml_core.errors import StoreError
from maml_core.files import ATTEMPTS, explained, held, holder, locked, write_file
from maml_core.headers import has_own_problem
from maml_core.record_files import COLUMNS, from_parquet, mismatch, to_parquet
from maml_core.records import Records, Status
from maml_core.store.document import (
    DOCUMENT,
    FILE_NAME,
    INSTEAD,
    MARKER,
    MAX_DOCUMENT_BYTES,
    DataFile,
    SavedRun,
    from_document,
    to_document,
)
from maml_core.store.measured import bounded, measured_from_bytes, measured_to_bytes
from maml_core.store.moments import fitted, moments_from_bytes, moments_to_bytes

TRAINING = "training.lock"
"""The file that whoever trains a run holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """A line in a list of runs, from `run.json` alone."""

    folder: Path
    name: str
    step: int = 0
    status: Status = Status()
    algorithm: str = ""
    created: str = ""
    saved: str = ""
    size_bytes: int = 0
    own_problem: bool = False
    """As of `SavedRun`."""
    code: str = ""
    """Name of the Python code that its settings say, which nobody follows unasked; empty where they say none."""
    problem: str | None = None
    """Why it cannot be loaded; the other fields then say nothing."""


def save_run(folder: str | os.PathLike[str], run: SavedRun, *, new: bool = False, trains: bool = False) -> SavedRun:
    """Write a run into its folder, in place of what was saved there before. Of two at once, the later one stays.

    Args:
        folder: Made where it is missing. One that holds anything but a run is left alone.
        run: What to save.
        new: Refuse to take the place of a run that is there already.
        trains: The caller is the one who trains the run in this folder (see `trained_alone`); from others it is not saved over.

    Returns:
        The run with its times, its versions and the whole path of its folder of images filled in, and the kept states, and what was measured
        at them, that it has room for.

    Raises:
        StoreError: It cannot be saved there; what was saved before is as it was.
        ValueError: The records or the kept states are not of this run.
    """
    folder, now = Path(folder), _now()
    run = dataclasses.replace(
        run,
        start=located(run.start),
        config=located(run.config),
        created=run.created or now,
        saved=now,
        versions=_versions(),
        own_problem=run.own_problem or has_own_problem(run.state),
    )
    if problem := mismatch(run.records, run.step):
        raise ValueError(f"these records are not of a run that took {run.step} outer steps: {problem}")
    moments = fitted(run.moments, start=run.start, timeline=run.timeline, step=run.step)
    run = dataclasses.replace(run, moments=moments, measured=bounded(run.measured, moments))
    parts = {part: to_parquet(run.records, columns) for part, columns in COLUMNS.items()} | {"state": run.state}
    parts |= {"moments": moments_to_bytes(run.moments)} if run.moments else {}
    parts |= {"measured": measured_to_bytes(run.measured)} if run.measured else {}
    files = {part: DataFile.from_bytes(part, data) for part, data in parts.items()}
    document = to_document(run, files)
    from_document(folder, document)  # what could not be read back is not written
    with (
        explained(f"cannot save the run in {folder} (what was saved there before is intact)"),
        locked(folder) as handle,
    ):
        before = ours(folder)
        keep = before
        try:
            check_place(folder, new=new)
            if not trains:
                check_untrained(folder)
            for part, file in files.items():
                _write_once(folder / file.name, parts[part])
            write_file(folder / DOCUMENT, document)
            keep = {DOCUMENT, TRAINING, *(file.name for file in files.values())}
            if handle is not None:
                os.fsync(handle)
        finally:
            for name in ours(folder) - keep:
                with contextlib.suppress(OSError):  # it harms nobody, and the next save tries again
                    (folder / name).unlink()
    return run


@contextlib.contextmanager
def trained_alone(folder: Path) -> Iterator[None]:
    """Be the only one who trains the run in a folder; that ends with this process, whatever ends it.

    Raises:
        StoreError: Somebody else trains it, or the folder cannot be written into.
    """
    with contextlib.ExitStack() as stack:
        with explained(f"cannot train in {folder}"):
            try:
                stack.enter_context(held(folder / TRAINING))
            except BlockingIOError:
                check_untrained(folder)
                raise
        yield


def check_untrained(folder: Path) -> None:
    """See that nobody trains the run in a folder.

    Raises:
        StoreError: Somebody does.
    """
    if (who := holder(folder / TRAINING)) is not None:
        raise StoreError(
            "busy",
            f"somebody trains in {folder} ({who}); wait for the end of that, stop it, or choose another name or folder",
        )


def load_run(folder: str | os.PathLike[str]) -> SavedRun:
    """The run that a folder holds, every byte of it checked.

    Raises:
        StoreError: There is none, it is damaged, or a newer version wrote it. Nothing is changed.
    """
    folder = Path(folder)
    return from_files(folder, read_folder(folder))


def from_files(folder: Path, contents: Mapping[str, bytes]) -> SavedRun:
    """The run of files that were read, as `checked` has them.

    Args:
        folder: Where they come from, for what is said of them.
        contents: By name.

    Raises:
        StoreError: They are damaged, or of a newer version.
    """
    document = from_document(folder, contents[DOCUMENT])
    columns: dict[str, npt.NDArray[Any]] = {}
    for part, names in COLUMNS.items():
        try:
            columns |= from_parquet(contents[document.files[part].name], names)
        except ValueError as error:
            raise StoreError("damaged", f"the curves in {folder} are damaged ({error}); {INSTEAD}") from error
    records = Records(**columns, events=document.events)
    if problem := mismatch(records, document.run.step):
        raise StoreError("damaged", f"the curves in {folder} are damaged ({problem}); {INSTEAD}")
    run = dataclasses.replace(document.run, records=records, state=contents[document.files["state"].name])
    if "moments" not in document.files:
        return run
    try:
        kept = contents[document.files["moments"].name]
        moments = moments_from_bytes(kept, start=run.start, timeline=run.timeline, step=run.step)
        measured = (
            measured_from_bytes(contents[document.files["measured"].name], moments)
            if "measured" in document.files
            else {}
        )
    except ValueError as error:
        raise StoreError("damaged", f"the kept states in {folder} are damaged ({error}); {INSTEAD}") from error
    return dataclasses.replace(run, moments=moments, measured=measured)


def run_info(folder: str | os.PathLike[str]) -> RunInfo:
    """What a list of runs says about a folder, without reading the run itself."""
    folder = Path(folder)
    try:
        size = sum((folder / name).stat().st_size for name in ours(folder))
    except OSError:
        size = 0
    try:
        document = from_document(folder, read_document(folder))
        for file in document.files.values():
            _check_size(folder, file)
    except StoreError as error:
        return RunInfo(folder=folder, name=folder.name, size_bytes=size, problem=str(error))
    run = document.run
    return RunInfo(
        folder=folder,
        name=folder.name,
        step=run.step,
        status=run.status,
        algorithm=run.config.algorithm,
        created=run.created,
        saved=run.saved,
        size_bytes=size,
        own_problem=run.own_problem,
        code=run.config.tasks.problem if isinstance(run.config.tasks, PythonConfig) else "",
    )


def _is_ours(name: str) -> bool:
    return name == TRAINING or FILE_NAME.fullmatch(name) is not None


def ours(folder: Path) -> set[str]:
    """The files of a folder that are named as this program names them."""
    return {name for name in os.listdir(folder) if _is_ours(name)} if folder.is_dir() else set()


def check_place(folder: Path, *, new: bool) -> None:
    """See that a run may be written into a folder, or into a new one there.

    Raises:
        StoreError: It may not: there is something else or, with `new`, a run.
    """
    if not folder.exists():
        return
    if os.path.lexists(folder / DOCUMENT):
        check_ours(folder)
        if new:
            raise StoreError("taken", f"there is a run in {folder} already; choose another name or folder")
    elif any(not _is_ours(name) for name in os.listdir(folder)):
        raise StoreError("foreign", f"{folder} holds other files and no run; choose an empty or a new folder")


def check_ours(folder: Path) -> None:
    """See that a folder holds a run, be it a damaged one, and none of a newer version."""
    data = read_document(folder)
    if not MARKER.match(data):
        raise StoreError("foreign", f"{folder / DOCUMENT} is not of a run of this program; choose another folder")
    try:
        from_document(folder, data)
    except StoreError as error:
        if error.kind == "newer":
            raise


def read_document(folder: Path) -> bytes:
    """The bytes of `run.json`, unchecked.

    Raises:
        StoreError: There is none, or it is not a plain file.
    """
    path = folder / DOCUMENT
    if not os.path.lexists(path):
        raise StoreError("missing", f"there is no run in {folder}: it has no {DOCUMENT}")
    if path.is_symlink() or not path.is_file():
        raise StoreError("foreign", f"{path} is not a plain file; choose another folder")
    with explained(f"cannot read {path}"), open(path, "rb") as file:
        return file.read(MAX_DOCUMENT_BYTES + 1)


def read_folder(folder: Path) -> dict[str, bytes]:
    """All files of a run, run.json first, each as its checksum says. A save that comes between starts it anew."""
    for attempt in range(ATTEMPTS):
        data = read_document(folder)
        try:
            files = from_document(folder, data).files.values()
            return {DOCUMENT: data} | {file.name: _read_file(folder, file) for file in files}
        except StoreError as error:
            if error.kind != "damaged" or attempt == ATTEMPTS - 1 or read_document(folder) == data:
                raise
    raise AssertionError("the last attempt returns or raises")


def _check_size(folder: Path, file: DataFile) -> None:
    path = folder / file.name
    if not path.is_file() or path.is_symlink():
        raise StoreError("damaged", f"{path} is missing; {INSTEAD}")
    size = path.stat().st_size
    if size != file.size:
        raise StoreError("damaged", f"{path} is damaged: it has {size} bytes instead of {file.size}; {INSTEAD}")


def _read_file(folder: Path, file: DataFile) -> bytes:
    with explained(f"cannot read {folder / file.name}"):
        try:
            _check_size(folder, file)
            data = (folder / file.name).read_bytes()
        except FileNotFoundError:
            raise StoreError("damaged", f"{folder / file.name} is missing; {INSTEAD}") from None
    return checked(folder, file, data)


def checked(folder: Path, file: DataFile, data: bytes) -> bytes:
    """The bytes of a data file, which are those that were written.

    Raises:
        StoreError: They are others.
    """
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        raise StoreError("damaged", f"{folder / file.name} is damaged: its checksum does not fit; {INSTEAD}")
    return data


def _write_once(path: Path, data: bytes) -> None:
    """Write a file that is named by its content, unless it stands there already."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
        write_file(path, data)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in ("torch", "numpy", "maml-live"):
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:  # this one, run from a folder that is not installed
            found[library] = "unknown"
    return found
