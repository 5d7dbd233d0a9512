"""Workers that hang or swell: what each of a pool is at, in memory that they share, and what the system says of its processor time and its size.

The processor time and the size of another process are known on Linux; elsewhere only what takes far too long is found out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from maml_core.memory import memory_bytes

P = ParamSpec("P")
T = TypeVar("T")

HANGS_S = 60.0
"""A worker that is at something, and has used no processor time for so long, hangs."""

LONGEST_S = 3600.0
"""The longest that anything takes that a worker is given: judgements of large networks take minutes."""

SHARE = 0.75
"""A worker with a larger share of the memory that there is has swollen: the system would soon end it, or something else."""

_PROC = Path("/proc")


class Tasks:
    """When each worker began what it is at. Made by the parent, given to each worker as it starts.

    Args:
        context: Of `multiprocessing`, by which the workers start.
        num_workers: At most.
    """

    def __init__(self, context: Any, num_workers: int) -> None:
        self._count = context.Value("i", 0)
        self._pids, self._began = context.RawArray("q", num_workers), context.RawArray("d", num_workers)

    def join(self) -> int:
        """A worker's own place."""
        with self._count.get_lock():
            place = int(self._count.value)
            self._count.value += 1
        self._pids[place] = os.getpid()
        return place

    def begin(self, place: int) -> None:
        """A worker is at something."""
        self._began[place] = time.monotonic()

    def end(self, place: int) -> None:
        """It is at nothing."""
        self._began[place] = 0.0

    def under_way(self) -> list[tuple[int, float]]:
        """The process of each worker that is at something, and since when."""
        return [(pid, began) for pid, began in zip(self._pids, self._began, strict=True) if pid and began]


_mine: tuple[Tasks, int] | None = None
"""A worker's own."""


def join(tasks: Tasks) -> None:
    """Make this process one of the workers."""
    global _mine
    _mine = tasks, tasks.join()


def noted(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a worker, which is at something meanwhile."""
    if _mine is None:
        return fn(*args, **kwargs)
    tasks, place = _mine
    tasks.begin(place)
    try:
        return fn(*args, **kwargs)
    finally:
        tasks.end(place)


class _Seen(NamedTuple):
    began: float
    cpu_ticks: int
    idle_s: float


class Health:
    """Which workers are to be ended.

    Args:
        tasks: Of the pool.
        hangs_s: See `HANGS_S`.
        max_bytes: Resident memory of a worker at most; None for `SHARE` of what there is.
    """

    def __init__(self, tasks: Tasks, *, hangs_s: float = HANGS_S, max_bytes: int | None = None) -> None:
        self._tasks, self._hangs_s = tasks, hangs_s
        self._max_bytes = max_bytes or int(SHARE * (memory_bytes() or 0)) or None
        self._seen: dict[int, _Seen] = {}

    def unwell(self, passed_s: float) -> list[tuple[int, str]]:
        """The processes of workers that are to be ended, and what they did, as it follows "a worker process".

        Args:
            passed_s: Since the last look; time in which nobody could look, as on a laptop that slept, does not count.
        """
        found, seen = [], dict[int, _Seen]()
        for pid, began in self._tasks.under_way():
            ticks, before = _cpu_ticks(pid), self._seen.get(pid)
            is_idle = ticks is not None and before is not None and (began, ticks) == before[:2]
            seen[pid] = _Seen(began, ticks or 0, before.idle_s + passed_s if is_idle and before is not None else 0.0)
            if seen[pid].idle_s > self._hangs_s or time.monotonic() - began > LONGEST_S:
                found.append((pid, "hung and was ended"))
            elif self._max_bytes is not None and _resident_bytes(pid) > self._max_bytes:
                found.append((pid, f"grew beyond {self._max_bytes / 2**30:.1f} GiB and was ended"))
        self._seen = seen
        return found


def _cpu_ticks(pid: int) -> int | None:
    """Processor time of a process, in the system's ticks; None where nobody knows."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, ValueError, IndexError):
        return None


def _resident_bytes(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
