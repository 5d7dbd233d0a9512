"""One sweep as the page's server holds it: what is known of it, and the chunks that it would like to have computed.

The driver (`maml_core.sweeps.driver.Sweeping`) and its study do I/O, so they live in a thread of their own; the event loop sees tickets and
plain records only. The desk takes a ticket, has it computed wherever there is room, and hands the result back.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from dashboard.live.judging import Piece, Work
from maml_core.config import RunConfig
from maml_core.sweeps.chunks import LanesResult
from maml_core.sweeps.driver import Progress, Sweeping, Ticket
from maml_core.sweeps.reading import read
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import SweepConfig, lane_configs
from maml_core.sweeps.study import SweepStudy

T = TypeVar("T")

_log = logging.getLogger(__name__)

JobStatus = Literal["stopped", "running", "stopping", "done", "failed"]

MAX_LOST = 3
"""A sweep whose chunks are lost more often in a row stops, instead of killing one worker after the other."""

RECENT_STEPS = 10
"""Outer steps whose training losses stand in for a held-out loss that was not measured yet."""

NewDriver = Callable[[], Sweeping]


class _Seen(NamedTuple):
    """What the driver's thread tells the loop."""

    results: tuple[SettingResult, ...]
    progress: Progress
    is_done: bool
    tickets: tuple[Ticket, ...]
    sentences: tuple[str, ...]


