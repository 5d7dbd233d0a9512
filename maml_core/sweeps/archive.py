"""A sweep as a file that another machine takes in. Nothing here imports torch, and nothing that is read can execute.

A ZIP archive with a folder of the sweep's name:

    sweep.json       names, sizes and sha256 of the others
    study.log        the study, in Optuna's journal storage, whatever it was kept in
    curves/          its training curves, as Parquet
    states/          batches under way, as they were at their last rung: who goes on with the sweep goes on from there

Who works at a sweep is not said in it: a sweep that is computed meanwhile is exported as it stands.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from maml_core.errors import StoreError
from maml_core.files import explained, remove_leftovers, write_file
from maml_core.headers import whole
from maml_core.store import check_name
from maml_core.store.arrival import Archive, check_free, opened, said_of
from maml_core.sweeps.catalog import copy_sweep, is_kept, keep_copy
from maml_core.sweeps.curve_files import CURVES, check_curves
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.kept_batches import STATES, check_states
from maml_core.sweeps.places import JOURNAL, is_url, place_of, storage_errors
from maml_core.sweeps.study import SweepStudy, load_sweep

DOCUMENT = "sweep.json"
"""The file that says what else belongs to a sweep."""

FORMAT, VERSION = "maml-live sweep", 1
"""What an archive says of itself."""

MAX_DOCUMENT_BYTES = 2**26
"""Size of the largest `sweep.json`; one of 100,000 files has room."""

_BESIDE = ".import-"
"""How the name of a folder begins in which a sweep is unpacked, and of one that becomes a sweep's once it is whole."""

_FILE = re.compile(
    rf"{re.escape(JOURNAL)}|{CURVES}/[\w-]{{1,100}}\.parquet|{STATES}/[\w-]{{1,100}}\.safetensors", re.ASCII
)
"""How the files of a sweep are named in an archive."""


class _File(NamedTuple):
    """A file of an archive, as its document has it."""

    name: str
    size: int
    sha256: str


def zip_sweep(name: str, *, storage: str | Path | None = None) -> bytes:
    """A sweep as a ZIP archive.

    Raises:
        StoreError: There is none, or it cannot be reached or read, or there is no room for a copy of it.
    """
    name = check_name(name)
    target = io.BytesIO()
    with (
        load_sweep(name, storage=storage) as study,
        explained(f"cannot export {name}"),
        tempfile.TemporaryDirectory(prefix="maml-export-") as place,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        study.results()  # what cannot be read here, cannot be read elsewhere
        copy_sweep(study, name, Path(place))
        files = []
        for path in sorted((Path(place) / name).rglob("*")):
            file = path.relative_to(Path(place) / name).as_posix()
            if path.is_file() and _FILE.fullmatch(file):
                data = path.read_bytes()
                files.append({"name": file, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})
                archive.writestr(f"{name}/{file}", data)
        document = {"format": FORMAT, "version": VERSION, "files": files}
        archive.writestr(f"{name}/{DOCUMENT}", json.dumps(document, indent=1))
    return target.getvalue()


def import_sweep(
    source: str | os.PathLike[str],
    *,
    storage: str | Path | None = None,
    name: str | None = None,
    max_bytes: int | None = None,
    check: Callable[[SweepConfig], None] = lambda _: None,
) -> str:
    """Put the sweep of an archive into a storage; gives the name that it is kept under. All of it is checked first, and no code of it is run.

    Args:
        source: What `zip_sweep` wrote.
        storage: As of `open_study`.
        name: Under which name; None for the one that it has there.
        max_bytes: Most that it may take, unpacked; None where all that there is room for will do.
        check: Called with the sweep before it is kept; what it raises refuses it.

    Raises:
        ConfigError: The name cannot be used.
        StoreError: There is no sweep in it, it is damaged, too large or of a newer version, or the name is taken. The storage is as it was.
    """
    source = Path(source)
    with opened(source, DOCUMENT, "sweep") as archive:
        own = check_name(archive.name)
        new = own if name is None else check_name(name)
        _check_name_is_free(new, storage)
        files = _files_of(source, archive.document(MAX_DOCUMENT_BYTES))
        if max_bytes is not None and (size := sum(file.size for file in files)) > max_bytes:
            room = f"there is room for {max(0, max_bytes) / 1e6:,.1f} MB more"
            raise StoreError(
                "full", f"the sweep {own} takes {size / 1e6:,.1f} MB, and {room} here; delete another one first"
            )
        with _unpacked(source, archive, own, files, storage) as study:
            check(study.sweep)
            keep_copy(study, new, storage, prefix=_BESIDE)
    return new


def _check_name_is_free(name: str, storage: str | Path | None) -> None:
    if not is_url(storage):
        check_free(place_of(name, storage), "sweep")
    elif is_kept(name, storage=storage):
        raise StoreError("taken", f"there is a sweep called {name!r} already; choose another name")


def _files_of(source: Path, data: bytes) -> list[_File]:
    """The files of a sweep, as its document has them; each name is one that this program gives."""
    try:
        document: Any = json.loads(data)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise StoreError(
                "foreign", f"{source} is not of a sweep of this program; export it with: maml sweeps export NAME --zip"
            )
        if whole(document.get("version"), "version") > VERSION:
            raise StoreError("newer", f"{source} was written by a newer version; update maml-live to import it")
        files = [_File(file["name"], whole(file["size"], "size"), file["sha256"]) for file in document["files"]]
        names = [file.name for file in files]
        if wrong := [name for name in names if not _FILE.fullmatch(name)]:
            raise ValueError(f"{wrong[0]!r} is no file of a sweep")
        if JOURNAL not in names or len(set(names)) != len(names):
            raise ValueError("it lacks its study, or a file is there twice")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError("damaged", f"{source} is damaged ({error}); export it once more") from error
    return files


@contextlib.contextmanager
def _unpacked(
    source: Path, archive: Archive, name: str, files: list[_File], storage: str | Path | None
) -> Iterator[SweepStudy]:
    """The sweep of an archive in a folder that is gone afterwards, all of it read and checked."""
    root = None if is_url(storage) else place_of(name, storage).parent
    with explained(f"cannot keep the sweep in {root or 'a folder on the way'}"), contextlib.ExitStack() as stack:
        if root is not None:
            root.mkdir(parents=True, exist_ok=True)
            remove_leftovers(root, f"{_BESIDE}*")
        beside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_BESIDE, dir=root)))
        folder = beside / name
        for part in (CURVES, STATES):
            (folder / part).mkdir(parents=True)
        for file in files:
            data = archive.file(file.name, file.size)
            if hashlib.sha256(data).hexdigest() != file.sha256:
                raise StoreError(
                    "damaged", f"{source} is damaged: the checksum of {file.name} does not fit; export it once more"
                )
            write_file(folder / file.name, data)
        with _said_of_export(source, folder), storage_errors(str(folder)):
            study = stack.enter_context(load_sweep(name, storage=beside))
            study.results()
            try:
                check_curves(folder)
                check_states(folder, study.sweep)
            except ValueError as error:
                raise StoreError("damaged", f"{folder} is damaged ({error})") from error
        yield study


@contextlib.contextmanager
def _said_of_export(source: Path, folder: Path) -> Iterator[None]:
    """Let what is found about a sweep that was unpacked be said of its archive, with what to do about that."""
    with said_of(source, folder):
        try:
            yield
        except StoreError as error:
            if error.kind not in ("damaged", "foreign"):
                raise
            raise StoreError(error.kind, f"{str(error).partition(';')[0]}; export it once more") from error
