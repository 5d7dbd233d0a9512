"""Looks at earlier outer steps, for the pages that travel there."""

from __future__ import annotations

from dashboard.live.page import Page
from dashboard.live.travel import Look
from dashboard.server.looks import Looks
from maml_core.chunks import ChunkRequest, ChunkResult


class LooksBack(Looks[Look]):
    """See the module."""

    def _wish(self, page: Page) -> Look | None:
        return page.viewer.look_back(page.run.config)

    def _used_s(self, page: Page) -> float:
        return page.viewer.travel.cpu_s

    def _request(self, page: Page, wish: Look) -> ChunkRequest:
        run = page.run
        return page.viewer.travel.request(wish, plane=run.audience.seen.plane, images=run.images)

    def _take(self, page: Page, _wish: Look, result: ChunkResult) -> bool:
        travel = page.viewer.travel
        travel.cpu_s += result.cpu_s
        return result.snapshot is not None and travel.take(result.snapshot)

    def _fail(self, page: Page, _wish: Look, error: Exception) -> None:
        page.viewer.travel.go(None)
        why = f"The earlier outer step could not be looked at ({type(error).__name__}): the page shows now again."
        page.put({"type": "error", "message": why})
