"""What the C library does with memory that torch has freed."""

from __future__ import annotations

import ctypes
import platform

KEPT_BYTES = 256 * 2**20
"""How much freed memory a process keeps at most."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from malloc.h


def keep_freed_memory() -> None:
    """Have this process keep up to `KEPT_BYTES` of what it frees, where the C library is glibc; elsewhere nothing happens.

    A step of an image run frees some 100 MB. By default glibc hands them back to the system, which clears every page when the next step
    asks for it again: a quarter of the step's time.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for which in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            library.mallopt(which, KEPT_BYTES)
