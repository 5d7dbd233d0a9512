"""The second runs that pages compare theirs with: each goes on by a chunk when its page's run would have its turn."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool

from dashboard.live.page import Page
from dashboard.live.second import Leg
from dashboard.server.looks import Looks
from dashboard.server.pages import Pages
from dashboard.server.turns import MAX_LEAD_S
from maml_core.chunks import ChunkRequest, ChunkResult


class LooksBeside(Looks[Leg]):
    """See the module. What they take counts as their page's run's, which has no more of the workers with two runs than with one.

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
        super().__init__(pages, executor, wake, most=num_workers)
        self._clock = clock

    def _is_there(self, page: Page) -> bool:
        return page.connected  # a hidden page's run trains on, and so does what it is compared with

    def _wish(self, page: Page) -> Leg | None:
        second, run = page.viewer.second, page.run
        if second is None or run.playback.jumping or run.turn > self._least_used_s(page) + MAX_LEAD_S:
            return None
        return second.next(run, page.viewer.task)

    def _least_used_s(self, page: Page) -> float:
        """The fewest processor seconds that one of the others' runs that train has had."""
        others = (run for run in self._pages.watched() if run is not page.run and run.playback.trains)
        return min((run.turn for run in others), default=math.inf)

    def _used_s(self, page: Page) -> float:
        return page.viewer.second.cpu_s if page.viewer.second is not None else 0.0

    def _request(self, page: Page, wish: Leg) -> ChunkRequest:
        return wish.second.request(wish, page.run)

    def _take(self, page: Page, wish: Leg, result: ChunkResult) -> bool:
        return wish.second.take(wish, result, self._clock()) and wish.second is page.viewer.second

    def _fail(self, _page: Page, wish: Leg, error: Exception) -> None:
        why = f"It could not be computed ({type(error).__name__}; the server's log says more)."
        wish.second.fail(wish, why, again=isinstance(error, BrokenProcessPool))
