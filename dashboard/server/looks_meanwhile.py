"""Looks at the run that trains alone, for all who watch it: one worker takes them while another trains on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

from dashboard.live.meanwhile import Look
from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.server.looks import Looks
from dashboard.server.pages import Pages
from maml_core.chunks import ChunkRequest, ChunkResult


class Due(NamedTuple):
    """A look that waits, and the run that it is of."""

    run: LiveRun
    look: Look


class LooksMeanwhile(Looks[Due]):
    """See the module.

    Args:
        pages: The open pages.
        executor: Where it is computed.
        wake: Called when there is room for something else.
        clock: Seconds that only grow.
    """

    def __init__(self, pages: Pages, executor: Executor, wake: Callable[[], None], clock: Callable[[], float]) -> None:
        super().__init__(pages, executor, wake, most=1)
        self._clock = clock

    def _is_there(self, page: Page) -> bool:
        return page.connected  # it was wanted when the chunk before it began

    def _wish(self, page: Page) -> Due | None:
        look = page.run.meanwhile.waiting
        return None if look is None else Due(page.run, look)

    def _used_s(self, _page: Page) -> float:
        return 0.0

    def _request(self, _page: Page, wish: Due) -> ChunkRequest:
        run, look = wish
        run.meanwhile.send()
        return ChunkRequest(config=look.config, state=look.state, view=look.view, images=run.images, code=run.code)

    def _take(self, _page: Page, wish: Due, result: ChunkResult) -> bool:
        return wish.run.looked(wish.look, result, self._clock())

    def _show_found(self, _page: Page, wish: Due) -> None:
        self._pages.show(wish.run, self._clock(), with_frame=True)

    def _fail(self, _page: Page, wish: Due, _error: Exception) -> None:
        wish.run.meanwhile.fail(wish.look, wish.run.audience)
