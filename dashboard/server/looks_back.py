"""Looks at earlier outer steps, for the pages that travel there: computed beside the chunks of runs, and paid for by whoever looks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from dashboard.live.page import Page
from dashboard.server.loop import submitted
from dashboard.server.pages import Pages
from maml_core.chunks import ChunkResult

_log = logging.getLogger(__name__)


class LooksBack:
    """See the module. At most one look a page is under way.

    Args:
        pages: The open pages.
        executor: Where it is computed.
        wake: Called when there is room for something else.
    """

    def __init__(self, pages: Pages, executor: Executor, wake: Callable[[], None]) -> None:
        self._pages, self._executor, self._wake = pages, executor, wake
        self.looking: set[Page] = set()
        """Those that wait for what is being computed."""
        self.tasks: set[asyncio.Task[None]] = set()

    def submit(self) -> bool:
        """Give the executor a look, for the page that had least of them; False where none waits."""
        waiting = [
            (page, look)
            for page in self._pages.all()
            if page.connected and page.visible and page not in self.looking
            if (look := page.viewer.look_back(page.run.config)) is not None
        ]
        if not waiting:
            return False
        page, look = min(waiting, key=lambda pair: pair[0].viewer.travel.cpu_s)
        run = page.run
        request = page.viewer.travel.request(look, plane=run.audience.seen.plane, images=run.images)
        future = submitted(self._executor, request)
        self.looking.add(page)
        task = asyncio.get_running_loop().create_task(self._show(page, future))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return True

    async def _show(self, page: Page, future: asyncio.Future[ChunkResult]) -> None:
        """Show a page what was found. Its run's turn comes later for it."""
        travel = page.viewer.travel
        try:
            result = await future
            travel.cpu_s += result.cpu_s
            page.run.turn += result.cpu_s
            if result.snapshot is not None and travel.take(result.snapshot):
                page.tell()
                page.send_frame()
        except Exception as error:
            _log.error("an earlier outer step could not be looked at", exc_info=error)
            travel.go(None)
            why = f"The earlier outer step could not be looked at ({type(error).__name__}): the page shows now again."
            page.put({"type": "error", "message": why})
            page.tell()
            page.send_frame()
        finally:
            self.looking.discard(page)
            self._wake()
