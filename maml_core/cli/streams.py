"""The standard streams as a command finds them: closed, full or of another code page, they end in a sentence and never in a traceback."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Any

NAME = "stdout"
"""What a failed write to it is said to be of."""


class UnreadError(OSError):
    """Whoever read stdout has stopped. Not a `BrokenPipeError`, of which Typer and Rich each make the exit code of a failure."""


class _Named(io.FileIO):
    """A file whose failed writes say that it was stdout."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError as error:
            raise UnreadError(NAME) from error
        except OSError as error:
            error.filename = NAME
            raise


class _Closed(io.TextIOBase):
    """Stdout where the caller has closed it: whoever prints is told."""

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, _text: str) -> int:
        raise OSError(errno.EBADF, "it is closed", NAME)


def prepare() -> None:
    """Make of the streams what a command can rely on: they are there, print what they can, and stdout says of itself where it fails."""
    while (handle := os.open(os.devnull, os.O_RDWR)) < 3:  # in the place of a closed one, or the next file would be it
        pass
    os.close(handle)
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115  # until the process ends
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = _Closed()  # as much of one as is used
        return
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console of whatever code page prints what it can
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        raw = _Named(sys.stdout.fileno(), "wb", closefd=False)
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), encoding=sys.stdout.encoding, errors="replace")


def let_go() -> None:
    """Print no more: what is still to be written goes nowhere, or Python would try again at the very end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
