"""All sweeps of the server: which of their chunks is computed next, and who watches them.

It lives on the hub's event loop. The hub asks it for a chunk whenever no chunk of a live run waits, and where sweeps have had less than their share.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from dashboard.charts.symbols import in_greek, of_error
from dashboard.live.training import Training
from dashboard.sweeps.comparison import Comparison
from dashboard.sweeps.comparison import Job as ComparisonJob
from dashboard.sweeps.frame_thread import FrameThread, is_waited_for
from dashboard.sweeps.frames import Frozen
from dashboard.sweeps.frozen import Theta0, computed_map
from dashboard.sweeps.job import ENDED, MAX_LOST, SweepJob, lose
from dashboard.sweeps.page import SweepPage
from dashboard.sweeps.pieces import Piece
from dashboard.sweeps.preparation import Preparation
from dashboard.sweeps.quotas import JobKey, why_no_more
from dashboard.sweeps.whereabouts import Whereabouts
from dashboard.sweeps.words import not_kept
from dashboard.wire.connection import Outbox
from maml_core.sweeps.chunks import LanesResult, run_lanes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult

T = TypeVar("T")

_log = logging.getLogger(__name__)

KEEP_S = 120.0
"""How long a sweep goes on without anybody who watches, so that a reload, or a walk to the live page and back, does not stop it."""

FRAME_S = 0.4
"""Least time between two pictures of a sweep."""


class SweepHub:
    """See the module.

    Args:
        executor: Whose workers can import `maml_core`.
        num_workers: Chunks that it runs at a time.
        clock: Seconds that only grow.
        wake: Called when there may be something to compute.
        is_present: Whether the visitor of a page token is there, on whatever screen.
        is_known: Whether that page is still remembered, since its visitor may come back.
        visitor: Who sits at that page, where several people share the server; None where nobody is to be told apart.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        num_workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
        wake: Callable[[], None] = lambda: None,
        is_present: Callable[[str], bool] = lambda _: False,
        is_known: Callable[[str], bool] = lambda _: True,
        visitor: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._executor, self._num_workers = executor, num_workers
        self._clock, self._wake = clock, wake
        self._is_present, self._is_known, self._visitor = is_present, is_known, visitor
        self._jobs: dict[JobKey, SweepJob] = {}
        self._owners: dict[JobKey, set[str]] = {}
        self._pages: dict[str, SweepPage] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.num_in_flight, self.used_s = 0, 0.0
        """Chunks that the live runs' executor has of sweeps, and processor seconds that those took which it had."""
        self._turn, self._whereabouts = 0, Whereabouts(lambda key: self.forget(key, why=not_kept(key.name)))
        self.frames = FrameThread(wake)
        self.preparation = Preparation(executor, num_workers)
        """For other threads: what is done for a sweep before it is added here."""

    # From any thread

    def job(self, key: JobKey) -> SweepJob | None:
        """A sweep that is open here."""
        return self._jobs.get(key)

    def page(self, token: str) -> SweepPage | None:
        """The page of a token, once it has been connected or given a sweep."""
        return self._pages.get(token)

    @property
    def is_computing(self) -> bool:
        """Whether a sweep has chunks for the live runs' executor, now or soon."""
        return any(job.executor is None and job.status == "running" for job in self._jobs.values())

    def why_no_more(self, token: str) -> str:
        """Why the visitor of a page may have no other sweep computed now; empty where that is not so."""
        return why_no_more(self._jobs, self._owners, self._visitor, token)

    # The loop

    def add(self, key: JobKey, job: SweepJob) -> SweepJob:
        """Hold a sweep; one that is held already stays what it is."""
        return self._jobs.setdefault(key, job)

    def watch(self, token: str, key: JobKey | None) -> None:
        """Show a sweep on a page; None for none."""
        page = self._pages.setdefault(token, SweepPage())
        page.show(self._jobs.get(key) if key is not None else None)
        if key is not None and key in self._jobs:
            self._owners.setdefault(key, set()).add(token)
            self._jobs[key].last_seen = self._clock()
        self._tell(page)

    def tell_opening(self, token: str, words: str) -> None:
        """Say on a page that a sweep is being opened for it; empty where none is any more."""
        self._pages.setdefault(token, SweepPage()).opening = words
        self._tell(self._pages[token])

    def inherit(self, old: str, new: str) -> None:
        """Show the sweep of one page on another."""
        page = self._pages.get(old)
        key = next((key for key, job in self._jobs.items() if page is not None and page.job is job), None)
        if key is not None:
            self.watch(new, key)

    def freeze(self, token: str, run: Training, of: str) -> None:
        """Adapt the theta_0 of a run with many alphas, and show what comes of it on a page; `of` says whose it is, in words."""
        page = self._pages.get(token)
        if page is not None and page.asked_maps.ask(Theta0(run.state_config, run.state, run.code, of)):
            self._spawn(_freeze(page, self._computed, self._tell))

    async def _computed(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.wrap_future(self._executor.submit(function, *arguments))

    def forget(self, key: JobKey, *, why: str = "", by: str = "") -> asyncio.Task[None] | None:
        """Let go of a sweep; gives what ends once its files are left, None where none is held.

        Args:
            key: Of the sweep.
            why: Why it is not kept any more, for pages that show it and go on doing so; empty where nobody is there to whom it would be said.
            by: The page that has deleted it, which shows it no longer.
        """
        self._owners.pop(key, None)
        if (job := self._jobs.pop(key, None)) is None:
            return None
        if why:
            lose(job, why)
        for token, page in self._pages.items():
            if page.job is job:
                if not why or token == by:
                    page.show(None)
                self._tell(page)
        return self._spawn(_left(job))

    def next_piece(self) -> tuple[SweepJob, Piece] | None:
        """The sweep's piece to compute next, of each sweep in turn; None where there is none."""
        jobs = [job for job in self._jobs.values() if job.executor is None]
        for offset in range(len(jobs)):
            job = jobs[(self._turn + offset) % len(jobs)]
            if (piece := job.take_piece()) is not None:
                self._turn = (self._turn + offset + 1) % len(jobs)
                return job, piece
        return None

    def submit_next(self) -> bool:
        """Give the executor a chunk, if there is one and room for it: of a comparison, which somebody watches, or of a sweep."""
        if self.num_in_flight >= self._num_workers:
            return False
        for page in self._pages.values():
            comparison = page.comparison
            if page.connected and comparison is not None and (job := comparison.next_job()) is not None:
                self.num_in_flight += 1
                self._spawn(self._compare(comparison, job))
                return True
        if (found := self.next_piece()) is None:
            return False
        self.num_in_flight += 1
        self._spawn(self._finish(*found, self._executor))
        return True

    async def _compare(self, comparison: Comparison, job: ComparisonJob) -> None:
        try:
            result = await self._computed(job.function, *job.arguments)
        except Exception as error:
            if isinstance(error, BrokenProcessPool) and comparison.lost(job) <= MAX_LOST:
                return
            _log.exception("a comparison stopped")
            for watching in [each for each in self._pages.values() if each.comparison is comparison]:
                watching.stop_comparison(f"The settings could not be compared: {of_error(error)}")
        else:
            comparison.finished(job, result)
        finally:
            self.num_in_flight -= 1
            self._wake()

    async def _finish(self, job: SweepJob, piece: Piece, executor: Executor) -> None:
        result: LanesResult | None = None
        problem: Exception | None = None
        try:
            result = await asyncio.wrap_future(executor.submit(run_lanes, piece.request))
        except Exception as error:
            problem = error
        finally:
            if executor is self._executor:
                self.num_in_flight -= 1
                self.used_s += result.cpu_s if result is not None else 0.0
            self._wake()  # before the result is taken in: another batch's chunk may be ready
        if result is not None:
            await job.finished(piece, result)
        elif problem is not None:
            await job.lost(piece, problem, is_worker=isinstance(problem, BrokenProcessPool))
            _tell_of_loss([page for page in self._pages.values() if page.job is job], problem, executor)
        self._wake()

    def tidy(self, now: float) -> None:
        """Let the sweeps' threads work, tell the pages what is new, stop what nobody watches any more."""
        if self._whereabouts.is_due(now):
            self._spawn(self._whereabouts.look(self._jobs, now))
        for key, job in list(self._jobs.items()):
            if any(self._is_present(token) for token in self._owners.get(key, ())):
                job.last_seen = now
            elif now - job.last_seen > KEEP_S:
                job.cancel()
                if job.status in ENDED and not job.wants_thread:
                    self.forget(key)
                    continue
            if job.wants_thread and not is_waited_for(job, self._pages.values()):
                self._spawn(self._turn_of(job))
            # A sweep's own executor has all that there is room for: no live run waits there.
            while job.executor is not None and job.has_room and (piece := job.take_piece()) is not None:
                self._spawn(self._finish(job, piece, job.executor))
        self._pages = {token: page for token, page in self._pages.items() if page.connected or self._is_known(token)}
        for page in self._pages.values():
            if page.connected and page.is_due(now, FRAME_S):
                self.frames.draw(page, now)

    def seconds_to_sleep(self, now: float) -> float:
        """Until a page may be sent the next picture."""
        waits = [page.seconds_until_due(now, FRAME_S) for page in self._pages.values() if page.connected]
        return min([1.0, *waits])

    async def _turn_of(self, job: SweepJob) -> None:
        await job.turn()
        self._wake()

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Give back what is not finished."""
        for job in list(self._jobs.values()):
            await _left(job)
        self._jobs.clear()
        await _cancelled(self._tasks)
        await self.frames.close()

    # The socket

    def connect(self, token: str) -> tuple[SweepPage, Outbox]:
        """Feed a page through a new socket."""
        page = self._pages.setdefault(token, SweepPage())
        outbox = page.connect()
        self._tell(page)
        return page, outbox

    def disconnect(self, page: SweepPage, outbox: Outbox) -> None:
        """The socket has gone."""
        page.connection.close(outbox)

    def receive(self, page: SweepPage, message: Mapping[str, Any]) -> None:
        """Do what a page asks for; what is refused is answered with a sentence."""
        try:
            page.obey(message)
        except KeyError as error:
            page.put({"type": "error", "message": f"The page's message lacks {error}; reload the page."})
        except (ValueError, TypeError, OverflowError) as error:
            page.put({"type": "error", "message": in_greek(f"{error}.")})
        self._tell(page)

    def _tell(self, page: SweepPage) -> None:
        page.tell()
        self._wake()

    def results_of(self, token: str) -> tuple[SweepConfig, tuple[SettingResult, ...]] | None:
        """The sweep that a page shows, and what is known of its settings."""
        job = page.job if (page := self._pages.get(token)) is not None else None
        return (job.sweep, job.results) if job is not None else None


async def _freeze(page: SweepPage, computed: Callable[..., Awaitable[Any]], tell: Callable[[SweepPage], None]) -> None:
    """Compute the frozen maps that a page has asked for, one after the other."""
    while (theta_0 := page.asked_maps.next()) is not None:
        try:
            page.show_frozen(Frozen(await computed_map(theta_0, computed), theta_0.config, theta_0.of))
        except Exception as error:
            _log.exception("the frozen map could not be computed")
            page.put({"type": "error", "message": f"The frozen map could not be computed: {of_error(error)}."})
        tell(page)


def _tell_of_loss(pages: Sequence[SweepPage], problem: Exception, executor: Executor) -> None:
    """Say on the pages of a sweep that its worker had to be ended; one that ended by itself is replaced without a word."""
    why = getattr(executor, "lost_because", "ended")
    if isinstance(problem, BrokenProcessPool) and why != "ended":
        for page in pages:
            page.put({"type": "error", "message": f"A worker process {why}; a new one goes on in its place."})


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """End tasks, and see that they have ended: one that is left waiting when its loop is closed is a complaint on stderr."""
    known = list(tasks)
    for task in known:
        task.cancel()
    await asyncio.gather(*known, return_exceptions=True)


async def _left(job: SweepJob) -> None:
    """Leave a sweep, whatever has become of its storage meanwhile."""
    try:
        await job.leave()
    except Exception as error:
        _log.warning("the sweep %s could not be left in order: %s", job.name, error)
