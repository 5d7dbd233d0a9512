"""The files of a folder or of a zip file, read the same way. Nothing is unpacked, and no link is followed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from maml_core.datasets.imageset import Skipped
from maml_core.datasets.pictures import UnreadableError
from maml_core.errors import DataError
from maml_core.files import explained

MAX_FILE_BYTES = 50 * 2**20
"""Of one file."""

MAX_FILES = 500_000
"""Of one folder or zip file."""

_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
"""What reading a file or a member of a zip file raises; RuntimeError is of an encrypted one."""


class File(NamedTuple):
    """A file of a tree."""

    path: PurePosixPath
    """From the top of the tree."""
    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Files that can be listed and read."""

    where: Path
    files: tuple[File, ...]
    """In order of their paths; hidden ones are left out."""
    empty: tuple[str, ...]
    """Folders without any files below them."""
    refused: tuple[Skipped, ...]
    """What cannot be read, and why."""
    opened: Callable[[File], IO[bytes]]

    def read(self, file: File) -> bytes:
        """The bytes of a file.

        Raises:
            UnreadableError: They cannot be had, or there are more than `MAX_FILE_BYTES`.
        """
        data = b""
        if file.size <= MAX_FILE_BYTES:
            try:
                with self.opened(file) as source:
                    data = source.read(MAX_FILE_BYTES + 1)
            except _UNREADABLE as error:
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                raise UnreadableError(f"damaged: {reason}") from error
        if max(file.size, len(data)) > MAX_FILE_BYTES:
            raise UnreadableError(f"larger than {MAX_FILE_BYTES // 2**20} MB")
        return data


def fingerprint(tree: Tree) -> str:
    """Changes when a file of the tree comes, goes or is written again."""
    digest = hashlib.sha256()
    for path, size, changed_ns in tree.files:
        digest.update(f"{path}\0{size}\0{changed_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


@contextlib.contextmanager
def open_tree(where: Path) -> Iterator[Tree]:
    """The tree of a folder or of a zip file.

    Raises:
        DataError: There is nothing, it is neither, it is damaged, or it holds more than `MAX_FILES`.
    """
    with contextlib.ExitStack() as stack:
        with explained(f"cannot read {where}", DataError):
            if where.is_dir():
                tree = _folder(where)
            elif where.exists():
                tree = _archive(where, stack.enter_context(_opened(where)))
            else:
                raise DataError("missing", f"there is no {where}; name a folder, or a zip file, that is there")
        yield tree


def _opened(where: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(where)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise DataError(
            "damaged", f"{where} is no zip file, or a damaged one ({error}); fetch it again, or name a folder"
        ) from error


def _folder(where: Path) -> Tree:
    files: list[File] = []
    refused: list[Skipped] = []
    folders: list[PurePosixPath] = []
    to_list = [PurePosixPath()]
    while to_list:
        here = to_list.pop()
        with os.scandir(where / here) as items:
            for item in items:
                path = here / item.name
                if item.name.startswith("."):
                    continue
                if item.is_symlink():
                    refused.append(Skipped(str(path), "a link; links are not followed"))
                elif item.is_dir():
                    to_list.append(path)
                    folders.append(path)
                elif item.is_file():
                    stat = item.stat()
                    files.append(File(path, stat.st_size, stat.st_mtime_ns))
        _check_number(where, len(files) + len(folders))
    return Tree(
        where=where,
        files=tuple(sorted(files)),
        empty=_empty(folders, files),
        refused=tuple(sorted(refused)),
        opened=lambda file: open(where / file.path, "rb"),
    )


def _archive(where: Path, archive: zipfile.ZipFile) -> Tree:
    files: list[File] = []
    refused: list[Skipped] = []
    folders: list[PurePosixPath] = []
    members: dict[PurePosixPath, zipfile.ZipInfo] = {}
    _check_number(where, len(archive.infolist()))
    changed_ns = where.stat().st_mtime_ns
    for info in archive.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in info.filename:
            refused.append(Skipped(info.filename, "its path leads out of the zip file"))
        elif any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            continue
        elif info.is_dir():
            folders.append(path)
        elif info.flag_bits & 0x1:
            refused.append(Skipped(info.filename, "it is encrypted"))
        elif path in members:
            refused.append(Skipped(info.filename, "the zip file holds it twice; the first one is taken"))
        else:
            members[path] = info
            files.append(File(path, info.file_size, changed_ns))
    return Tree(
        where=where,
        files=tuple(sorted(files)),
        empty=_empty(folders, files),
        refused=tuple(sorted(refused)),
        opened=lambda file: archive.open(members[file.path]),
    )


def _check_number(where: Path, number: int) -> None:
    if number > MAX_FILES:
        raise DataError("large", f"{where} holds more than {MAX_FILES:,} files; choose a smaller one")


def _empty(folders: list[PurePosixPath], files: list[File]) -> tuple[str, ...]:
    filled = {folder for file in files for folder in file.path.parents}
    return tuple(str(folder) for folder in sorted(folders) if folder not in filled)
