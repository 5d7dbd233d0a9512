"""A chunk of a sweep: some lanes of one batch moved forward, across the executor's seam, as plain bytes and numpy.

Like `maml_core.chunks`, it imports without torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from maml_core.config import PythonConfig, RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.errors import ConfigError
from maml_core.families.own import OwnCode
from maml_core.records import Ints, Numbers, Summary
from maml_core.sweeps.footprint import max_lanes
from maml_core.sweeps.results import LaneRefusal, LaneStop

if TYPE_CHECKING:
    from maml_core.problem import Problem

__all__ = ["LanesRequest", "LanesResult", "max_lanes", "run_lanes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesRequest:
    """Move a batch of lanes forward."""

    configs: tuple[RunConfig, ...]
    """Set-ups of every lane that the batch began with, in its order; all of one `group_key`."""
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
    compiled: bool = False
    """Use the compiled form of outer steps, where it is there."""
    device: str = "cpu"
    images: TrainedImages | None = None
    """The images that the sweep is computed on, where it has any and they are known: they must be there, and are split as they were."""
    code: OwnCode | None = None
    """The problem, where it is one of one's own, as whoever computes the sweep has named it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesResult:
    """Where the batch is now."""

    state: bytes
    step: int
    lanes: tuple[int, ...]
    """Those still in the batch, by their place in `configs`; `summaries` and `curvatures` are theirs. Empty where the last one has left."""
    steps: Ints
    """The outer steps taken, [S]."""
    query_loss: Numbers
    """Training query loss after adaptation, [S, lanes of the request that were alive at its start]; NaN after a lane left."""
    accuracy: Numbers | None
    """Share of the query examples named right; None in regression."""
    query_lanes: tuple[int, ...]
    """The columns of `query_loss`."""
    stopped: tuple[LaneStop, ...]
    """Lanes that left by themselves in this chunk."""
    summaries: tuple[Summary, ...] | None
    """Held-out results of `lanes` after 0..N_eval inner steps; None unless asked for and `until` was reached."""
    by_task: tuple[bytes, ...]
    """As `LaneResult.task_values`, of `lanes`, with the summaries; empty without."""
    curvatures: Numbers | None
    """lambda_max at theta_0 of `lanes` (median over held-out tasks), with the summaries."""
    cpu_s: float
    advance_s: float
    compiled: tuple[bool, ...] = ()
    """Which of the outer steps were taken in their compiled form, [S]; empty where none was."""
    refusal: str = ""
    """Why none of these settings can be computed; then nothing was."""
    refused: tuple[LaneRefusal, ...] = ()
    """Lanes that turned out not to be computable, in a step or where they are judged."""

    @property
    def num_compiled(self) -> int:
        """Outer steps that were taken in their compiled form."""
        return sum(self.compiled)


def refusal_of_all(configs: tuple[RunConfig, ...], code: OwnCode | None = None) -> str:
    """Why tasks can be drawn of none of these set-ups, by the first of them; empty where one can be computed.

    Raises:
        DataError: There are no images at all.
        ConfigError: The code of a problem of one's own cannot be had.
    """
    from maml_core.own_code import problem_for
    from maml_core.problem import try_drawing

    found = ""
    for config in configs:
        own = _own(config, code)
        try:
            try_drawing(config, own or problem_for(config))
        except ConfigError as error:
            found = found or str(error)
        else:
            return ""
    return found


