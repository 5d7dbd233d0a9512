"""A sweep under way: which lanes are computed next, and what comes of them. A state machine without clock, threads or executor.

The caller owns the loop: ask `next_request`, run `run_lanes` on it anywhere, hand the result to `finished`. The command line does so on an
executor (`run_sweep`), the page's hub between the chunks of live runs.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

from maml_core.sweeps.chunks import LanesRequest, LanesResult
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import SweepConfig
from maml_core.sweeps.study import SweepStudy


class Ticket(NamedTuple):
    """A chunk that is to be computed."""

    batch: int
    """Which batch it is of; a batch has one ticket out at a time."""
    request: LanesRequest


class Progress(NamedTuple):
    """How far a sweep is."""

    num_settings: int
    num_ok: int
    num_diverged: int
    num_pruned: int
    lane_steps: int
    """Outer steps taken, over all lanes, of this driver."""
    lane_steps_left: int
    """At most so many are left: those of lanes that diverge or are pruned fall away."""

    @property
    def num_done(self) -> int:
        """Settings that need no more work."""
        return self.num_ok + self.num_diverged + self.num_pruned


class Sweeping:
    """See the module.

    Args:
        sweep: What to compute.
        study: Where settings come from and results go; finished settings of an earlier driver are there already.
        at_once: Batches in flight that the caller would like to have; settings are dealt to so many.
        max_lanes: Lanes of a batch at most; None for what fits into the memory (`chunks.max_lanes`).
    """

    def __init__(
        self, sweep: SweepConfig, study: SweepStudy, *, at_once: int = 1, max_lanes: int | None = None
    ) -> None:
        raise NotImplementedError

    @property
    def revision(self) -> int:
        """Grows with each change of `results` or `progress`."""
        raise NotImplementedError

    @property
    def is_done(self) -> bool:
        """Whether every setting has its result."""
        raise NotImplementedError

    @property
    def progress(self) -> Progress:
        """How far it is."""
        raise NotImplementedError

    def results(self) -> tuple[SettingResult, ...]:
        """All settings, by number, as far as they are known."""
        raise NotImplementedError

    def next_request(self, *, budget_s: float | None = None) -> Ticket | None:
        """The chunk to compute next; None where all batches are in flight or nothing is left."""
        raise NotImplementedError

    def finished(self, ticket: Ticket, result: LanesResult) -> None:
        """Take in a chunk's result; settings that are complete go to the study at once."""
        raise NotImplementedError

    def lost(self, ticket: Ticket) -> None:
        """The chunk was lost with its worker: it will be asked for again from the held state."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what is not finished, so that another driver of the study may take it; what is finished stays."""
        raise NotImplementedError


def run_sweep(
    sweep: SweepConfig,
    study: SweepStudy,
    executor: Executor,
    *,
    at_once: int,
    on_change: Callable[[Sweeping], None] = lambda _: None,
) -> tuple[SettingResult, ...]:
    """Compute a whole sweep on an executor. Interrupted, it keeps every finished setting and raises again."""
    raise NotImplementedError
