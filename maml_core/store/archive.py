"""Runs from elsewhere: everything is checked before it is kept."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from maml_core.files import explained, whole_path, write_file
from maml_core.store.arrival import check_free, new_folder, opened
from maml_core.store.document import DOCUMENT, MAX_DOCUMENT_BYTES, SavedRun, from_document
from maml_core.store.folder import checked, from_files, read_folder
from maml_core.store.runs import RunStore

_BESIDE = ".import-"
"""How the name of a folder begins that becomes a run's once it is whole."""


class Arrival(NamedTuple):
    """A run from elsewhere, read once."""

    run: SavedRun
    contents: Mapping[str, bytes]
    """Its files, every byte checked."""


def read_run(source: str | os.PathLike[str]) -> Arrival:
    """The run of an archive, or of a folder from elsewhere, under the name that it has there.

    Args:
        source: What `zip_run` wrote, or a run folder.

    Raises:
        StoreError: There is no run, or it is damaged or of a newer version.
    """
    source = Path(source)
    own_name, contents = (whole_path(source).name, read_folder(source)) if source.is_dir() else _contents(source)
    return Arrival(dataclasses.replace(from_files(source, contents), name=own_name), contents)


def keep_run(found: Arrival, store: RunStore, *, name: str | None = None) -> SavedRun:
    """Put a run that was read into a store, byte for byte.

    Args:
        found: The run and its files.
        store: Where to keep it.
        name: Under which name; None for its own.

    Raises:
        ConfigError: The name cannot be used.
        StoreError: The name is taken. The store is as it was.
    """
    target = store.folder(found.run.name if name is None else name)
    check_free(target, "run")
    with (
        explained(f"cannot keep the run in {store.root}"),
        new_folder(target, prefix=_BESIDE, what="run") as folder,
    ):
        for file in sorted(found.contents, key=lambda file: file == DOCUMENT):  # no run until it is whole
            write_file(folder / file, found.contents[file])
    return dataclasses.replace(found.run, name=target.name)


def import_run(source: str | os.PathLike[str], store: RunStore, *, name: str | None = None) -> SavedRun:
    """`keep_run` of what `read_run` finds."""
    return keep_run(read_run(source), store, name=name)


def _contents(path: Path) -> tuple[str, dict[str, bytes]]:
    """The name and the files of the one run in an archive."""
    with opened(path, DOCUMENT, "run") as archive:
        contents = {DOCUMENT: archive.document(MAX_DOCUMENT_BYTES)}
        for file in from_document(path, contents[DOCUMENT]).files.values():
            contents[file.name] = checked(path, file, archive.file(file.name, file.size))
        return archive.name, contents
