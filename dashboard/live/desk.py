"""All sweeps of the server: which of their chunks is computed next, and who watches them.

It lives on the hub's event loop. The hub asks it for a chunk whenever no chunk of a live run waits; a sweep has a worker's time only then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple, TypeVar

import numpy as np

from dashboard.live.comparison import Comparison
from dashboard.live.comparison import Job as ComparisonJob
from dashboard.live.costs import MAX_GROUPS, Cost, Group, cost_of, judged_at_once, lanes_of_a_batch, request_for
from dashboard.live.judging import Piece
from dashboard.live.page import Outbox
from dashboard.live.sweep_job import SweepJob
from dashboard.live.sweep_page import SweepPage
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.cluster import ClusterExecutor
from maml_core.config import RunConfig
from maml_core.sweeps.chunks import LanesResult, run_lanes
from maml_core.sweeps.driver import Sweeping
from maml_core.sweeps.frozen import FrozenMap, frozen_map
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import SweepConfig
from maml_core.sweeps.study import SweepStudy

T = TypeVar("T")

_log = logging.getLogger(__name__)

ALPHAS = tuple(float(f"{alpha:.3g}") for alpha in np.geomspace(1e-3, 1.0, 19))
IMAGE_ALPHAS = tuple(float(f"{alpha:.3g}") for alpha in np.geomspace(1e-2, 10.0, 10))
"""Of the frozen map; images take longer."""

CURVE_STEPS, IMAGE_STEPS = 10, 3
"""Inner steps of the frozen map, at least."""

ALPHAS_AT_ONCE = 4
"""So that a live run does not wait for the whole map."""

CHUNK_S = 0.02
"""Processor seconds of a sweep's chunk: how long a live run may have to wait for it."""

LOOK_S = 0.04
"""Of a piece that judges lanes: at least one of them."""

CLUSTER_S = 0.5
"""Of a chunk on machines of its own, where no live run waits: still two pictures a second."""

KEEP_S = 120.0
"""How long a sweep goes on without anybody who watches, so that a reload, or a walk to the live page and back, does not stop it."""

FRAME_S = 0.4
"""Least time between two pictures of a sweep."""

MAX_COSTS = 500


class JobKey(NamedTuple):
    """Where a sweep is kept, and its name."""

    place: str
    name: str


