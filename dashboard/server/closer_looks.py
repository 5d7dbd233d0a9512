"""Closer looks, for the pages that have one open. They take up to a second and a half of a processor.

Whoever opens another one does not wait for the one before, which goes on where it has begun and is thrown away: where nobody else has a run here, it
may take the worker that is left.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from dashboard.live.closer import Wanted
from dashboard.live.page import Page
from dashboard.server.looks import LongLooks, Looks
from dashboard.server.looks_apart import LooksApart
from dashboard.server.looks_aside import LooksAside
from dashboard.server.looks_back import LooksBack
from dashboard.server.looks_beside import LooksBeside
from dashboard.server.pages import Pages
from maml_core.chunks import ChunkRequest, ChunkResult


class CloserLooks(LongLooks[Wanted]):
    """See the module."""

    def _waits(self, page: Page) -> bool:
        return page.viewer.closer.is_measuring

    def _has_room(self) -> bool:
        if super()._has_room():
            return True
        is_left = sum(self._waits(page) for page in set(self.looking)) < len(self.looking)
        return is_left and len(self.looking) < self._num_workers and len(self._pages.watched()) == 1

    def _wish(self, page: Page) -> Wanted | None:
        wanted, closer = page.wants_look(), page.viewer.closer
        is_due = wanted is not None and closer.is_due(wanted, self._clock(), playing=page.run.playback.playing)
        return wanted if is_due else None

    def _used_s(self, page: Page) -> float:
        return page.viewer.closer.cpu_s

    def _request(self, page: Page, wish: Wanted) -> ChunkRequest:
        request = page.viewer.closer.request(wish, page.run.images)
        page.tell()  # that it is measured now, and waits no longer
        return request

    def _take(self, page: Page, wish: Wanted, result: ChunkResult) -> bool:
        return page.viewer.closer.take(wish, result, self._clock())

    def _fail(self, page: Page, wish: Wanted, error: Exception) -> None:
        why = f"This could not be measured ({type(error).__name__}; the server's log says more)."
        page.viewer.closer.fail(wish, why, self._clock())


def kinds_of_looks(
    pages: Pages, executor: Executor, wake: Callable[[], None], num_workers: int, clock: Callable[[], float]
) -> tuple[Looks[Any], ...]:
    """All that one page alone may ask to look at, the most urgent first. The arguments are those of `LongLooks`."""
    light = LooksBack(pages, executor, wake), LooksApart(pages, executor, wake)
    heavy = (
        LooksBeside(pages, executor, wake, num_workers, clock),
        LooksAside(pages, executor, wake, num_workers, clock),
        CloserLooks(pages, executor, wake, num_workers, clock),
    )
    return *light, *heavy
