"""A chunk of a sweep: some lanes of one batch moved forward, across the executor's seam, as plain bytes and numpy.

Like `maml_core.chunks`, it imports without torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from maml_core.config import RunConfig
from maml_core.records import Numbers, Status, Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesRequest:
    """Move a batch of lanes forward."""

    configs: tuple[RunConfig, ...]
    """Of every lane that the batch began with, in its order; all of one `group_key`."""
    state: bytes | None = None
    """From `LanesResult.state`; None is outer step 0."""
    until: int
    """Outer step at which to stop."""
    budget_s: float | None = None
    """Processor seconds; at least one step is taken. None: go on to `until`."""
    drop: tuple[int, ...] = ()
    """Lanes that leave the batch before the first step (pruned), by their place in `configs`."""
    evaluate: bool = True
    """When `until` is reached, judge every lane on the held-out tasks after 0..N_eval inner steps."""
    device: str = "cpu"


class LaneStop(NamedTuple):
    """A lane that left the batch by itself."""

    lane: int
    """Its place in `configs`."""
    step: int
    """Outer step at which it was found."""
    status: Status
    """As the single run would have said it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesResult:
    """Where the batch is now."""

    state: bytes
    step: int
    lanes: tuple[int, ...]
    """Those still in the batch, by their place in `configs`; the columns below are theirs."""
    steps: Numbers
    """The outer steps taken, [S]."""
    query_loss: Numbers
    """Training query loss after adaptation, [S, lanes of the request that were alive at its start]; NaN after a lane left."""
    accuracy: Numbers | None
    """The same for classes; None in regression."""
    query_lanes: tuple[int, ...]
    """The columns of `query_loss`."""
    stopped: tuple[LaneStop, ...]
    """Lanes that left by themselves in this chunk."""
    summaries: tuple[Summary, ...] | None
    """Held-out results of `lanes` after 0..N_eval inner steps; None unless asked for and `until` was reached."""
    curvatures: Numbers | None
    """lambda_max at theta_0 of `lanes` (median over held-out tasks), with the summaries."""
    cpu_s: float
    advance_s: float


def run_lanes(request: LanesRequest) -> LanesResult:
    """Do what a request asks for. Everything it depends on is in the request.

    Every lane equals the single run of its config (`runs.advance`) to rounding: float64 over tens of steps to 1e-9, relative.
    """
    raise NotImplementedError
