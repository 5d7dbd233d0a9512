"""What comes from elsewhere as a ZIP archive, and how it gets its place: whole or not at all, and nothing is unpacked under a name that an archive chooses."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from maml_core.errors import StoreError
from maml_core.files import explained, remove_leftovers
from maml_core.zips import damage_told, open_zip

MAX_FILE_BYTES = 2**31
"""Most bytes of a data file of an archive; larger ones are taken for a trap."""


@contextlib.contextmanager
def new_folder(target: Path, *, prefix: str, what: str) -> Iterator[Path]:
    """A new folder of the last name of `target`, in a hidden one beside it, to be filled; it takes its place once that is done.

    Args:
        target: Its place.
        prefix: How the name of the hidden folder begins, with a dot; those of processes that were killed are removed.
        what: What has such a name, as in "run".

    Raises:
        StoreError: The place is taken, by now.
        OSError: It cannot be made. Nothing is left behind.
    """
    check_free(target, what)
    root = target.parent
    root.mkdir(parents=True, exist_ok=True)
    remove_leftovers(root, f"{prefix}*")
    beside = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    try:
        folder = beside / target.name
        folder.mkdir()
        yield folder
        try:
            folder.rename(target)
        except OSError:
            check_free(target, what)  # taken by somebody else, just now
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def check_free(target: Path, what: str) -> None:
    """See that nothing stands at a place.

    Raises:
        StoreError: Something does.
    """
    if os.path.lexists(target):
        raise StoreError("taken", f"there is a {what} called {target.name!r} already; choose another name")


class Archive:
    """The one run, or sweep, in a ZIP archive. Made by `opened`.

    Args:
        file: The archive, open.
        document: Name of the file that says what else belongs to it.
        what: What it is one of, as in "run".

    Raises:
        StoreError: There is none, or several.
    """

    def __init__(self, file: zipfile.ZipFile, document: str, what: str) -> None:
        self._file, self._document = file, document
        self._entries = {entry.filename: entry for entry in file.infolist()}
        found = [name for name in self._entries if PurePosixPath(name).name == document]
        if len(found) != 1:
            several = f"several {what}s: unpack it, and import one folder after the other" if found else f"no {what}"
            raise StoreError("foreign", f"{file.filename} holds {several}")
        self._inside = found[0].removesuffix(document)

    @property
    def name(self) -> str:
        """Name of the folder that it lies in, or else of the archive, without its ending."""
        return PurePosixPath(self._inside).name or Path(str(self._file.filename)).stem

    def document(self, most: int) -> bytes:
        """The file that says what else belongs to it, of at most so many bytes."""
        return self._read(self._entries[self._inside + self._document], most)

    def file(self, name: str, size: int) -> bytes:
        """Another file, of the size that the document gives.

        Raises:
            StoreError: It is not there, or of another size.
        """
        entry = self._entries.get(self._inside + name)
        if entry is None or entry.file_size != size:
            raise StoreError("damaged", f"{self._file.filename} is damaged: {name} is not whole; export it once more")
        return self._read(entry, min(size, MAX_FILE_BYTES))

    def _read(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        """An entry, of which no more is unpacked than it may have."""
        with damage_told(), self._file.open(entry) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise StoreError("damaged", f"{entry.filename} in {self._file.filename} is larger than {most:,} bytes")
        return data


@contextlib.contextmanager
def opened(path: Path, document: str, what: str) -> Iterator[Archive]:
    """The one run, or sweep, in a file; arguments and errors are those of `Archive`.

    Raises:
        StoreError: There is no file, or it is no archive, or a damaged or locked one.
    """
    if not path.exists():
        raise StoreError("missing", f"there is no file or folder {path}")
    try:
        with explained(f"cannot read {path}"), open_zip(path) as file:
            yield Archive(file, document, what)
    except zipfile.BadZipFile as error:
        raise StoreError("damaged", f"{path} is no ZIP archive, or a damaged or locked one ({error})") from error


@contextlib.contextmanager
def said_of(source: Path, folder: Path) -> Iterator[None]:
    """Let a sentence about a folder that nobody knows be one about where its contents come from."""
    try:
        yield
    except StoreError as error:
        raise StoreError(error.kind, str(error).replace(str(folder), str(source))) from None
