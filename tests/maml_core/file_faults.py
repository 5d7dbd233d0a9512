"""Every file operation fails once: Python tells an audit hook of each before it is done, and the hook refuses it, or ends the process there. Of each
write there is room for a half.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from maml_core.errors import ConfigError, DataError, StoreError

EVENTS = frozenset(
    {
        "open",
        "os.rename",
        "os.remove",
        "os.mkdir",
        "os.rmdir",
        "os.chmod",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.listdir",
        "os.scandir",
        "os.utime",
    }
)
KILLED = 99


class _Watch:
    """Which operation is refused, and how far one has come. There is one: a hook cannot be taken away."""

    def __init__(self) -> None:
        self.folder = ""
        self.at = 0
        self.seen = 0
        self.lasts = False
        self.act: Callable[[], None] | None = None
        self._is_there = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.act is None or event not in EVENTS or not self._is_ours(arguments):
            return
        self.seen += 1
        if self.seen == self.at or (self.lasts and self.seen > self.at):
            self.act()

    def _is_ours(self, arguments: tuple[Any, ...]) -> bool:
        name = arguments[0]
        if not isinstance(name, str | bytes | os.PathLike):
            return False
        path = os.fsdecode(name)
        return path.startswith(self.folder) or not os.path.isabs(path)  # relative to a folder that is open

    def set(self, folder: Path, at: int, *, lasts: bool, act: Callable[[], None] | None) -> None:
        if not self._is_there:
            sys.addaudithook(self)
            self._is_there = True
        self.folder, self.at, self.seen, self.lasts, self.act = str(folder), at, 0, lasts, act


_WATCH = _Watch()


def _refuse() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@contextlib.contextmanager
def failing(folder: Path, at: int, *, lasts: bool = False) -> Iterator[Callable[[], bool]]:
    """Refuse one file operation.

    Args:
        folder: Below which operations count.
        at: Which of them, from 1.
        lasts: Refuse all that follow, too, as a disk does that has gone.

    Yields:
        Whether there were as many.
    """
    _WATCH.set(folder, at, lasts=lasts, act=_refuse)
    try:
        yield lambda: _WATCH.seen >= at
    finally:
        _WATCH.act = None


def killed(folder: Path, at: int, action: Callable[[], object]) -> bool:
    """Do something in a process that ends at one of its file operations, as by SIGKILL; gives whether there were as many.

    What the action raises ends its process, too, and is no fault here.
    """
    child = os.fork()
    if child == 0:
        _WATCH.set(folder, at, lasts=False, act=lambda: os._exit(KILLED))
        with contextlib.suppress(BaseException):
            action()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == KILLED


@contextlib.contextmanager
def filling(folder: Path, at: int) -> Iterator[Callable[[], bool]]:
    """Fill the disk in the midst of a write: half of that is left behind, and nothing more can be written.

    Args:
        folder: Below which writes count.
        at: Which of them, from 1.

    Yields:
        Whether there were as many.
    """
    seen, write, send = 0, os.write, os.sendfile

    def allowed(handle: int, size: int) -> int:
        """How much of so many bytes there is room for."""
        nonlocal seen
        if not os.readlink(f"/proc/self/fd/{handle}").startswith(str(folder)):
            return size
        seen += 1
        if seen > at or (seen == at and size < 2):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return size // 2 if seen == at else size  # whoever wrote it tries the rest

    def written(handle: int, data: Any) -> int:
        return write(handle, memoryview(data)[: allowed(handle, len(data))])

    def sent(to: int, source: int, offset: int, _count: int) -> int:
        return send(to, source, offset, allowed(to, max(0, os.fstat(source).st_size - offset)))

    with mock.patch.object(os, "write", written), mock.patch.object(os, "sendfile", sent):
        yield lambda: seen >= at


# Whatever is done to what is kept, at each of its operations


class Case(NamedTuple):
    """Something that is done to what is kept."""

    prepare: Callable[[Path], object]
    act: Callable[[Path], object]
    check: Callable[[Path], object]
    """Holds whatever happened."""
    is_done: Callable[[Path], bool]
    """Whether it was done."""
    each: int = 1
    """Each so many of its operations fails."""


Failing = Callable[[Path, int], contextlib.AbstractContextManager[Callable[[], bool]]]

MOST = 400
"""Operations of any of them."""

EXPLAINED = (StoreError, ConfigError, DataError)
"""What people are told in a sentence."""


def fail_at_each(case: Case, folder: Path, failing: Failing, explained: tuple[type[Exception], ...] = EXPLAINED) -> int:
    """Do something anew for each of its operations, of which that one fails; gives how many there are."""
    for at in range(1, MOST, case.each):
        root = _prepared(case, folder, at)
        with failing(root, at) as were_as_many:
            try:
                case.act(root)
                failed = False
            except explained:
                failed = True
        if not were_as_many():
            assert case.is_done(root)
            return at
        case.check(root)
        if not failed:
            assert case.is_done(root), f"operation {at} failed, and nobody said so"
        else:
            _once_more(case, root, at, explained)
        shutil.rmtree(root)
    raise AssertionError(f"there are more than {MOST} operations")


def kill_at_each(case: Case, folder: Path, explained: tuple[type[Exception], ...] = EXPLAINED) -> int:
    """Do something anew for each of its operations, in a process that is killed there; gives how many there are."""
    for at in range(1, MOST, case.each):
        root = _prepared(case, folder, at)
        if not killed(root, at, functools.partial(case.act, root)):
            return at
        case.check(root)
        _once_more(case, root, at, explained)
        shutil.rmtree(root)
    raise AssertionError(f"there are more than {MOST} operations")


def _prepared(case: Case, folder: Path, at: int) -> Path:
    root = folder / str(at)
    root.mkdir()
    case.prepare(root)
    return root


def _once_more(case: Case, root: Path, at: int, explained: tuple[type[Exception], ...]) -> None:
    """Who is told that it failed, or sees that nobody is there any more, does it again."""
    with contextlib.suppress(*explained):  # it had been done, but for what follows
        case.act(root)
    assert case.is_done(root), f"after operation {at} it cannot be done again"
