"""Looks that one page alone asks for: computed beside the chunks of runs, and paid for by whoever looks."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from dashboard.live.page import Page
from dashboard.server.loop import submitted
from dashboard.server.pages import Pages
from maml_core.chunks import ChunkRequest, ChunkResult

_log = logging.getLogger(__name__)

Wish = TypeVar("Wish")


class Looks(ABC, Generic[Wish]):
    """See the module. At most one look that a page waits for is under way.

    Args:
        pages: The open pages.
        executor: Where it is computed.
        wake: Called when there is room for something else.
        most: How many may be under way at once; None for any number.
    """

    def __init__(self, pages: Pages, executor: Executor, wake: Callable[[], None], most: int | None = None) -> None:
        self._pages, self._executor, self._wake, self._most = pages, executor, wake, most
        self.looking: list[Page] = []
        """Whose looks are being computed, also where nobody waits for them any more."""
        self.tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    def _wish(self, page: Page) -> Wish | None:
        """What a page waits to see; None where that is nothing."""

    @abstractmethod
    def _used_s(self, page: Page) -> float:
        """Processor seconds that a page's looks have taken: who had least is next."""

    @abstractmethod
    def _request(self, page: Page, wish: Wish) -> ChunkRequest:
        """What to compute."""

    @abstractmethod
    def _take(self, page: Page, wish: Wish, result: ChunkResult) -> bool:
        """Take in what was found; False where nobody waits for it any more."""

    @abstractmethod
    def _fail(self, page: Page, wish: Wish, error: Exception) -> None:
        """Tell a page that it could not be computed."""

    def _show_found(self, page: Page, _wish: Wish) -> None:
        """Show what was taken in."""
        self._pages.show_looked(page)

    def _is_there(self, page: Page) -> bool:
        """Whether anybody would see what a page waits for."""
        return page.connected and page.visible

    def _waits(self, page: Page) -> bool:
        """Whether a page waits for a look that is under way."""
        return page in self.looking

    def _has_room(self) -> bool:
        """Whether one more may be under way."""
        return self._most is None or len(self.looking) < self._most

    def submit(self, pages: Sequence[Page]) -> bool:
        """Give the executor a look, for the page that had least of them; False where none waits, or none may be given.

        Args:
            pages: One for each viewer (`Pages.looking`).
        """
        if not self._has_room():
            return False
        waiting = [
            (page, wish)
            for page in pages
            if self._is_there(page) and not self._waits(page)
            if (wish := self._wish(page)) is not None
        ]
        if not waiting:
            return False
        page, wish = min(waiting, key=lambda pair: self._used_s(pair[0]))
        future = submitted(self._executor, self._request(page, wish))
        self.looking.append(page)
        task = asyncio.get_running_loop().create_task(self._show(page, wish, future))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return True

    async def _show(self, page: Page, wish: Wish, future: asyncio.Future[ChunkResult]) -> None:
        """Show a page what was found. Its run's turn comes later for it, unless the run is another's."""
        try:
            result = await future
            if page.viewer.aside is None:
                page.run.turn += result.cpu_s
            if self._take(page, wish, result):
                self._show_found(page, wish)
        except Exception as error:
            _log.error("a look could not be taken", exc_info=error)
            self._fail(page, wish, error)
            self._pages.show_looked(page)
        finally:
            self.looking.remove(page)
            self._wake()


class LongLooks(Looks[Wish]):
    """Looks that take so long that one worker is always left to the runs.

    Args:
        pages: The open pages.
        executor: Where it is computed.
        wake: Called when there is room for something else.
        num_workers: Chunks that the executor runs at a time.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        pages: Pages,
        executor: Executor,
        wake: Callable[[], None],
        num_workers: int,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(pages, executor, wake, most=max(1, num_workers - 1))
        self._clock, self._num_workers = clock, num_workers
