"""Files that are written whole or not at all, and folders that one process at a time writes into."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from maml_core.errors import DataError, StoreError

ATTEMPTS = 10
"""How often something is tried that others may have spoiled by what they did at the same moment."""


LEFT_S = 3600.0
"""What is made on the way to a whole takes seconds: where nobody has touched it for so long, its process was killed."""


def write_file(path: Path, *parts: bytes | memoryview) -> None:
    """Put a file in its place in one step, when all of it is on the disk; what stood there before stays until then.

    Args:
        path: Its place, in a folder that is there.
        parts: What it holds, one after the other.

    Raises:
        OSError: It cannot be written, or a folder, a device or a pipe stands there. Nothing is left behind.
    """
    part = path.with_name(path.name + ".part")
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is a folder, a device or a pipe, and no file")
        if os.path.lexists(part) and not stat.S_ISREG(part.lstat().st_mode):
            raise OSError(errno.EEXIST, f"{part.name} stands in the way")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        try:
            try:
                for data in parts:
                    rest = memoryview(data)
                    while rest:
                        rest = rest[os.write(handle, rest) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # what a person asked for, whatever was tried on the way
        raise


def append_file(path: Path, data: bytes) -> None:
    """Put data at the end of a file and see it on the disk. Where there is no room for all of it, a part of it may be there afterwards.

    Raises:
        OSError: It cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what processes that were killed have left on their way: the files and folders that match and that nobody has touched for `LEFT_S`."""
    with contextlib.suppress(OSError):  # they harm nobody, and the next one tries again
        for path in folder.glob(pattern):
            if time.time() - path.lstat().st_mtime < LEFT_S:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def whole_path(path: Path) -> Path:
    """The path from the root on, without `..`: its last part is the name of what lies there.

    >>> whole_path(Path("/runs/one/../two")).name
    'two'
    """
    return Path(os.path.abspath(path))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int | None]:
    """The only one to write into a folder; the lock ends with the process that holds it.

    A folder that was made for it and has nothing in it afterwards is removed.

    Yields:
        A handle of the folder, where the system has such.
    """
    attempts = 0
    while True:
        made = not folder.is_dir()
        try:
            with contextlib.ExitStack() as stack:
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    handle = stack.enter_context(_lock(folder))
                except (
                    FileExistsError,
                    FileNotFoundError,
                ):  # deleted by somebody at this very moment, or not to be had
                    attempts += 1
                    if attempts >= ATTEMPTS or (os.path.lexists(folder) and not folder.is_dir()):
                        raise
                    continue
                if handle is None or _is_at(handle, folder):  # not deleted or renamed while this one waited
                    yield handle
                    return
        finally:
            if made:
                with contextlib.suppress(OSError):
                    folder.rmdir()


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock file that says who holds it; it is gone afterwards, and the lock ends with this process whatever ends that.

    Args:
        path: The file, in a folder that is there.

    Raises:
        BlockingIOError: Somebody else holds it.
        OSError: It cannot be made.
    """
    refused = 0
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                _try_lock(handle)
            except BlockingIOError:
                refused += 1
                if refused == ATTEMPTS:
                    raise
                time.sleep(0.02)  # `holder` has it too, for less
                continue
            if not _is_at(handle, path):  # its last holder has just removed it
                continue
            os.truncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # on Windows, while it is open
                    os.unlink(path)
            return
        finally:
            os.close(handle)


def holder(path: Path) -> str | None:
    """Who holds a lock file; None where nobody does."""
    if not path.exists():
        return None
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        _try_lock(handle)
        return None
    except BlockingIOError:
        with contextlib.suppress(OSError):
            return os.read(handle, 200).decode(errors="replace") or "another process"
        return "another process"
    finally:
        os.close(handle)


def _try_lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, 2**20, os.SEEK_SET)  # beyond what it says, which others read
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[int | None]:
    if sys.platform == "win32":
        import msvcrt

        file = os.open(folder.with_name(f".{folder.name}.lock"), os.O_RDWR | os.O_CREAT)
        try:
            msvcrt.locking(file, msvcrt.LK_LOCK, 1)
            yield None
        finally:
            os.close(file)
    else:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def explained(what: str, error_type: type[StoreError] | type[DataError] = StoreError) -> Iterator[None]:
    """Turn what the system refuses into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise error_type("full", f"{what}: the disk is full. Free some space and try again") from error
        reason = error.strerror or type(error).__name__
        raise error_type("refused", f"{what}: {reason}. Choose another folder, or see to its permissions") from error
