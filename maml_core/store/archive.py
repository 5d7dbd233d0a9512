"""Runs from elsewhere: everything is checked before it is kept."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from maml_core.files import explained, whole_path, write_file
from maml_core.store.arrival import check_free, new_folder, opened, said_of
from maml_core.store.document import DOCUMENT, MAX_DOCUMENT_BYTES, SavedRun, from_document
from maml_core.store.folder import load_run, read_folder
from maml_core.store.runs import RunStore

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
    check_free(target, "run")
    with (
        explained(f"cannot keep the run in {store.root}"),
        new_folder(target, prefix=_BESIDE, what="run") as folder,
    ):
        for file in sorted(contents, key=lambda file: file == DOCUMENT):  # no run until it is whole
            write_file(folder / file, contents[file])
        with said_of(source, folder):
            run = load_run(folder)
    return dataclasses.replace(run, name=target.name)


def _contents(path: Path) -> tuple[str, dict[str, bytes]]:
    """The name and the files of the one run in an archive."""
    with opened(path, DOCUMENT, "run") as archive:
        contents = {DOCUMENT: archive.document(MAX_DOCUMENT_BYTES)}
        for file in from_document(path, contents[DOCUMENT]).files.values():
            contents[file.name] = archive.file(file.name, file.size)
        return archive.name, contents
