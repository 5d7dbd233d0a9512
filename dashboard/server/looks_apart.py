"""Looks at the next outer step of a run, taken apart, for the pages that go through it slowly."""

from __future__ import annotations

from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.server.looks import Looks
from maml_core.chunks import ChunkRequest, ChunkResult


class LooksApart(Looks[LiveRun]):
    """See the module."""

    def _wish(self, page: Page) -> LiveRun | None:
        return page.run if page.viewer.apart.is_due(page.run) else None

    def _used_s(self, page: Page) -> float:
        return page.viewer.apart.cpu_s

    def _request(self, page: Page, wish: LiveRun) -> ChunkRequest:
        return page.viewer.apart.request(wish)

    def _take(self, page: Page, _wish: LiveRun, result: ChunkResult) -> bool:
        apart = page.viewer.apart
        apart.cpu_s += result.cpu_s
        return apart.take(result, page.run)

    def _fail(self, page: Page, _wish: LiveRun, error: Exception) -> None:
        page.viewer.apart.close()
        why = f"The next outer step could not be taken apart ({type(error).__name__}): the page shows the run as it is."
        page.put({"type": "error", "message": why})
