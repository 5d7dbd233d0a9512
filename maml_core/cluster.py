"""Where chunks run when one machine is not enough: the same `concurrent.futures.Executor`, on a `dask.distributed` cluster.

`open_executor` turns an option into one of two executors that are used alike: `ChunkPool` (this machine) or `ClusterExecutor`. A Dask
worker is an ordinary process of this project: before its first chunk it sees that its code is the caller's and takes one torch thread.
What Dask's own scheduler already does is left to it: a chunk whose worker dies is given to another one.

Nothing here imports torch, and dask only where a scheduler is named.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.metadata
import logging
import platform
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from maml_core.errors import ClusterError, ConfigError
from maml_core.execution import ChunkPool, load_engine
from maml_core.memory import keep_freed_memory

if TYPE_CHECKING:
    from distributed import Client

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_S = 5.0
"""How long a scheduler may take to answer."""

CHUNK_S = 2.0
"""Processor seconds of a chunk that nobody is watching: the 15-75 ms that it takes there and back fall away beside it."""

CHUNKS_PER_S = 20.0
"""Chunks of a whole cluster, at most: what one scheduler, and whoever submits, get through with a few MiB of state each way."""

ADDRESS = "tcp://HOST:PORT, as the scheduler prints it; for example tcp://192.168.1.10:8786"


def open_executor(scheduler: str | None = None, *, num_workers: int | None = None) -> ChunkPool | ClusterExecutor:
    """The executor that an option asks for.

    Args:
        scheduler: Address of a Dask scheduler; None for processes on this machine.
        num_workers: Of the processes on this machine; a cluster has the workers that were started for it.

    Raises:
        ConfigError: No address, or dask.distributed is not installed.
        ClusterError: Nobody answers there, or the workers cannot run this project's chunks. Nothing was started.
    """
    return ChunkPool(num_workers) if scheduler is None else ClusterExecutor(scheduler)


class ClusterExecutor(Executor):
    """Chunks on the workers of a Dask cluster. Its futures end like those of `ChunkPool`: a chunk that took several workers with it in
    `BrokenProcessPool`.

    Args:
        scheduler: Address of the scheduler.
        connect_s: How long it may take to answer.

    Raises:
        ConfigError: As of `open_executor`.
        ClusterError: As of `open_executor`.
    """

    def __init__(self, scheduler: str, *, connect_s: float = CONNECT_S) -> None:
        self.scheduler = check_address(scheduler)
        with contextlib.ExitStack() as opened:
            self._client = opened.enter_context(_connected(scheduler, connect_s))
            self.num_workers = _num_workers(self._client, scheduler)
            """Chunks that the cluster ran at a time when it was opened."""
            self._connection = opened.pop_all()
        self._executor = self._client.get_executor(pure=False)
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a call computed on the cluster, as by any executor.

        Raises:
            ClusterError: The scheduler has gone.
            RuntimeError: After `shutdown`.
        """
        if self._client.status != "running" and not self._closed:
            raise self._gone()
        inner: Future[T] = self._executor.submit(_on_worker, fingerprint(), fn, args, kwargs)
        return self._relayed(inner)

    def warm_up(self) -> list[Future[int]]:
        """Load the engine in every worker; the futures give their process ids."""
        workers = self._client.nthreads()
        return [
            self._relayed(self._executor.submit(_on_worker, fingerprint(), load_engine, (), {}, workers=[worker]))
            for worker in workers
        ]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; its workers stay, for others. Nothing can be submitted afterwards."""
        if self._closed:
            return
        self._closed = True
        self._executor.shutdown(wait=wait and not cancel_futures)
        self._connection.close()

    def abandon(self) -> None:
        """Leave the cluster at once; what it computes for us is thrown away."""
        self.shutdown(wait=False, cancel_futures=True)

    def _relayed(self, inner: Future[T]) -> Future[T]:
        """What the caller waits for: as `inner`, in the words of this project."""
        outer: Future[T] = Future()

        def relay(done: Future[T]) -> None:
            if done.cancelled() and self._closed:
                outer.cancel()
            if not outer.set_running_or_notify_cancel():
                return
            if done.cancelled():
                outer.set_exception(self._gone())
            elif (error := done.exception()) is not None:
                outer.set_exception(_in_our_words(error))
            else:
                outer.set_result(done.result())

        def cancel(asked: Future[T]) -> None:
            if asked.cancelled():
                inner.cancel()

        outer.add_done_callback(cancel)
        inner.add_done_callback(relay)
        return outer

    def _gone(self) -> ClusterError:
        return ClusterError(f"the scheduler at {self.scheduler} has gone; start it and its workers again, then go on")


def chunk_s(num_workers: int) -> float:
    """Processor seconds of a chunk on a cluster of this size: on a large one longer, because all of them pass through one scheduler.

    >>> chunk_s(2), chunk_s(1600)
    (2.0, 80.0)
    """
    return max(CHUNK_S, num_workers / CHUNKS_PER_S)


def check_address(scheduler: str) -> str:
    """An address as Dask takes it.

    Raises:
        ConfigError: It is none.

    >>> check_address("tcp://127.0.0.1:8786")
    'tcp://127.0.0.1:8786'
    """
    try:
        parts = urlsplit(scheduler)
        plain = f"{parts.scheme}://{parts.netloc}" == scheduler and "@" not in scheduler
        usable = plain and parts.scheme == "tcp" and bool(parts.hostname) and bool(parts.port)
    except ValueError:  # the port is no number from 0 to 65535
        usable = False
    if not usable:
        raise ConfigError("scheduler", scheduler, ADDRESS)
    return scheduler


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """What must be the same on both sides: this project's code, torch, and the Python that reads its pickles.

    >>> fingerprint().split()[::2]
    ['maml_core', 'torch', 'Python']
    """
    root = Path(__file__).parent
    code = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        code.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    torch = importlib.metadata.version("torch").partition("+")[0]
    python = ".".join(platform.python_version_tuple()[:2])
    return f"maml_core {code.hexdigest()[:12]} torch {torch} Python {python}"


@contextlib.contextmanager
def _connected(scheduler: str, connect_s: float) -> Iterator[Client]:
    try:
        from distributed import Client
        from distributed.utils import LoopRunner, sync
    except ImportError as error:
        install = "it needs dask.distributed: python -m pip install -e '.[cluster]'"
        raise ConfigError("scheduler", scheduler, install) from error
    loop = LoopRunner()  # ours, because a client that finds nobody leaves its own running
    log = logging.getLogger("distributed.client")
    with contextlib.ExitStack() as opened:
        opened.callback(log.setLevel, log.level)
        log.setLevel(logging.CRITICAL)  # a scheduler that goes is told by the futures, without Dask's traceback
        loop.start()
        opened.callback(loop.stop)
        try:
            sync(loop.loop, _seen, scheduler, connect_s)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions that differ: `_num_workers` says it in a sentence
                client = Client(scheduler, timeout=connect_s, set_as_default=False, name="maml", loop=loop.loop)
        except OSError as error:
            raise ClusterError(
                f"no scheduler answers at {scheduler}; start one with `dask scheduler`, and workers with `dask worker {scheduler} "
                "--nthreads 1`"
            ) from error
        opened.callback(client.close, timeout=connect_s)
        yield client


async def _seen(scheduler: str, connect_s: float) -> None:
    """See that a scheduler answers: a client waits for ever for a program that takes the call and says nothing."""
    from distributed.core import rpc

    async with asyncio.timeout(connect_s), rpc(scheduler, timeout=connect_s) as there:
        await there.identity(n_workers=0)


def _num_workers(client: Client, scheduler: str) -> int:
    """How many workers there are, all of them fit for chunks.

    Raises:
        ClusterError: There is none, or one of them is not.
    """
    threads: dict[str, int] = client.nthreads()
    if not threads:
        raise ClusterError(
            f"the scheduler at {scheduler} has no workers; start some with `dask worker {scheduler} --nthreads 1`"
        )
    wide = [worker for worker, count in threads.items() if count != 1]
    if wide:
        raise ClusterError(
            f"the worker {wide[0]} runs {threads[wide[0]]} chunks in one process; start workers with `--nthreads 1`, and as many as there "
            "are processors with `--nworkers`"
        )
    found: dict[str, Any] = client.run(fingerprint, on_error="return")
    for worker, theirs in found.items():
        if isinstance(theirs, BaseException):
            raise ClusterError(
                f"the worker {worker} cannot load this project ({theirs}); start it in an environment where the same checkout is installed"
            ) from theirs
        _check_fingerprint(fingerprint(), theirs, worker)
    return len(threads)


def _check_fingerprint(ours: str, theirs: str, worker: str) -> None:
    if theirs != ours:
        raise ClusterError(
            f"the worker {worker} has another version of this project ({theirs}; here {ours}); install the same checkout there and restart it"
        )


def _on_worker(expected: str, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    """What a worker runs: workers may join at any time, so each chunk sees for itself that it is at the right place."""
    _check_fingerprint(expected, fingerprint(), platform.node())
    _init_worker()
    return fn(*args, **kwargs)


@lru_cache(maxsize=1)
def _init_worker() -> None:
    import torch

    torch.set_num_threads(1)
    keep_freed_memory()


def _in_our_words(error: BaseException) -> BaseException:
    from distributed.scheduler import KilledWorker

    if not isinstance(error, KilledWorker):
        return error
    broken = BrokenProcessPool("a chunk ended the workers that it was given to, one after the other")
    broken.__cause__ = error
    return broken
