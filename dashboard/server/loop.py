"""The server's event loop, as scripts in other threads reach it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from dashboard.setups.limits import is_long
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.errors import StoreError
from maml_core.execution import call_last

T = TypeVar("T")

ANSWER_S = 60.0
"""How long a script waits for the loop or for a worker."""


class Loop:
    """See the module. Until it has begun, what is asked of it is done at once."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """It is the one that runs now."""
        self._loop = asyncio.get_running_loop()

    def end(self) -> None:
        """It runs no longer."""
        self._loop = None

    def post(self, act: Callable[[], None]) -> None:
        """Have the loop do something."""
        if self._loop is None:  # no server (tests of the script): nothing runs beside us
            act()
        else:
            self._loop.call_soon_threadsafe(act)

    def answer(self, act: Callable[[], T]) -> T:
        """Have the loop do something, and wait for what comes out.

        Raises:
            StoreError: It does not answer.
        """
        answer: Future[T] = Future()

        def done() -> None:
            try:
                answer.set_result(act())
            except Exception as error:
                answer.set_exception(error)

        self.post(done)
        try:
            return answer.result(ANSWER_S)
        except TimeoutError as error:
            raise StoreError("refused", "the server is too busy to answer; try again") from error

    def done(self, begin: Callable[[], asyncio.Task[None] | None]) -> None:
        """Have the loop begin something, and wait until it is done.

        Raises:
            StoreError: It does not answer, or takes too long.
        """
        ended = threading.Event()

        def act() -> None:
            if (task := begin()) is None:
                ended.set()
            else:
                task.add_done_callback(lambda _: ended.set())

        self.answer(act)
        if not ended.wait(ANSWER_S):
            raise StoreError("refused", "the server is too busy to answer; try again")


def submitted(executor: Executor, request: ChunkRequest) -> asyncio.Future[ChunkResult]:
    """A chunk that an executor was given; where it takes none, that is told like an error of the chunk itself. For the loop's thread only.

    One of a set-up that keeps a worker for long comes last on its machine: beside it the others' short ones get a processor when they ask for it.
    """
    try:
        if is_long(request.config):
            return asyncio.wrap_future(executor.submit(call_last, run_chunk, request))
        return asyncio.wrap_future(executor.submit(run_chunk, request))
    except Exception as error:
        future: asyncio.Future[ChunkResult] = asyncio.get_running_loop().create_future()
        future.set_exception(error)
        return future
