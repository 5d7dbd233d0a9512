"""The hub: every open page with the run that it watches, and which chunk is computed next.

All of it lives on the server's event loop and needs no locks; what scripts ask for in their own threads is in `scripts`, what comes through
sockets in `sockets`.

At most one chunk a run is in flight and only a few are given to the executor; whose is the next one is decided in `turns`. What a chunk has
found is told to every page that watches its run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool

from dashboard.charts.symbols import of_error
from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.server import turns
from dashboard.server.closer_looks import NUM_LIGHT, kinds_of_looks
from dashboard.server.keeper import Keeper
from dashboard.server.loop import submitted
from dashboard.server.order import Order, Turn
from dashboard.server.own_tasks import MAX_SAID
from dashboard.server.pages import Pages
from dashboard.server.places import PER_WORKER, Places
from dashboard.server.recovery import Recovery
from dashboard.server.sockets import Sockets
from dashboard.setups.limits import is_long
from dashboard.sweeps.hub import SweepHub
from maml_core.chunks import ChunkResult
from maml_core.errors import ClusterError, ConfigError, DataError
from maml_core.families.own import OwnCode
from maml_core.memory import is_small

_log = logging.getLogger(__name__)

KEEP_S = 120.0
"""How long a run is kept without a page, so that a reload finds it again."""

HIDDEN_PAUSE_S = 600.0
"""A run whose pages nobody has seen for so long pauses."""

MAX_LOST = 3
"""A run whose chunks are lost more often in a row stops, instead of killing one worker after the other."""

MAX_KEPT_BYTES, SMALL_MAX_KEPT_BYTES = 256 * 2**20, 64 * 2**20
"""Size of the states that all runs together keep to go back to; and on a small server."""


class Hub(Sockets):
    """See the module. One per server.

    Args:
        executor: Any `concurrent.futures.Executor` whose workers can import `maml_core`.
        num_workers: Chunks that it runs at a time.
        num_sweep_workers: How many of them may be of sweeps; None for all.
        most_training: How many pages may train at a time; None for as many as the workers serve well.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        num_workers: int = 1,
        num_sweep_workers: int | None = None,
        most_training: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wake = asyncio.Event()
        sweeps = SweepHub(
            executor,
            num_workers=num_sweep_workers or num_workers,
            clock=clock,
            wake=self.wake,
            is_present=self.is_present,
            is_known=self.knows,
            visitor=self.visitor,
        )
        places = Places(most_training or PER_WORKER * num_workers)
        super().__init__(Pages(self.wake), sweeps, executor, clock, places)
        self._num_workers = num_workers
        self._most_kept = SMALL_MAX_KEPT_BYTES if is_small() else MAX_KEPT_BYTES
        self.in_flight: dict[LiveRun, bool] = {}
        """The runs that a chunk is computed of, each with whether it came first because a class follows it."""
        self._looks = kinds_of_looks(self.pages, executor, self.wake, num_workers, clock)
        self._order = Order(self.classes, sweeps, self._looks, num_workers)
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper: Keeper | None = None

    def keep(self, keeper: Keeper) -> None:
        """Keep the pages' runs on disk, and take them up again from there."""
        self._keeper = keeper
        self._recovery = Recovery(keeper, self.pages, self._executor, self.receive)

    def wake(self) -> None:
        """Look whether there is something to compute, as after a second at the latest."""
        self._wake.set()

    # The loop

    async def run(self) -> None:
        """Compute until cancelled."""
        self.loop.begin()
        try:
            while True:
                now = self._clock()
                try:
                    self._tidy(now)
                    self.admit()
                    if self._keeper is not None:
                        self._keeper.look(self.pages.owners(), now)
                    self.sweeps.tidy(now)
                    self._submit(now)
                except Exception:  # a fault of ours with one page must not stop all the others
                    _log.exception("the hub stumbled")
                # Not `asyncio.wait_for`: before Python 3.12 it may swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds_to_sleep(now)):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            for task in (*self._tasks, *(task for looks in self._looks for task in looks.tasks)):
                task.cancel()
            if self._recovery is not None:
                self._recovery.end()
            self.loop.end()

    async def close(self) -> None:
        """Keep all runs as they are now: the server ends."""
        if self._keeper is not None:
            await asyncio.to_thread(self._keeper.close, self.pages.owners())

    def _submit(self, now: float) -> None:
        """Give the executor the next chunks: one more than it runs at a time, so that it never waits for us."""
        watched = self.pages.watched()
        looking = self.pages.looking()
        num_training = sum(run.playback.trains for run in watched)
        holds_sweeps = self._order.holds_sweeps(watched, self.in_flight, now)
        while self._num_given < self._num_workers + 1:
            has_room = len(watched) == 1 or self._num_long < turns.most_long(self._num_workers)
            turn = self._order.next(watched, self.in_flight, self._ready(watched, now, with_long=has_room))
            kinds = self._looks if has_room else self._looks[:NUM_LIGHT]
            if (turn is None or not turn.run.audience.waits) and any(looks.submit(looking) for looks in kinds):
                continue
            if turn is None:
                while not holds_sweeps and len(self.in_flight) <= self._num_workers and self.sweeps.submit_next():
                    pass  # no live run waits, neither here nor in the executor's queue: sweeps have what is left
                return
            if self._order.gives_way(turn, num_training) and not holds_sweeps and self.sweeps.submit_next():
                continue
            run = turn.run
            seeing = [page for page in watched[run] if page.visible]
            crowd = turns.crowd(1 if turn.leads else num_training, self._num_workers)
            is_behind = all(page.connection.is_behind for page in seeing)  # the quickest counts: others skip frames
            is_away = all(page.viewer.looks_elsewhere for page in seeing)
            is_alone = self._has_a_worker_left(watched)
            request = run.next_request(
                now,
                budget_s=turns.chunk_budget_s(crowd, is_urgent=run.audience.waits, is_alone=is_alone),
                pace=turns.pace(crowd, is_visible=bool(seeing), is_behind=is_behind, is_away=is_away),
                watching=list(dict.fromkeys(page.viewer for page in seeing or watched[run])),
                meanwhile=is_alone,
            )
            future = submitted(self._executor, request)
            self.in_flight[run] = turn.leads
            work = self._finish(turn, run.generation, future, is_answer=request.num_steps == 0)
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def _num_given(self) -> int:
        """Chunks that the executor has: of runs, of what is looked at, and of sweeps."""
        return len(self.in_flight) + sum(len(looks.looking) for looks in self._looks) + self.sweeps.num_in_flight

    def _has_a_worker_left(self, watched: Mapping[LiveRun, list[Page]]) -> bool:
        """Whether one may look at the only run there is while another trains it: nothing else is computed or waits to be, no second run is compared, and
        neither takes so long that whoever comes would find no worker."""
        is_compared = any(page.viewer.second is not None for pages in watched.values() for page in pages)
        others = self._num_given - len(self.in_flight) - len(self._looks[0].looking)
        is_alone = self._num_workers > 1 and len(watched) == 1 and others == 0 and not self.sweeps.is_computing
        return is_alone and not is_compared and not any(is_long(run.config) for run in watched)

    @property
    def _num_long(self) -> int:
        """Chunks and looks under way that keep a worker for long."""
        runs = sum(is_long(run.config) for run in self.in_flight)
        return runs + sum(len(looks.looking) for looks in self._looks[NUM_LIGHT:])

    def _ready(self, watched: Mapping[LiveRun, list[Page]], now: float, *, with_long: bool) -> list[LiveRun]:
        """The runs that have something to compute now.

        Args:
            watched: The runs that a socket feeds a page of.
            now: The clock.
            with_long: Whether one of them may keep a worker for long.
        """
        return [
            run
            for run, pages in watched.items()
            if run.is_due(now)
            and not any(page.awaits_second for page in pages)
            and _stands_s(run, pages, now) <= 0.0
            and (with_long or not is_long(run.config))
        ]

    async def _finish(
        self, turn: Turn, generation: int, future: asyncio.Future[ChunkResult], *, is_answer: bool
    ) -> None:
        """Take a chunk's result to its run, and what it shows to the pages that watch it."""
        run = turn.run
        result: ChunkResult | None = None
        problem: Exception | None = None
        try:
            result = await future
        except Exception as error:
            problem = error
        finally:
            del self.in_flight[run]
            self.wake()
        if result is not None:
            self._order.used(turn, result, is_answer=is_answer)
            if self.compiler is not None:
                self.compiler.trained(result)
        if generation != run.generation:
            return  # the run was started again meanwhile
        try:
            self._take(run, result, problem)
        except Exception as error:
            _log.exception("a result could not be taken in")
            self._fail(run, error)
            self.pages.tell(run)

    def _take(self, run: LiveRun, result: ChunkResult | None, problem: Exception | None) -> None:
        pages = self.pages.of(run)
        if result is not None:
            run.finished(result, self._clock())
            self.pages.learn(result.config.tasks, result.levels)
            for page in pages:
                page.follow = page.follow or (run.changes.replayed and not page.in_class)
            run.changes.replayed = False
            try:
                self._submit(self._clock())  # the next chunk is computed while this one is shown
            except Exception:  # nothing of this run's: the loop tries again
                _log.exception("the hub stumbled")
        elif isinstance(problem, BrokenProcessPool) and run.num_lost < MAX_LOST:
            run.lost()
            why = getattr(self._executor, "lost_because", "ended")
            run.notice = f"A worker process {why}; a new one goes on from outer step {run.step:,}."
        else:
            _log.error("a chunk failed", exc_info=problem)
            self._fail(run, problem)
        self.pages.show(run, self._clock(), with_frame=result is not None and result.snapshot is not None)

    def _fail(self, run: LiveRun, problem: Exception | None) -> None:
        """Tell the run that its chunk could not be computed, and its pages where it goes on nevertheless."""
        why = _failure(problem, run.code)
        if run.failed(why, lost_images=isinstance(problem, DataError)):
            for page in self.pages.of(run):
                page.put({"type": "error", "message": f"{why} The run goes on as it was."})

    def _seconds_to_sleep(self, now: float) -> float:
        idle = self.pages.watched().keys() - self.in_flight.keys()
        waiting = [run.playback.seconds_until_due(now) for run in idle]
        waiting += [_stands_s(run, pages, now) for run, pages in self.pages.watched().items()]
        return max(0.001, min([self.sweeps.seconds_to_sleep(now), *(wait for wait in waiting if wait > 0.0)]))

    def _tidy(self, now: float) -> None:
        """Pause what nobody sees, forget what nobody came back to."""
        for page in self.pages.all():
            if page.is_seen(now) if page.connected else self._is_kept(page):
                page.last_seen = now
            elif not page.connected and now - page.last_seen > KEEP_S:
                self.pages.forget(page)
            if page.viewer.guide is not None and page.viewer.guide.follow(page.run, page.viewer, now):
                self.pages.tell(page.run)
                self.classes.changed(page)
        self.classes.tidy(now)
        for run, pages in (watched := self.pages.watched()).items():
            run.kept.limit(self._most_kept // len(watched))
            run.recording.share(len(watched))
            if not run.playback.playing:
                continue
            deciding = [page for page in pages if not page.in_class]
            if deciding and all(page.wants_pause(now) for page in deciding):
                run.hold()
                self.pages.tell(run)
            elif all(now - page.last_seen > HIDDEN_PAUSE_S for page in pages):
                run.pause()
                run.notice = "Paused, because this page was out of sight for ten minutes."
                self.pages.tell(run)

    def _is_kept(self, page: Page) -> bool:
        """Whether a page without a socket is waited for: a lesson's as long as its tab is there, and a class's teacher's."""
        return self.is_present(page.token) or self.is_present(page.home) or self.classes.keeps(page)


def _failure(problem: Exception | None, code: OwnCode | None) -> str:
    """Why a chunk could not be computed; of code of the server's owner, what that said."""
    if isinstance(problem, BrokenProcessPool):
        return (
            f"The worker process ended {MAX_LOST + 1} times in a row; this set-up may need more memory than there is."
        )
    if isinstance(problem, ConfigError | DataError | ClusterError):
        return f"{of_error(problem)}."
    if code is not None and problem is not None:
        said = " ".join(str(problem).split())[:MAX_SAID].removesuffix(".")
        return f"{code.name} could not be computed ({type(problem).__name__}: {said}; the server's log says more)."
    return f"This set-up could not be computed ({type(problem).__name__}; the server's log says more)."


def _stands_s(run: LiveRun, pages: Sequence[Page], now: float) -> float:
    """How long a run may stand still for a closer look that all who see it have just opened; nobody waits so for an answer."""
    seeing = [page.viewer for page in pages if page.visible]
    return 0.0 if run.audience.waits else min((viewer.awaits_look_s(now) for viewer in seeing), default=0.0)
