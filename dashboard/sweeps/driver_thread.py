"""The driver of a sweep (`maml_core.sweeps.driver.Sweeping`) and its study do I/O, so they live in a thread of their own.

The event loop hands over what is finished and gets plain records back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from dashboard.sweeps.newest_losses import NewestLosses
from dashboard.sweeps.reading import Findings, Reader
from maml_core.sweeps.chunks import LanesResult
from maml_core.sweeps.compiling_beside import CompilingBeside
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Progress, Sweeping, Ticket
from maml_core.sweeps.recognition import find_images
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import SweepStudy

T = TypeVar("T")

NewDriver = Callable[[], Sweeping]
NewCompiling = Callable[[Sweeping], CompilingBeside]


class Seen(NamedTuple):
    """What the thread tells the loop."""

    results: tuple[SettingResult, ...]
    progress: Progress
    is_done: bool
    tickets: tuple[Ticket, ...]
    findings: Findings


class DriverThread:
    """See the module.

    Args:
        name: Of the sweep.
        sweep: What it computes.
        study: Open; closed with the thread.
        new_driver: Makes the state machine that goes on from the study.
        budget_s: Processor seconds of a chunk.
        new_compiling: Makes what has outer steps compiled beside the driver; None where none are compiled for this sweep.
    """

    def __init__(
        self,
        name: str,
        sweep: SweepConfig,
        study: SweepStudy,
        *,
        new_driver: NewDriver,
        budget_s: float,
        new_compiling: NewCompiling | None,
    ) -> None:
        self.sweep = sweep
        """With its images in the folder where they were last found."""
        self.study = study
        self.newest = NewestLosses()
        self.is_stale = False
        """The driver waits for tickets that nobody computes any more."""
        self._new_driver = new_driver
        self._budget_s = budget_s
        self._new_compiling = new_compiling
        self._driver: Sweeping | None = None
        self._compiling: CompilingBeside | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"sweep {name}")
        self._reader = Reader()

    async def run(self, act: Callable[[], T]) -> T:
        """Call one of the functions below in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, act)

    def shutdown(self) -> None:
        """End the thread."""
        self._executor.shutdown(wait=False)

    def find_images(self, executor: Executor, folder: str | None) -> str:
        """Find the sweep's images, as `recognition.find_images`; for threads other than this one and the loop's.

        Raises:
            DataError, ConfigError: They are not there, or others; all is as it was.
        """

        def find() -> str:
            note = find_images(self.study, executor, folder=folder)
            self._follow()
            return note

        return self._executor.submit(find).result()

    # In the thread

    def look(self, num_wanted: Callable[[], int], is_idle: Callable[[], bool]) -> Seen:
        """What is known now, and the tickets that are computed next.

        Args:
            num_wanted: How many tickets there is room for.
            is_idle: Whether none is ready or under way.
        """
        driver = self._held_driver()
        tickets: list[Ticket] = []
        while len(tickets) < num_wanted():
            ticket = driver.next_request(budget_s=self._budget_s)
            if ticket is None:
                break
            tickets.append(ticket)
        if not tickets and is_idle() and not driver.is_done:
            driver.refresh()  # others are at it
        if driver.is_done:
            self._close_compiling()
            self.study.keep_served(False)
        elif self._compiling is not None:
            self._compiling.look()
        results = driver.results()
        self.newest.number_lanes(self.sweep, results)
        findings = self.findings(results, at_once=driver.is_done)
        return Seen(results, driver.progress, driver.is_done, tuple(tickets), findings)

    def finished(self, ticket: Ticket, result: LanesResult) -> None:
        """Give the driver a ticket's result."""
        self._held_driver().finished(ticket, result)

    def findings(self, results: tuple[SettingResult, ...], *, at_once: bool = False) -> Findings:
        """What the results say; see `Reader.findings`."""
        return self._reader.findings(self.sweep, results, at_once=at_once)

    def ended(self, results: tuple[SettingResult, ...]) -> Findings:
        """Close the driver; gives what all results say that there are."""
        self.close_driver()
        self.study.keep_served(False)
        return self.findings(results, at_once=True)

    def close_driver(self) -> None:
        """Let the driver give back what is not finished; the next look makes a new one."""
        self.is_stale = False
        self._close_compiling()
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _held_driver(self) -> Sweeping:
        if self.is_stale:
            self.close_driver()
        if self._driver is None:
            self._driver = self._new_driver()
            self.study.keep_served(True)  # whoever opens it after this server has ended is told
            self._follow()
            if self._new_compiling is not None:
                self._compiling = self._new_compiling(self._driver)
        return self._driver

    def _close_compiling(self) -> None:
        compiling, self._compiling = self._compiling, None
        if compiling is not None:
            compiling.close()

    def _follow(self) -> None:
        """Its images may have been found in another folder."""
        if self.sweep != self.study.sweep:
            self.sweep = self.study.sweep
            self.newest.forget_lanes()
