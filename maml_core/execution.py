"""Where chunks run: a `concurrent.futures.Executor`, by default a pool of processes on this machine.

Workers start from a fork server that has the engine loaded (spawned where there is none), use one torch thread each, run at lower
priority than whoever serves the page, and end when their parent does. A killed worker breaks the whole pool of the standard library;
`ChunkPool` puts a new one in its place, and the caller, who still holds the last state of every run, submits again. One that is killed
while it answers leaves the pool waiting for the rest of its answer for ever: somebody watches, and ends that. A worker that hangs, or swells,
is ended too (see `worker_health`), and its chunk is lost like that of one that was killed.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing
import multiprocessing.spawn
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, NamedTuple, ParamSpec, TypeVar

from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import RunConfig
from maml_core.memory import keep_freed_memory
from maml_core.records import View
from maml_core.worker_health import HANGS_S, Health, Tasks, join, noted

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)

MAX_LOST = 3
"""Times in a row that a chunk may be lost with its worker."""

MAX_REBUILT = 3
"""Times in a row that a pool is replaced for one chunk."""

PAUSE_S = 0.05
"""Between two of them: a process that was killed takes a moment to be gone."""

LOADED_ONCE = (
    "maml_core.analysis.one_step",
    "maml_core.snapshots",
    "maml_core.state_bytes",
    "scipy.special",  # of the intervals
    "torch.fx.experimental.symbolic_shapes",  # of torch.autograd.grad, when it is called first
)
"""What a worker's first chunk needs: loaded by the server that workers are forked from, so that each has it from its beginning."""

NICENESS = 10
"""How much lower the workers' priority is than the page server's."""


LAST_NICENESS = 19
"""Priority of what is computed last."""

WATCH_S = 1.0
"""How often it is looked whether a worker has ended."""

TOLD_S = 10.0
"""For how long it is known why a worker was ended."""

UNNOTICED_S = 3.0
"""A pool notices within milliseconds that a worker has ended, unless it waits for the rest of an answer."""


class ChunkPool(Executor):
    """A process pool that outlives its workers.

    Args:
        num_workers: Processes; by default one for every processor but one, which is left to whoever serves and draws.
        hangs_s: As of `worker_health.Health`.
        max_bytes: As of `worker_health.Health`.
    """

    def __init__(
        self, num_workers: int | None = None, *, hangs_s: float = HANGS_S, max_bytes: int | None = None
    ) -> None:
        self.num_workers = num_workers or default_workers()
        self._hangs_s, self._max_bytes = hangs_s, max_bytes
        self._ends = Ends()
        self.num_rebuilt = 0
        """How often a broken pool was replaced."""
        self._lock = threading.Lock()
        self._closed = False
        self._context = _context()
        self._pool = self._new_pool()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a call computed by a worker, as by any executor. A future of a pool that broke ends in `BrokenProcessPool`; the next `submit` finds a new pool.

        Raises:
            RuntimeError: After `shutdown`.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool was shut down")
            for _ in range(MAX_REBUILT):
                try:
                    return self._submitted(fn, *args, **kwargs)
                except (BrokenProcessPool, OSError, EOFError):  # the last two where the server of the forks was killed
                    _log.warning("a worker process ended; starting a new pool")
                    self._pool.shutdown(wait=False, cancel_futures=True)
                    self._pool = self._new_pool()
                    self.num_rebuilt += 1
                    time.sleep(PAUSE_S)
            return self._submitted(fn, *args, **kwargs)

    def _submitted(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        with _starting():
            return self._pool.submit(noted, fn, *args, **kwargs)

    @property
    def lost_because(self) -> str:
        """What became of the worker that was lost last, as it follows "a worker process"."""
        return self._ends.newest

    def warm_up(self, count: int | None = None) -> list[Future[int]]:
        """Start workers now and load the engine in them; the futures give their process ids.

        Args:
            count: How many, by default all. The others start when they are needed.
        """
        return [self.submit(load_engine) for _ in range(count or self.num_workers)]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers; nothing can be submitted afterwards."""
        with self._lock:
            self._closed = True
            self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def abandon(self) -> None:
        """End the workers at once, with what they compute, and do not wait for them."""
        with self._lock:
            self._closed = True
            for process in list((self._pool._processes or {}).values()):
                process.kill()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        with _starting():
            tasks = Tasks(self._context, self.num_workers)
            health = Health(tasks, hangs_s=self._hangs_s, max_bytes=self._max_bytes)
            pool = ProcessPoolExecutor(
                self.num_workers, mp_context=self._context, initializer=_init_worker, initargs=(tasks,)
            )
            watch = _Watch(weakref.ref(pool), pool._processes, pool._result_queue, health, self._ends)
            threading.Thread(target=watch.run, name="watch of the workers", daemon=True).start()
        return pool


class Ends:
    """Why workers were ended."""

    def __init__(self) -> None:
        self._newest, self._at = "", -TOLD_S

    def note(self, why: str) -> None:
        """A worker is ended."""
        self._newest, self._at = why, time.monotonic()

    @property
    def newest(self) -> str:
        """Why one was, within the last `TOLD_S`; that it ended, where nobody ended it."""
        return self._newest if time.monotonic() - self._at < TOLD_S else "ended"


class _Watch(NamedTuple):
    """Sees to it that a pool of the standard library breaks where a worker was killed in the midst of an answer."""

    pool: weakref.ref[ProcessPoolExecutor]
    workers: Mapping[int, Any]
    """The pool's own: it grows as workers start."""
    answers: Any
    """The queue that they answer through."""
    health: Health
    ends: Ends

    def run(self) -> None:
        """Until the pool has ended."""
        since: float | None = None
        while (is_stuck := self._is_stuck()) is not None:
            self._end_unwell()
            since = None if not is_stuck else time.monotonic() if since is None else since
            if since is not None and time.monotonic() - since > UNNOTICED_S:
                self._end()
                return
            time.sleep(WATCH_S)

    def _end_unwell(self) -> None:
        """End the workers that hang or swell: the pool breaks, and whoever waits submits again."""
        for pid, why in self.health.unwell(WATCH_S):
            if (worker := self.workers.get(pid)) is not None:
                _log.warning("a worker process %s", why)
                self.ends.note(why)
                worker.kill()

    def _is_stuck(self) -> bool | None:
        """Whether a worker has ended that should not have; None where there is nothing more to watch."""
        pool, workers = self.pool(), list(self.workers.values())
        if pool is not None and pool._broken:  # it has noticed by itself
            return None
        ends = pool is None or pool._shutdown_thread  # then workers end one after the other
        if not workers:
            return None if ends else False
        ended = [worker for worker in workers if wait([worker.sentinel], 0)]
        return len(ended) == len(workers) if ends else len(ended) > 0

    def _end(self) -> None:
        """Let whoever waits for the rest of an answer read the end of it: nobody can write any more."""
        for worker in list(self.workers.values()):
            if not wait([worker.sentinel], 0):
                worker.kill()
        self.answers._writer.close()


def end_workers() -> None:
    """End all worker processes of this one at once, with what they compute, and the server that they are forked from."""
    for process in multiprocessing.active_children():
        process.kill()
    if sys.platform == "linux":
        from multiprocessing.forkserver import _forkserver

        if (server := _forkserver._forkserver_pid) is not None:  # type: ignore[attr-defined]  # nothing public tells it
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)


