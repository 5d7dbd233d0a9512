"""The thread in which frames of sweeps are made: of ten thousand settings one takes a third of a second, and the server's loop has others to answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from dashboard.sweeps.frames import Frames, Made
from dashboard.sweeps.job import AT_REST, SweepJob
from dashboard.sweeps.page import SweepPage

_log = logging.getLogger(__name__)


class FrameThread:
    """See the module; for the loop.

    Args:
        wake: Called when a page was sent a frame.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="frames of sweeps")
        self._tasks: set[asyncio.Task[None]] = set()

    def draw(self, page: SweepPage, now: float) -> None:
        """Have the next frame of a page made and sent."""
        task = asyncio.get_running_loop().create_task(self._draw(page, *page.new_frame(now)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _draw(self, page: SweepPage, frames: Frames, make: Callable[[], Made]) -> None:
        made: Made | None = None
        try:
            made = await asyncio.get_running_loop().run_in_executor(self._executor, make)
        except Exception:  # the page is sent the next one
            _log.exception("a frame of a sweep could not be made")
        finally:
            page.send_frame(frames, made)
            self._wake()

    async def drawn(self) -> None:
        """Wait for the frames that are being made."""
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Make no more."""
        await self.drawn()
        self._executor.shutdown(wait=False, cancel_futures=True)


def is_waited_for(job: SweepJob, pages: Iterable[SweepPage]) -> bool:
    """Whether somebody waits for the map of a sweep at rest: what is only to be read of it, beside which that would take twice as long, comes then."""
    return job.status in AT_REST and any(page.job is job and page.waits_for_map for page in pages)
