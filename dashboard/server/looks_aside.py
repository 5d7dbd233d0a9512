"""Looks at the run of a class by those who look at it for themselves."""

from __future__ import annotations

from dashboard.live.aside import Aside
from dashboard.live.page import Page
from dashboard.server.looks import LongLooks
from maml_core.chunks import ChunkRequest, ChunkResult


class LooksAside(LongLooks[Aside]):
    """See the module."""

    def _wish(self, page: Page) -> Aside | None:
        aside = page.viewer.aside
        return aside if aside is not None and aside.is_due(page.run, page.viewer, self._clock()) else None

    def _used_s(self, page: Page) -> float:
        return page.viewer.aside.cpu_s if page.viewer.aside is not None else 0.0

    def _request(self, page: Page, wish: Aside) -> ChunkRequest:
        return wish.request(page.run, page.viewer, self._clock())

    def _take(self, page: Page, wish: Aside, result: ChunkResult) -> bool:
        return wish is page.viewer.aside and wish.take(result, page.run, page.viewer, self._clock())

    def _fail(self, page: Page, _wish: Aside, error: Exception) -> None:
        page.put({"type": "error", "message": f"This could not be looked at ({type(error).__name__})."})