def resubmitted(executor: Executor, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What a call gives; where it is lost with its worker it is submitted again.

    Raises:
        BrokenExecutor: It was lost `MAX_LOST` times.
    """
    for _ in range(MAX_LOST - 1):
        with contextlib.suppress(BrokenExecutor):
            return executor.submit(fn, *args, **kwargs).result()
    return executor.submit(fn, *args, **kwargs).result()


def warmed_up(executor: Any) -> None:
    """Wait until an executor's workers have the engine loaded; one that is lost on the way is replaced when it is needed."""
    for future in executor.warm_up():
        with contextlib.suppress(BrokenExecutor):
            future.result()


def call_last(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What a call gives; while others compute, it hardly does.

    It is made in a thread of its own: on Linux each has its own priority, and what a process has given up of it, it does not get back.
    """
    with ThreadPoolExecutor(1, initializer=_lower_priority) as thread:
        return thread.submit(fn, *args, **kwargs).result()


def _lower_priority() -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST_NICENESS)


def default_workers() -> int:
    """One worker for every processor but one; at least one."""
    return max(1, most_workers() - 1)


def most_workers() -> int:
    """One worker for every processor that this process may use, at most 61: more Windows cannot wait for."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 61)


def load_engine() -> int:
    """Run one tiny chunk, so that the first real one finds everything loaded; gives the process id."""
    run_chunk(ChunkRequest(config=RunConfig(evaluation_tasks=2), num_steps=1, view=View(), apart=True))
    return os.getpid()


def _context() -> Any:
    if sys.platform != "linux":  # Windows cannot fork; macOS's own libraries do not bear it once torch is loaded
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*LOADED_ONCE])
    return context


def _init_worker(tasks: Tasks) -> None:
    gc.freeze()  # a look for garbage would write to all that was loaded before the fork, and each worker would get 50 MB of its own
    import torch

    join(tasks)

    torch.set_num_threads(1)
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers itself
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Processes that start within it are as they should be."""
    with _without_main(), _without_signals(), _without_warning():
        yield


@contextlib.contextmanager
def _without_warning() -> Iterator[None]:
    """The process of the standard library that frees what a killed parent has left says nothing of it, since people took it for an error."""
    before = sys.warnoptions[:]
    sys.warnoptions.append("ignore::UserWarning:multiprocessing.resource_tracker")
    try:
        yield
    finally:
        sys.warnoptions[:] = before


@contextlib.contextmanager
def _without_signals() -> Iterator[None]:
    """Processes and threads that start within it get no Ctrl-C and no hang-up: those of a terminal go to all its processes, and these end
    with their parent. What arrives meanwhile is delivered afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Within it, processes start without running the parent's main script again.

    A child of `multiprocessing` imports its parent's `__main__`. Under `streamlit run` that is the page's script, which would import
    streamlit in every worker and, after a pool was rebuilt, break the new pool as well. Chunks need only this package. Workers start
    while a chunk is submitted, so nobody else's processes are touched.
    """
    original = multiprocessing.spawn.get_preparation_data

    def without_main(name: str) -> dict[str, Any]:
        data: dict[str, Any] = original(name)
        return {key: value for key, value in data.items() if not key.startswith("init_main_from")}

    multiprocessing.spawn.get_preparation_data = without_main
    try:
        yield
    finally:
        multiprocessing.spawn.get_preparation_data = original
