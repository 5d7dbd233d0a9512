"""Closer looks, for the pages that have one open. They take up to a second and a half of a processor.

Whoever opens another one does not wait for the one before, which goes on where it has begun and is thrown away: where nobody else has a run here, it
may take the worker that is left.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

from dashboard.charts.symbols import of_error
from dashboard.live.closer import Closer, Wanted
from dashboard.live.page import Page
from dashboard.server.looks import LongLooks, Looks
from dashboard.server.looks_apart import LooksApart
from dashboard.server.looks_aside import LooksAside
from dashboard.server.looks_back import LooksBack
from dashboard.server.looks_beside import LooksBeside
from dashboard.server.looks_meanwhile import LooksMeanwhile
from dashboard.server.pages import Pages
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.errors import ConfigError, DataError


class Due(NamedTuple):
    """A look that is to be taken, and for which of those that a viewer has open."""

    closer: Closer
    wanted: Wanted


class CloserLooks(LongLooks[Due]):
    """See the module. Two that one viewer has open take turns."""

    def _waits(self, page: Page) -> bool:
        return any(closer.is_measuring for _, closer in page.viewer.open_closers)

    def _has_room(self) -> bool:
        if super()._has_room():
            return True
        is_left = sum(self._waits(page) for page in set(self.looking)) < len(self.looking)
        return is_left and len(self.looking) < self._num_workers and len(self._pages.watched()) == 1

    def _wish(self, page: Page) -> Due | None:
        now, playing = self._clock(), page.run.playback.trains
        due = [Due(*pair) for pair in page.wants_looks() if pair[0].is_due(pair[1], now, playing=playing)]
        return min(due, key=lambda one: one.closer.answered_at, default=None)

    def _used_s(self, page: Page) -> float:
        return page.viewer.closer.cpu_s + page.viewer.second_closer.cpu_s

    def _request(self, page: Page, wish: Due) -> ChunkRequest:
        request = wish.closer.request(wish.wanted, page.run.images, self._clock(), page.run.code)
        page.tell()  # that it is measured now, and waits no longer
        return request

    def _take(self, page: Page, wish: Due, result: ChunkResult) -> bool:
        is_awaited = wish.closer.take(wish.wanted, result, self._clock())
        if is_awaited:
            page.viewer.share_look(wish.closer)
        self._rest(page, wish)
        return is_awaited

    def _fail(self, page: Page, wish: Due, error: Exception) -> None:
        if (
            page.run.code is not None
            and isinstance(error, TypeError | ValueError)
            and not isinstance(error, ConfigError)
        ):
            why = f"This could not be measured of your own problem: {str(error).removesuffix('.')}."
        elif isinstance(error, ConfigError | DataError):
            why = f"This could not be measured: {of_error(error)}."
        else:
            why = f"This could not be measured ({type(error).__name__}; the server's log says more)."
        wish.closer.fail(wish.wanted, why, self._clock())
        self._rest(page, wish)

    def _rest(self, page: Page, wish: Due) -> None:
        for _, other in page.viewer.open_closers:
            other.rest(wish.closer)


NUM_LIGHT = 3
"""How many of the kinds of looks, the first, are over soon; the others keep a worker for long."""


def kinds_of_looks(
    pages: Pages, executor: Executor, wake: Callable[[], None], num_workers: int, clock: Callable[[], float]
) -> tuple[Looks[Any], ...]:
    """All that is looked at beside the chunks of runs, the most urgent first. The arguments are those of `LongLooks`."""
    light = (
        LooksMeanwhile(pages, executor, wake, clock),
        LooksBack(pages, executor, wake),
        LooksApart(pages, executor, wake),
    )
    heavy = (
        LooksBeside(pages, executor, wake, num_workers, clock),
        LooksAside(pages, executor, wake, num_workers, clock),
        CloserLooks(pages, executor, wake, num_workers, clock),
    )
    return *light, *heavy
