"""Looks at earlier outer steps, for the pages that travel there: the parts of each look at once, where no other run needs the workers."""

from __future__ import annotations

from dashboard.live.page import Page
from dashboard.live.travel import PARTS, LookPart
from dashboard.server.looks import Looks
from maml_core.chunks import ChunkRequest, ChunkResult


class LooksBack(Looks[LookPart]):
    """See the module."""

    def _waits(self, page: Page) -> bool:
        count = self.looking.count(page)
        return count > 0 and (count >= len(PARTS) or len(self._pages.watched()) > 1)

    def _wish(self, page: Page) -> LookPart | None:
        run = page.run
        is_alone = len(self._pages.watched()) == 1 and not run.playback.trains  # a worker is free for each part
        return page.viewer.look_back(run.config, run.kept, is_parted=is_alone)

    def _used_s(self, page: Page) -> float:
        return page.viewer.travel.cpu_s

    def _request(self, page: Page, wish: LookPart) -> ChunkRequest:
        run = page.run
        return page.viewer.travel.request(wish, plane=run.audience.seen.plane, images=run.images, code=run.code)

    def _take(self, page: Page, wish: LookPart, result: ChunkResult) -> bool:
        travel = page.viewer.travel
        travel.cpu_s += result.cpu_s
        if result.snapshot is None:
            return False
        page.run.kept.learn(wish.look.moment, result.snapshot)
        return travel.take(wish, result.snapshot)

    def _fail(self, page: Page, wish: LookPart, error: Exception) -> None:
        if page.viewer.travel.fail(wish):
            why = f"The earlier outer step could not be looked at ({type(error).__name__}): the page shows now again."
            page.put({"type": "error", "message": why})
