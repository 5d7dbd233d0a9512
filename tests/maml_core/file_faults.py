"""Every file operation fails once: Python tells an audit hook of each before it is done, and the hook refuses it, or ends the process there."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