class Desk:
    """See the module.

    Args:
        executor: Whose workers can import `maml_core`.
        num_workers: Chunks that it runs at a time.
        clock: Seconds that only grow.
        wake: Called when there may be something to compute.
        is_present: Whether the visitor of a page token is there, on whatever screen.
        is_known: Whether that page is still remembered, since its visitor may come back.
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
    ) -> None:
        self._executor = executor
        self._num_workers = num_workers
        self._clock = clock
        self._wake = wake
        self._is_present = is_present
        self._is_known = is_known
        self._jobs: dict[JobKey, SweepJob] = {}
        self._owners: dict[JobKey, set[str]] = {}
        self._pages: dict[str, SweepPage] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._num_in_flight = 0
        self._turn = 0
        self._costs: dict[RunConfig, Cost] = {}

    # From any thread

    @property
    def num_workers(self) -> int:
        """Chunks that are computed at a time."""
        return self._num_workers

    def job(self, key: JobKey) -> SweepJob | None:
        """A sweep that is open here."""
        return self._jobs.get(key)

    def page(self, token: str) -> SweepPage | None:
        """The page of a token, once it has been connected or given a sweep."""
        return self._pages.get(token)

    def costs(self, found: Mapping[RunConfig, Group], wait_s: float) -> dict[RunConfig, Cost]:
        """What a lane of each group costs: as far as it is known after `wait_s` seconds. For other threads only."""
        missing = [key for key in found if key not in self._costs][
            : max(0, MAX_GROUPS - sum(k in self._costs for k in found))
        ]
        waiting: list[tuple[RunConfig, Future[LanesResult]]] = []
        deadline = time.monotonic() + wait_s
        for key in missing:
            try:
                waiting.append((key, self._executor.submit(run_lanes, request_for(found[key]))))
            except Exception:
                _log.exception("a step could not be measured")
        for key, future in waiting:
            try:
                result = future.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                future.add_done_callback(lambda done, key=key: self._note_cost(key, found[key], done))  # type: ignore[misc]
            except Exception:
                _log.exception("a step could not be measured")
            else:
                self._keep_cost(key, cost_of(found[key], result))
        return {key: self._costs[key] for key in found if key in self._costs}

    def _note_cost(self, key: RunConfig, group: Group, done: Future[LanesResult]) -> None:
        with contextlib.suppress(Exception):
            self._keep_cost(key, cost_of(group, done.result()))

    def _keep_cost(self, key: RunConfig, cost: Cost) -> None:
        if len(self._costs) >= MAX_COSTS:
            self._costs.clear()
        self._costs[key] = cost

    def new_job(
        self,
        key: JobKey,
        sweep: SweepConfig,
        study: SweepStudy,
        costs: Mapping[RunConfig, Cost],
        cluster: ClusterExecutor | None = None,
    ) -> SweepJob:
        """A sweep for `add`, at rest; what the study holds is read now, so not on the loop.

        Args:
            key: Of the sweep.
            sweep: What to compute.
            study: Open.
            costs: Of its groups, as far as they were measured.
            cluster: Where to compute it; None for where live runs are.
        """
        known = list(costs.values())
        if cluster is None:
            max_lanes, at_once, budget_s = lanes_of_a_batch(known, CHUNK_S), self._num_workers + 1, CHUNK_S
        else:
            max_lanes, at_once, budget_s = None, max(1, cluster.num_workers), CLUSTER_S

        def new_driver() -> Sweeping:
            return Sweeping(sweep, study, at_once=at_once, max_lanes=max_lanes)

        return SweepJob(
            key.name,
            sweep,
            study,
            new_driver=new_driver,
            known=study.results(),
            budget_s=budget_s,
            at_once=at_once,
            judged_at_once=judged_at_once(known, LOOK_S if cluster is None else CLUSTER_S),
            executor=cluster,
        )

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

    def inherit(self, old: str, new: str) -> None:
        """Show the sweep of one page on another."""
        page = self._pages.get(old)
        key = next((key for key, job in self._jobs.items() if page is not None and page.job is job), None)
        if key is not None:
            self.watch(new, key)

    def freeze(self, token: str, config: RunConfig, state: bytes | None, of: str) -> None:
        """Adapt one theta_0 with many alphas, and show what comes of it on a page.

        Args:
            token: The page's.
            config: The run's.
            state: Its state; None where it has not begun.
            of: Whose theta_0 it is, in words.
        """
        page = self._pages.get(token)
        if page is not None:
            self._spawn(self._freeze(page, config, state, of))

    async def _freeze(self, page: SweepPage, config: RunConfig, state: bytes | None, of: str) -> None:
        try:
            if state is None:
                state = (await self._computed(run_chunk, ChunkRequest(config=config))).state
            alphas, steps = (IMAGE_ALPHAS, IMAGE_STEPS) if config.classifies else (ALPHAS, CURVE_STEPS)
            steps = max(steps, config.num_inner_steps)
            parts = [
                await self._computed(frozen_map, config, state, alphas[start : start + ALPHAS_AT_ONCE], steps)
                for start in range(0, len(alphas), ALPHAS_AT_ONCE)
            ]
            found = joined(parts)
        except Exception as error:
            _log.exception("the frozen map could not be computed")
            page.put({"type": "error", "message": f"The frozen map could not be computed: {error}."})
            return
        page.show_frozen(found, config, of)
        self._tell(page)

    async def _computed(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.wrap_future(self._executor.submit(function, *arguments))

    def forget(self, key: JobKey) -> None:
        """Let go of a sweep, whose study somebody deletes."""
        job = self._jobs.pop(key, None)
        self._owners.pop(key, None)
        if job is None:
            return
        for page in self._pages.values():
            if page.job is job:
                page.show(None)
                self._tell(page)
        self._spawn(job.leave())

    def next_piece(self) -> tuple[SweepJob, Piece] | None:
        """The sweep's piece to compute next, of each sweep in turn; None where there is none."""
        jobs = [job for job in self._jobs.values() if job.executor is None]
        for offset in range(len(jobs)):
            job = jobs[(self._turn + offset) % len(jobs)]
            piece = job.take_piece()
            if piece is not None:
                self._turn = (self._turn + offset + 1) % len(jobs)
                return job, piece
        return None

    def submit_next(self) -> bool:
        """Give the executor a chunk, if there is one and room for it: of a comparison, which somebody watches, or of a sweep."""
        if self._num_in_flight >= self._num_workers:
            return False
        for page in self._pages.values():
            comparison = page.comparison
            if page.connected and comparison is not None and (job := comparison.next_job()) is not None:
                self._num_in_flight += 1
                self._spawn(self._compare(page, comparison, job))
                return True
        found = self.next_piece()
        if found is None:
            return False
        self._num_in_flight += 1
        self._spawn(self._finish(*found, self._executor))
        return True

    def _submit_elsewhere(self, job: SweepJob) -> None:
        """Give a sweep's own executor all that it has room for: no live run waits there."""
        while job.executor is not None and job.has_room and (piece := job.take_piece()) is not None:
            self._spawn(self._finish(job, piece, job.executor))

    async def _compare(self, page: SweepPage, comparison: Comparison, job: ComparisonJob) -> None:
        try:
            result = await self._computed(job.function, *job.arguments)
        except BrokenProcessPool:
            comparison.lost(job)
        except Exception as error:
            _log.exception("a comparison stopped")
            page.stop_comparison(f"The settings could not be compared: {error}")
        else:
            comparison.finished(job, result)
        finally:
            self._num_in_flight -= 1
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
                self._num_in_flight -= 1
            self._wake()  # before the result is taken in: another batch's chunk may be ready
        if result is not None:
            await job.finished(piece, result)
        elif problem is not None:
            await job.lost(piece, problem, is_worker=isinstance(problem, BrokenProcessPool))
        self._wake()

    def tidy(self, now: float) -> None:
        """Let the sweeps' threads work, tell the pages what is new, stop what nobody watches any more."""
        for key, job in list(self._jobs.items()):
            if any(self._is_present(token) for token in self._owners.get(key, ())):
                job.last_seen = now
            elif now - job.last_seen > KEEP_S:
                job.cancel()
                if job.status in ("stopped", "done", "failed") and not job.wants_thread:
                    self.forget(key)
                    continue
            if job.wants_thread:
                self._spawn(self._turn_of(job))
            self._submit_elsewhere(job)
        for token, page in list(self._pages.items()):
            if page.connected:
                if page.is_due(now, FRAME_S):
                    page.send_frame(now)
            elif not self._is_known(token):
                del self._pages[token]

    def seconds_to_sleep(self, now: float) -> float:
        """Until a page may be sent the next picture."""
        waits = [page.seconds_until_due(now, FRAME_S) for page in self._pages.values() if page.connected]
        return min([1.0, *waits])

    async def _turn_of(self, job: SweepJob) -> None:
        await job.turn()
        self._wake()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give back what is not finished."""
        for job in list(self._jobs.values()):
            with contextlib.suppress(Exception):
                await job.leave()
        self._jobs.clear()
        for task in list(self._tasks):
            task.cancel()

    # The socket

    def connect(self, token: str) -> tuple[SweepPage, Outbox]:
        """Feed a page through a new socket."""
        page = self._pages.setdefault(token, SweepPage())
        outbox = page.connect()
        self._tell(page)
        return page, outbox

    def disconnect(self, page: SweepPage, outbox: Outbox) -> None:
        """The socket has gone."""
        page.disconnect(outbox)

    def receive(self, page: SweepPage, message: Mapping[str, Any]) -> None:
        """Do what a page asks for; what is refused is answered with a sentence."""
        try:
            page.obey(message)
        except KeyError as error:
            page.put({"type": "error", "message": f"The page's message lacks {error}; reload the page."})
        except (ValueError, TypeError, OverflowError) as error:
            page.put({"type": "error", "message": f"{error}."})
        self._tell(page)

    def _tell(self, page: SweepPage) -> None:
        page.tell()
        self._wake()

    def results_of(self, token: str) -> tuple[SweepConfig, tuple[SettingResult, ...]] | None:
        """The sweep that a page shows, and what is known of its settings."""
        page = self._pages.get(token)
        if page is None or page.job is None:
            return None
        return page.job.sweep, page.job.results


def joined(parts: Sequence[FrozenMap]) -> FrozenMap:
    """Maps of one theta_0 as one, their alphas one behind the other."""

    def together(name: str) -> Any:
        columns = [getattr(part, name) for part in parts]
        return None if columns[0] is None else np.concatenate(columns)

    names = ("alphas", "mean", "ci95", "median", "diverged_share", "worse_share", "accuracy", "accuracy_ci95")
    return FrozenMap(
        **{name: together(name) for name in names},
        curvature=parts[0].curvature,
        seconds=sum(part.seconds for part in parts),
    )