def run_lanes(request: LanesRequest) -> LanesResult:
    """Do what a request asks for. Everything it depends on is in the request.

    Every lane equals the single run of its config (`runs.advance`) to rounding: float64 over tens of steps to 1e-9, relative.

    Raises:
        ConfigError: The configs are not of one `group_key`, or ask for baselines; or the code of a problem of one's own cannot be had.
        StateError: The state is damaged, of another version or of other configs.
        DataError: The images are not there, or not those of the request.
    """
    from maml_core.own_code import problem_for
    from maml_core.sweeps.compiled_lanes import Forms
    from maml_core.sweeps.lane_bytes import RecentLanes, check_lanes
    from maml_core.sweeps.lane_refusals import attempted, why_refused
    from maml_core.sweeps.lanes import (
        Batch,
        Form,
        HeldOut,
        Lanes,
        Step,
        begun,
        check_beginning,
        held_out,
        initial_lanes,
        lane_curvatures,
        outer_step,
    )

    start = time.thread_time()
    first = request.configs[0]
    own = _own(first, request.code)
    if request.state is None:
        try:
            check_beginning(first, own or problem_for(first, None, request.device, request.images))
        except Exception as error:
            if not (why := why_refused(first, error)):
                raise
            return _nothing(why)
    batch = Batch.from_configs(request.configs, request.device, request.images, request.code)
    stopped = list[LaneStop]()
    refused = list[LaneRefusal]()
    if request.state is None:
        started, attempt = attempted(batch, initial_lanes(batch), lambda some: begun(batch, some))
        lanes = attempt.lanes
        if started is not None:
            lanes, dead = started
            stopped += dead
        refused += attempt.refused
    else:
        lanes = RecentLanes.shared().state(request.state, request.device)
        check_lanes(lanes, batch)
    lanes = lanes.only([index for index, place in enumerate(lanes.places) if place not in request.drop])
    columns = {place: index for index, place in enumerate(lanes.places)}
    steps: list[int] = []
    losses: list[Numbers] = []
    accuracies: list[Numbers] = []

    def row(places: tuple[int, ...], values: list[float]) -> Numbers:
        found = np.full(len(columns), np.nan)
        found[[columns[place] for place in places]] = values
        return found

    def step_of(lanes: Lanes, form: Form | None) -> Callable[[Lanes], Step]:
        # The form is of exactly these lanes: where it fails, each is tried eagerly.
        return lambda some: outer_step(batch, some, form if some is lanes else None)

    forms = Forms(batch) if request.compiled else None
    compiled: list[bool] = []
    advance_start = time.thread_time()
    deadline = advance_start + request.budget_s if request.budget_s is not None else float("inf")
    while lanes.step < request.until and lanes.places:
        form = None if forms is None else forms.at(lanes)
        taken, attempt = attempted(batch, lanes, step_of(lanes, form))
        refused += attempt.refused
        if taken is None:
            lanes = attempt.lanes
            break
        compiled.append(form is not None and not attempt.refused)
        steps.append(lanes.step)
        losses.append(row(attempt.lanes.places, taken.query_loss))
        if taken.accuracy is not None:
            accuracies.append(row(attempt.lanes.places, taken.accuracy))
        lanes = taken.lanes
        stopped += taken.stopped
        if time.thread_time() >= deadline:
            break
    advance_s = time.thread_time() - advance_start
    judged, num_eval = request.evaluate and lanes.step >= request.until, batch.first.evaluation_steps
    found, curvatures = HeldOut((), ()), np.empty(0)
    if judged:
        measured, attempt = attempted(
            batch, lanes, lambda some: (held_out(batch, some, num_steps=num_eval), lane_curvatures(batch, some))
        )
        lanes = attempt.lanes
        if measured is not None:
            found, curvatures = measured
        refused += attempt.refused
    return LanesResult(
        state=RecentLanes.shared().data(lanes),
        step=lanes.step,
        lanes=lanes.places,
        steps=np.array(steps, dtype=np.int64),
        query_loss=np.array(losses).reshape(len(steps), len(columns)),
        accuracy=np.array(accuracies).reshape(len(steps), len(columns)) if batch.first.classifies else None,
        query_lanes=tuple(columns),
        stopped=tuple(stopped),
        summaries=found.summaries if judged else None,
        by_task=found.by_task,
        curvatures=curvatures if judged else None,
        cpu_s=time.thread_time() - start,
        advance_s=advance_s,
        compiled=tuple(compiled) if any(compiled) else (),
        refused=tuple(refused),
    )


def _own(config: RunConfig, code: OwnCode | None) -> Problem | None:
    """A problem of one's own, None of others. It is had before anything is refused: code that is not there is no setting's fault."""
    from maml_core.own_code import problem_for

    return problem_for(config, code) if isinstance(config.tasks, PythonConfig) else None


def _nothing(refusal: str) -> LanesResult:
    """What comes of lanes whose tasks cannot be drawn."""
    return LanesResult(
        state=b"",
        step=0,
        lanes=(),
        steps=np.empty(0, dtype=np.int64),
        query_loss=np.empty((0, 0)),
        accuracy=None,
        query_lanes=(),
        stopped=(),
        summaries=None,
        by_task=(),
        curvatures=None,
        cpu_s=0.0,
        advance_s=0.0,
        refusal=refusal,
    )
