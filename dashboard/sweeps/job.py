"""One sweep as the page's server holds it: what is known of it, and the chunks that it would like to have computed.

It lives on the event loop, its driver and study in a thread (see `driver_thread`). The sweeps' hub takes a piece of a ticket, has it
computed wherever there is room, and hands the result back.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from concurrent.futures import Executor
from typing import Literal

from dashboard.charts.symbols import of_error
from dashboard.sweeps.comparison import Comparisons
from dashboard.sweeps.driver_thread import DriverThread, NewCompiling, NewDriver, Seen
from dashboard.sweeps.pieces import Piece, Work
from dashboard.sweeps.reading import unread
from maml_core.sweeps.chunks import LanesResult
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Progress, Ticket
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import SweepStudy

_log = logging.getLogger(__name__)

JobStatus = Literal["stopped", "running", "stopping", "done", "failed", "gone"]

AT_REST = ("stopped", "done")
"""A sweep that neither computes nor is about to stop."""

ENDED = (*AT_REST, "failed")
"""One at rest, or that an error has stopped."""

MAX_LOST = 3
"""What is lost more often, time after time, stops its sweep instead of killing one worker after the other. It counts for each piece alone:
one worker's end takes all pieces with it that are computed at that moment."""


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
        new_compiling: As of `DriverThread`.
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
        new_compiling: NewCompiling | None = None,
    ) -> None:
        self.name = name
        self.status: JobStatus = "stopped"
        self.sentence = ""
        """Why it failed, or what it waits for."""
        self.results = known
        self.progress: Progress | None = None
        self.executor = executor
        self.revision = 0
        """Grows with each change of what a page shows."""
        self.last_seen = -math.inf
        """When somebody watched it."""
        self.comparisons = Comparisons()
        self.driver = DriverThread(
            name, sweep, study, new_driver=new_driver, budget_s=budget_s, new_compiling=new_compiling
        )
        study.patience.tell, study.patience.goes_on = self._wait_for, lambda: self.status == "running"
        self._at_once = at_once
        self._ready: list[Ticket] = []
        self._work: dict[int, Work] = {}
        """Tickets under way, by their batch."""
        self._judged_at_once = judged_at_once
        self._filling, self._is_left = False, False
        self._hungry = True
        """The driver may have more tickets than it gave."""
        self._num_out = 0
        """Pieces that are being computed."""
        self._goes_on = False
        """It was asked to go on while it was stopping: it does once it has stopped."""
        self.findings = unread(sweep)
        """What the results say. Of those that are known from the start it is read in the thread, so that the map need not wait."""
        if known and self.num_done >= self.size:
            self.status = "done"

    @property
    def sweep(self) -> SweepConfig:
        """What it computes, with its images in the folder where they were last found."""
        return self.driver.sweep

    @property
    def study(self) -> SweepStudy:
        """Where its results are kept."""
        return self.driver.study

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

    @property
    def needs_images(self) -> bool:
        """Whether they are to be found before it goes on."""
        return self.status in ("stopped", "failed") and self.num_done < self.size

    def find_images(self, executor: Executor, folder: str | None) -> str:
        """Find the images of a sweep at rest, as `recognition.find_images`, in its own thread; for other threads only.

        Raises:
            DataError, ConfigError: They are not there, or others; all is as it was.
        """
        note = self.driver.find_images(self.executor or executor, folder)
        if self.status == "failed":
            self.status, self.sentence = "stopped", ""
        self.revision += 1
        return note

    # What people ask for

    def resume(self) -> None:
        """Go on, from whatever is finished; once it has stopped, where it is about to."""
        self._goes_on = self.status == "stopping"
        if self.status in ("stopped", "failed"):
            self.status, self.sentence, self._hungry = "running", "", True
            self.revision += 1

    def cancel(self) -> None:
        """Compute nothing more; what is finished stays."""
        self._goes_on = False
        if self.status == "running":
            self.status = "stopping"
            self.revision += 1

    # What is computed

    @property
    def wants_thread(self) -> bool:
        """Whether `turn` has something to do."""
        has_few = len(self._ready) + len(self._work) < self._at_once
        wants = {"stopping": not self._work, "failed": self.driver.is_stale, "running": self._hungry and has_few}
        return not (self._filling or self._is_left) and wants.get(self.status, not self.findings.is_read)

    def take_piece(self) -> Piece | None:
        """What to compute now; None where there is nothing. A ticket that has begun comes before the next one."""
        piece = self._next_piece()
        self._num_out += piece is not None
        return piece

    def _next_piece(self) -> Piece | None:
        for work in self._work.values():
            if (piece := work.next_piece()) is not None:
                return piece
        if self.status != "running" or not self._ready:
            return None
        ticket = self._ready.pop(0)
        work = self._work[ticket.batch] = Work(ticket, self._judged_at_once)
        return work.next_piece()

    async def turn(self) -> None:
        """Ask the driver for tickets, or close it, or read what is known from the start: in its thread."""
        self._filling, begun_as = True, self.status
        try:
            if self.status in AT_REST:
                self.findings = await self.driver.run(lambda: self.driver.findings(self.results, at_once=True))
            elif self.status in ("stopping", "failed"):
                self._ready.clear()
                self.findings = await self.driver.run(lambda: self.driver.ended(self.results))
                self.status = "stopped" if self.status == "stopping" else self.status
                if self._goes_on:
                    self.resume()
            else:
                self._take_in(await self.driver.run(self._look))
        except Exception as error:
            self._fail(error, is_left=begun_as != "running")  # what cannot be read now, could not be another time
        finally:
            self._filling, self.revision = False, self.revision + 1

    async def finished(self, piece: Piece, result: LanesResult) -> None:
        """Take in a piece's result."""
        self._num_out -= 1
        ticket, work = piece.ticket, self._work.get(piece.ticket.batch)
        if work is None or work.ticket is not ticket:
            return  # the sweep failed meanwhile
        self.driver.newest.note(piece, result)
        self.revision += 1
        whole = work.finished(piece, result)
        if whole is None:
            return

        def act() -> Seen | None:
            if self._work.get(ticket.batch) is not work:
                return None
            self.driver.finished(ticket, whole)
            return self._look()

        try:
            seen = await self.driver.run(act)
        except Exception as error:
            self._fail(error)
            return
        if seen is not None and self._work.get(ticket.batch) is work:
            del self._work[ticket.batch]
            self._take_in(seen)

    async def lost(self, piece: Piece, error: Exception, *, is_worker: bool) -> None:
        """The piece was not computed: because its worker ended, or because it cannot be."""
        self._num_out -= 1
        work = self._work.get(piece.ticket.batch)
        if work is None or work.ticket is not piece.ticket:
            return  # the sweep failed meanwhile
        if not is_worker or work.again(piece) > MAX_LOST:
            self._fail(error)

    async def leave(self) -> None:
        """Close driver and study whatever their state; the job is not used afterwards."""

        def close() -> None:
            self.driver.close_driver()
            self.study.close()
            if self.executor is not None:
                self.executor.shutdown(wait=False, cancel_futures=True)

        self._is_left = True
        self.cancel()
        self._work.clear()  # what comes of them is nobody's any more
        try:
            await self.driver.run(close)
        finally:
            self.driver.shutdown()

    def _look(self) -> Seen:
        """The thread's look at the driver, with what there is room for by then."""

        def num_wanted() -> int:
            return self._at_once + 1 - len(self._ready) - len(self._work) if self.status == "running" else 0

        return self.driver.look(num_wanted, lambda: not self._ready and not self._work)

    def _take_in(self, seen: Seen) -> None:
        self.results, self.progress, self.findings = seen.results, seen.progress, seen.findings
        self._ready += seen.tickets
        if seen.is_done and self.status == "running":
            self.status = "done"
        self._hungry = bool(self._ready or self._work)
        self.revision += 1

    def _wait_for(self, what: str) -> None:
        """In the driver's thread: its storage does not answer for a while; empty once it is back."""
        self.sentence, self.revision = what, self.revision + 1

    def _fail(self, error: Exception, *, is_left: bool = False) -> None:
        """Stop, and say why first of all; the driver is closed later, unless it is left already."""
        if self.status == "gone":
            return  # of a study that is not there nothing else is to be said
        _log.error("the sweep %s stopped", self.name, exc_info=error)
        if self.status != "failed":
            self.sentence = of_error(error)
        self.status, self._goes_on, self.revision = "failed", False, self.revision + 1
        self._ready.clear()
        self._work.clear()
        self.driver.is_stale = not is_left


def lose(job: SweepJob, sentence: str) -> None:
    """A job whose study is not kept any more: pages go on showing what was read of it, and say so."""
    job.status, job.sentence = "gone", sentence
    job.revision += 1


def reorder(job: SweepJob, grid_order: Literal["coarse", "plain"]) -> None:
    """Compute what is left of a grid in another order: once it goes on, so one that is computed stops for a moment."""
    if job.study.sweep.grid_order != grid_order:
        job.study.sweep = dataclasses.replace(job.study.sweep, grid_order=grid_order)
        job.cancel()