class SweepJob:
    """See the module.

    Args:
        name: Of the sweep and its study.
        sweep: What it computes.
        study: Open; its finished settings are known already.
        new_driver: Makes the state machine that goes on from the study.
        known: `study.results()`, read where that does no harm.
        budget_s: Processor seconds of a chunk.
        at_once: Tickets to have ready or in flight.
        judged_at_once: Lanes that are judged in one piece.
        executor: Where it is computed, if not where live runs are; the job ends it.
    """

    def __init__(
        self,
        name: str,
        sweep: SweepConfig,
        study: SweepStudy,
        *,
        new_driver: NewDriver,
        known: tuple[SettingResult, ...] = (),
        budget_s: float = 0.03,
        at_once: int = 2,
        judged_at_once: int = 4,
        executor: Executor | None = None,
    ) -> None:
        self.name = name
        self.sweep = sweep
        self.study = study
        self.status: JobStatus = "stopped"
        self.sentence = ""
        """Why it failed."""
        self.results = known
        self.progress: Progress | None = None
        self.training: dict[int, float] = {}
        """Newest loss of a setting's lanes, mostly of training, by its number."""
        self.executor = executor
        self.revision = 0
        """Grows with each change of what a page shows."""
        self.last_seen = -math.inf
        """When somebody watched it."""
        self._new_driver = new_driver
        self._driver: Sweeping | None = None
        self._budget_s = budget_s
        self._at_once = at_once
        self._ready: list[Ticket] = []
        self._work: dict[int, Work] = {}
        """Tickets under way, by their batch."""
        self._judged_at_once = judged_at_once
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sweep {name}")
        self._filling = False
        self._hungry = True
        """The driver may have more tickets than it gave."""
        self._num_lost = 0
        """Pieces lost in a row."""
        self._num_out = 0
        """Pieces that are being computed."""
        self._is_stale = False
        """The driver waits for tickets that nobody computes any more."""
        self._setting_of: dict[RunConfig, int] = {}
        self._read_at: tuple[int, tuple[str, ...]] = (-1, ())
        """Settings that were finished, and the sentences then; the thread's own."""
        self.sentences = self._read(known)
        """What the results say."""
        if known and self.num_done >= self.size:
            self.status = "done"

    @property
    def size(self) -> int:
        """Settings of the whole sweep."""
        return self.sweep.size

    @property
    def has_room(self) -> bool:
        """Whether fewer chunks are under way than it would like to have."""
        return self._num_out < self._at_once

    @property
    def num_done(self) -> int:
        """Settings that need no more work."""
        return sum(result.is_done for result in self.results)

    # What people ask for

    def resume(self) -> None:
        """Go on, from whatever is finished."""
        if self.status in ("stopped", "failed"):
            self.status, self.sentence, self._num_lost, self._hungry = "running", "", 0, True
            self.revision += 1

    def cancel(self) -> None:
        """Compute nothing more; what is finished stays."""
        if self.status == "running":
            self.status = "stopping"
            self.revision += 1

    # What is computed

    @property
    def wants_thread(self) -> bool:
        """Whether `turn` has something to do."""
        if self._filling:
            return False
        if self.status == "stopping":
            return not self._work
        if self.status == "failed":
            return self._is_stale
        return self.status == "running" and self._hungry and len(self._ready) + len(self._work) < self._at_once

    def take_piece(self) -> Piece | None:
        """What to compute now; None where there is nothing. A ticket that has begun comes before the next one."""
        piece = self._next_piece()
        self._num_out += piece is not None
        return piece

    def _next_piece(self) -> Piece | None:
        if self.status == "failed":
            return None
        for work in self._work.values():
            if (piece := work.next_piece()) is not None:
                return piece
        if self.status != "running" or not self._ready:
            return None
        ticket = self._ready.pop(0)
        work = self._work[ticket.batch] = Work(ticket, self._judged_at_once)
        return work.next_piece()

    async def turn(self) -> None:
        """Ask the driver for tickets, or close it: in its thread."""
        self._filling = True
        try:
            if self.status in ("stopping", "failed"):
                self._ready.clear()
                await self._in_thread(self._close)
                self.status = "stopped" if self.status == "stopping" else self.status
                self.revision += 1
            else:
                self._take_in(await self._in_thread(self._look))
        except Exception as error:
            self._fail(error)
        finally:
            self._filling = False

    async def finished(self, piece: Piece, result: LanesResult) -> None:
        """Take in a piece's result."""
        self._num_out -= 1
        self._num_lost = 0
        work = self._work.get(piece.ticket.batch)
        if work is None or work.ticket is not piece.ticket:
            return  # the sweep failed meanwhile
        self._note_losses(piece, result)
        whole = work.finished(piece, result)
        if whole is None:
            return
        ticket = piece.ticket

        def act() -> _Seen:
            self._held_driver().finished(ticket, whole)
            return self._look()

        try:
            seen = await self._in_thread(act)
        except Exception as error:
            self._fail(error)
            return
        self._work.pop(ticket.batch, None)
        self._take_in(seen)

    async def lost(self, piece: Piece, error: Exception, *, is_worker: bool) -> None:
        """The piece was not computed: because its worker ended, or because it cannot be."""
        self._num_out -= 1
        self._num_lost += 1
        work = self._work.get(piece.ticket.batch)
        if not is_worker or self._num_lost > MAX_LOST:
            self._fail(error)
        elif work is not None and work.ticket is piece.ticket:
            work.again(piece)

    async def leave(self) -> None:
        """Close driver and study whatever their state; the job is not used afterwards."""

        def close() -> None:
            self._close()
            self.study.close()
            if self.executor is not None:
                self.executor.shutdown(wait=False, cancel_futures=True)

        await self._in_thread(close)
        self._thread.shutdown(wait=False)

    def _take_in(self, seen: _Seen) -> None:
        self.results, self.progress, self.sentences = seen.results, seen.progress, seen.sentences
        self._ready += seen.tickets
        self._hungry = True
        if seen.is_done and self.status == "running":
            self.status = "done"
        if not seen.tickets and not self._ready:
            self._hungry = bool(self._work)
        self.revision += 1

    def _fail(self, error: Exception) -> None:
        _log.error("the sweep %s stopped", self.name, exc_info=error)
        self.status = "failed"
        self.sentence = f"{error}".rstrip(".") or type(error).__name__
        self._ready.clear()
        self._work.clear()
        self._is_stale = True
        self.revision += 1

    async def _in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    # In the thread

    def _held_driver(self) -> Sweeping:
        if self._is_stale:
            self._close()
        if self._driver is None:
            self._driver = self._new_driver()
        return self._driver

    def _look(self) -> _Seen:
        driver = self._held_driver()
        tickets: list[Ticket] = []
        if self.status == "running":
            while len(tickets) + len(self._ready) + len(self._work) < self._at_once + 1:
                ticket = driver.next_request(budget_s=self._budget_s)
                if ticket is None:
                    break
                tickets.append(ticket)
        if not tickets and not self._ready and not self._work and not driver.is_done:
            driver.refresh()  # others are at it
        results = driver.results()
        self._number_lanes(results)
        return _Seen(results, driver.progress, driver.is_done, tuple(tickets), self._read(results))

    def _read(self, results: tuple[SettingResult, ...]) -> tuple[str, ...]:
        """The sentences; new ones where another setting is finished."""
        num_done = sum(result.is_done for result in results)
        if num_done != self._read_at[0]:
            self._read_at = (num_done, read(self.sweep, results))
        return self._read_at[1]

    def _close(self) -> None:
        self._is_stale = False
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _number_lanes(self, results: tuple[SettingResult, ...]) -> None:
        """Which setting a lane is of; asked for once a setting."""
        known = set(self._setting_of.values())
        for result in results:
            if result.number not in known:
                for config in lane_configs(self.sweep, result.values):
                    self._setting_of[config] = result.number

    # Losses before the driver has them

    def _note_losses(self, piece: Piece, result: LanesResult) -> None:
        """What a page can show of lanes whose batch is not through: their held-out losses, else their training losses."""
        losses = judged_losses(piece, result) if piece.lanes else recent_losses(result)
        seeds: dict[int, list[float]] = {}
        for lane, loss in losses.items():
            number = self._setting_of.get(piece.request.configs[lane])
            if number is not None:
                seeds.setdefault(number, []).append(loss)
        self.training |= {number: sum(found) / len(found) for number, found in seeds.items()}
        self.revision += 1


def judged_losses(piece: Piece, result: LanesResult) -> Mapping[int, float]:
    """Held-out loss after N inner steps of the lanes that a piece judged, by their place in the batch."""
    assert result.summaries is not None
    found = {
        lane: float(summary.mean[piece.request.configs[lane].num_inner_steps])
        for lane, summary in zip(result.lanes, result.summaries, strict=True)
    }
    return {lane: loss for lane, loss in found.items() if math.isfinite(loss)}


def recent_losses(result: LanesResult) -> Mapping[int, float]:
    """Mean training query loss of each lane over the chunk's last steps, by its place in the batch."""
    if not len(result.steps):
        return {}
    recent = np.asarray(result.query_loss)[-RECENT_STEPS:].mean(axis=0)
    return {lane: float(loss) for lane, loss in zip(result.query_lanes, recent, strict=True) if math.isfinite(loss)}
