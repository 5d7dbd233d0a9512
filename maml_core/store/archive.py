"""Runs from elsewhere: nothing is unpacked under a name that an archive chooses, and everything is checked before it is kept."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from maml_core.errors import StoreError
from maml_core.files import explained, remove_leftovers, whole_path, write_file
from maml_core.store.document import DOCUMENT, MAX_DOCUMENT_BYTES, SavedRun, from_document
from maml_core.store.folder import load_run, read_folder
from maml_core.store.runs import RunStore

MAX_FILE_BYTES = 2**31
"""Most bytes of a data file of an archive; larger ones are taken for a trap."""

_BESIDE = ".import-"
"""How the name of a folder begins that becomes a run's once it is whole."""


def import_run(source: str | os.PathLike[str], store: RunStore, *, name: str | None = None) -> SavedRun:
    """Put the run of an archive, or of a folder from elsewhere, into a store, byte for byte.

    Args:
        source: What `zip_run` wrote, or a run folder.
        store: Where to keep it.
        name: Under which name; None for the one that it has there.

    Raises:
        ConfigError: The name cannot be used.
        StoreError: There is no run, it is damaged or of a newer version, or the name is taken. The store is as it was.
    """
    source = Path(source)
    if source.is_dir():
        own_name, contents = whole_path(source).name, read_folder(source)
    else:
        own_name, contents = _contents(source)
    target = store.folder(own_name if name is None else name)
    if os.path.lexists(target):
        raise _taken(target)
    with explained(f"cannot keep the run in {store.root}"):
        store.root.mkdir(parents=True, exist_ok=True)
        remove_leftovers(store.root, f"{_BESIDE}*")
        beside = Path(tempfile.mkdtemp(prefix=_BESIDE, dir=store.root))
        try:
            for file in sorted(contents, key=lambda file: file == DOCUMENT):  # no run until it is whole
                write_file(beside / file, contents[file])
            with _said_of(source, beside):
                run = load_run(beside)
            beside.chmod(0o777 & ~_umask())
            try:
                beside.rename(target)
            except OSError:
                if os.path.lexists(target):  # by somebody else, just now
                    raise _taken(target) from None
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return dataclasses.replace(run, name=target.name)


def _contents(path: Path) -> tuple[str, dict[str, bytes]]:
    """The name and the files of the one run in an archive."""
    if not path.exists():
        raise StoreError("missing", f"there is no file or folder {path}")
    try:
        with explained(f"cannot read {path}"), zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            found = [name for name in entries if PurePosixPath(name).name == DOCUMENT]
            if len(found) != 1:
                several = "several runs: unpack it, and import one folder after the other" if found else "no run"
                raise StoreError("foreign", f"{path} holds {several}")
            [document] = found
            inside = document.removesuffix(DOCUMENT)
            contents = {DOCUMENT: _read(archive, entries[document], MAX_DOCUMENT_BYTES)}
            for file in from_document(path, contents[DOCUMENT]).files.values():
                entry = entries.get(inside + file.name)
                if entry is None or entry.file_size != file.size:
                    raise StoreError("damaged", f"{path} is damaged: {file.name} is not whole; export it once more")
                contents[file.name] = _read(archive, entry, min(file.size, MAX_FILE_BYTES))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError("damaged", f"{path} is no ZIP archive, or a damaged or locked one ({error})") from error
    return PurePosixPath(inside).name or path.stem, contents


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """An entry, of which no more is unpacked than it may have."""
    with archive.open(entry) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise StoreError("damaged", f"{entry.filename} in {archive.filename} is larger than {most:,} bytes")
    return data


@contextlib.contextmanager
def _said_of(source: Path, folder: Path) -> Iterator[None]:
    """Let a sentence about a folder that nobody knows be one about where the run comes from."""
    try:
        yield
    except StoreError as error:
        raise StoreError(error.kind, str(error).replace(str(folder), str(source))) from None


def _taken(target: Path) -> StoreError:
    return StoreError("taken", f"there is a run called {target.name!r} already; choose another name")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
