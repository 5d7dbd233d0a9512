"""How much memory a process may use, and what the C library does with memory that torch has freed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from collections.abc import Mapping
from pathlib import Path

KEPT_BYTES, SMALL_KEPT_BYTES = 256 * 2**20, 64 * 2**20
"""How much freed memory a process keeps at most; and on a small server."""

SMALL = "MAML_SMALL"
"""The environment variable that says whether a server is a small one: 1 or 0. Otherwise its memory says it."""

SMALL_BYTES = 3_500_000_000
"""With less memory than this a server is a small one: free clouds give 1 to 3 GB, and machines that are sold with 4 GB have more than this."""

_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux says what a container may use: in its newer and in its older form."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from malloc.h


_GIVEN_BACK_BYTES = 64 * 2**10
"""What is at least as large as this is given back to the system when it is freed, where that is asked for."""


def memory_bytes(root: Path = Path("/")) -> int | None:
    """Memory that this process and its neighbours in a container may use together: the machine's, or the container's where that is less.

    Args:
        root: Where the system's files are.

    Returns:
        None where nothing tells it.
    """
    found = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # there is no sysconf on Windows
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for file in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # it is not there, or says "max"
            found.append(int((root / file).read_text(encoding="ascii")))
    return min(found, default=None)


def is_small(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a server has so little memory that it should do with one worker, and keep less.

    >>> is_small({"MAML_SMALL": "1"}), is_small({"MAML_SMALL": "0"})
    (True, False)
    """
    said = environment.get(SMALL, "")
    if said:
        return said != "0"
    return (memory_bytes() or SMALL_BYTES) < SMALL_BYTES


def keep_freed_memory() -> None:
    """Have this process keep up to `KEPT_BYTES` of what it frees, where the C library is glibc; elsewhere nothing happens.

    A step of an image run frees some 100 MB. By default glibc hands them back to the system, which clears every page when the next step
    asks for it again: a quarter of the step's time.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for which in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            library.mallopt(which, SMALL_KEPT_BYTES if is_small() else KEPT_BYTES)


def give_back_freed_memory() -> None:
    """Have this process give back what it frees, if it is 64 kB or more, where the C library is glibc; elsewhere nothing happens.

    By default glibc takes what it once gave back for something that comes again, up to 32 MB, and keeps it from then on: a server whose frames and states
    are some 100 kB holds holes between them, more with every minute.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _GIVEN_BACK_BYTES)
