"""What code of one's own has done wrong, in a sentence that names its line: nobody looks for their mistake among the engine's."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path

from maml_core.errors import ClusterError, ConfigError, DataError, StateError, StoreError

MOST_LETTERS = 300
"""Letters of an exception that a sentence repeats."""

_NOT_THEIRS = (
    Path(__file__).parent,
    *(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")),
)
"""Folders whose lines are no place to look for a mistake of one's own code."""

_SAID_ALREADY = (ClusterError, ConfigError, DataError, StateError, StoreError, BrokenExecutor, MemoryError)
"""Exceptions that say what to do, or are the machine's."""


def own_failure(error: Exception) -> str:
    """What an exception says of one's own code: the line that it comes from, where it comes from one, and what was raised there."""
    line, own = _own_line(error)
    said = " ".join(str(own).split())
    said = f"{type(own).__name__}: {said[:MOST_LETTERS]}{'…' if len(said) > MOST_LETTERS else ''}"
    return f"its own code fails in {line} ({said})" if line else f"it cannot be computed ({said})"


@contextmanager
def own_failures_said(name: str | None) -> Iterator[None]:
    """Make of what one's own code raises a sentence about it.

    Args:
        name: Of the code that computes here, ``module:attribute``; None: there is none, and everything is raised as it is.

    Raises:
        ConfigError: Its code fails.
    """
    try:
        yield
    except _SAID_ALREADY:
        raise
    except Exception as error:
        if name is None or (isinstance(error, OSError) and not _own_line(error)[0]):  # a disk, or a pipe
            raise
        raise ConfigError("problem", name, f"{own_failure(error)}; correct it") from error


def _own_line(error: BaseException) -> tuple[str, BaseException]:
    """The line of one's own code that it comes from, empty where it comes from none, and what was raised there: another one may have been raised
    from that.
    """
    if error.__cause__ is not None:
        found = _own_line(error.__cause__)
        if found[0]:
            return found
    lines = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = [at for at in lines if not any(at[0].is_relative_to(folder) for folder in _NOT_THEIRS)]
    return (f"{own[-1][0].name}, line {own[-1][1]}" if own else ""), error
