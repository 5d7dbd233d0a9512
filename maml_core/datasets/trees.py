"""The files of a folder or of a zip file, read the same way. Nothing is unpacked, and no link is followed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from maml_core.datasets.imageset import Skipped
from maml_core.datasets.pictures import UnreadableError
from maml_core.errors import DataError
from maml_core.files import explained
from maml_core.zips import damage_told, open_zip

MAX_FILE_BYTES = 50 * 2**20
"""Most bytes of one file."""

MAX_FILES = 500_000
"""Most files of one folder or zip file."""

MAX_INNER_BYTES = 2**29
"""Most bytes of a zip file in a zip file, which is held in memory."""

_OF_SYSTEMS = frozenset(
    {
        "__macosx",
        "__pycache__",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "lost+found",
        "$recycle.bin",
        "system volume information",
    }
    | {"@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "recycler", "network trash folder"}
    | {"temporary items", "_thumbs", "thumbnail", "thumbnails", "_vti_cnf", "_notes", "icon\r"}
)
"""Files and folders that systems, servers and viewers make beside the images of people; hidden ones are left out anyhow."""

_OUT_OF_IT = re.compile(r"[A-Za-z]:[\\/]")
"""How the path of another drive begins."""


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
    """In order of their paths; hidden ones and those that systems make are left out."""
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
                with damage_told(), self.opened(file) as source:
                    data = source.read(MAX_FILE_BYTES + 1)
            except (zipfile.BadZipFile, OSError) as error:
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


@contextlib.contextmanager
def zips_opened(tree: Tree, wanted: Callable[[PurePosixPath], bool]) -> Iterator[Tree]:
    """A tree in which some of its zip files are folders, called like them without their ending.

    Args:
        tree: What holds them.
        wanted: Says by its path whether a zip file is opened.

    Raises:
        DataError: Together there are more than `MAX_FILES`.
    """
    with contextlib.ExitStack() as stack:
        files: dict[PurePosixPath, File] = {}
        openers: dict[PurePosixPath, Callable[[], IO[bytes]]] = {}
        refused, empty = list(tree.refused), list(tree.empty)
        for file in tree.files:
            if not wanted(file.path):
                files[file.path], openers[file.path] = file, lambda file=file: tree.opened(file)  # type: ignore[misc]
                continue
            try:
                inner = stack.enter_context(open_zip(stack.enter_context(_seekable(tree, file))))
            except UnreadableError as error:
                refused.append(Skipped(str(file.path), str(error)))
                continue
            except (zipfile.BadZipFile, OSError) as error:
                refused.append(Skipped(str(file.path), f"no zip file, or a damaged one ({error})"))
                continue
            top = file.path.with_suffix("")
            found = _members(tree.where, inner, file.changed_ns)
            refused += [Skipped(str(top / name), reason) for name, reason in found.refused]
            empty += [str(top / name) for name in found.empty]
            for member in found.files:
                path = top / member.path
                files[path] = member._replace(path=path)
                openers[path] = lambda member=member, opened=found.opened: opened(member)  # type: ignore[misc]
            _check_number(tree.where, len(files))
        yield replace(
            tree,
            files=tuple(sorted(files.values())),
            empty=tuple(sorted(empty)),
            refused=tuple(sorted(refused)),
            opened=lambda file: openers[file.path](),
        )


def _seekable(tree: Tree, file: File) -> IO[bytes]:
    """A zip file of a tree, open; one that lies in a zip file is read as a whole, since going back in it would begin anew each time."""
    with damage_told():
        source = tree.opened(file)
        if not isinstance(source, zipfile.ZipExtFile):
            return source
        with source:
            data = source.read(MAX_INNER_BYTES + 1)
    if len(data) > MAX_INNER_BYTES:
        raise UnreadableError(f"in a zip file it may have {MAX_INNER_BYTES // 2**20} MB; unpack the outer one")
    return io.BytesIO(data)


def _is_of_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def _opened(where: Path) -> zipfile.ZipFile:
    try:
        return open_zip(where)
    except zipfile.BadZipFile as error:
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
                if _is_of_system(item.name):
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
    _check_number(where, len(archive.infolist()))
    return _members(where, archive, where.stat().st_mtime_ns)


def _members(where: Path, archive: zipfile.ZipFile, changed_ns: int) -> Tree:
    files: list[File] = []
    refused: list[Skipped] = []
    folders: list[PurePosixPath] = []
    members: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or _OUT_OF_IT.match(info.filename):
            refused.append(Skipped(info.filename, "its path leads out of the zip file"))
        elif any(map(_is_of_system, path.parts)):
            continue
        elif not info.filename:
            refused.append(Skipped("a file without a name", "nothing says what it is"))
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
