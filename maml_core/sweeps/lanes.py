"""Lanes of one graph trained as one batched computation: their state, a step of it, and what is measured of it.

A lane is the single run of its config, to rounding: the same meta-gradient, optimiser and judgement as `maml_core.runs`, on L lanes at
once. Each lane's meta-parameters lie in one row, so that an update and the look for what is not finite are a few operations whatever the
number of tensors. A lane that goes wrong leaves the batch, which shrinks; nothing is kept to roll it back to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from maml_core.algorithms import (
    InnerNumbers,
    adaptation,
    initial_rates,
    initial_statistics,
    initial_theta,
    moved_statistics,
    outer_gradient,
)
from maml_core.causes import inner_curvatures, num_curvature_tasks
from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.divergence import CHECKPOINT_EVERY, death, fault, high_loss_steps, loss_scale
from maml_core.errors import ConfigError
from maml_core.evaluation import evaluate, summarize
from maml_core.families.own import OwnCode
from maml_core.inner import Adaptation
from maml_core.normalization import at_step
from maml_core.optim import OptimizerState, init_optimizer, updated
from maml_core.outer_step import Numbers as OuterNumbers
from maml_core.own_code import problem_for
from maml_core.params import finite_lanes, flattened, merge_meta, split_meta
from maml_core.problem import Problem, held_out_tasks, torch_dtype, training_tasks, try_drawing
from maml_core.records import Curvature, Numbers, Status, Summary
from maml_core.schedules import schedule
from maml_core.sweeps.definition import LANE_FIELDS, group_key
from maml_core.sweeps.results import MOST_TASKS, LaneStop
from maml_core.types import Examples, Params, Tasks

ROW = "row"
"""Name of the one tensor that holds all of a lane's meta-parameters, as the optimiser sees it."""

CURVATURE_NUMBERS = 2**20
"""Numbers in one vector of the lanes whose curvature is measured together; there are some two dozen such vectors."""


class Lanes(NamedTuple):
    """Everything that the next step of a batch depends on, besides its configs."""

    step: int
    """Outer steps taken."""
    places: tuple[int, ...]
    """Which of the batch's configs the L lanes are of."""
    meta: Tensor
    """Theta and what is learned of the inner loop, a lane a row, [L, D]."""
    optimizer: OptimizerState
    statistics: Params
    """Batch norm's running averages, where the treatment keeps any."""
    loss_scale: tuple[float, ...]
    """As `RunState.loss_scale`, of each lane."""
    high_loss_steps: tuple[int, ...]

    def only(self, indices: Sequence[int]) -> Lanes:
        """Some of the lanes, by their index here."""
        if list(indices) == list(range(len(self.places))):
            return self
        rows = torch.tensor(indices, dtype=torch.int64, device=self.meta.device)

        def of(params: Params) -> Params:
            return {name: value[rows] for name, value in params.items()}

        return Lanes(
            step=self.step,
            places=tuple(self.places[i] for i in indices),
            meta=self.meta[rows],
            optimizer=OptimizerState(self.optimizer.step, of(self.optimizer.first), of(self.optimizer.second)),
            statistics=of(self.statistics),
            loss_scale=tuple(self.loss_scale[i] for i in indices),
            high_loss_steps=tuple(self.high_loss_steps[i] for i in indices),
        )


class Rows(NamedTuple):
    """What an outer step moves of L lanes."""

    meta: Tensor
    """As in `Lanes`."""
    optimizer: OptimizerState
    statistics: Params


class Moved(NamedTuple):
    """What an outer step finds of L lanes."""

    rows: Rows
    query_loss: Tensor
    """[L], before the step."""
    accuracy: Tensor | None


class Form(Protocol):
    """A form of an outer step that is not the eager one."""

    def __call__(self, rows: Rows, tasks: Tasks, numbers: OuterNumbers) -> tuple[Moved, list[bool]]:
        """What it finds, and whether all of each lane is finite."""
        ...


class Step(NamedTuple):
    """What an outer step came to."""

    lanes: Lanes
    """Those that go on."""
    stopped: tuple[LaneStop, ...]
    query_loss: list[float]
    """Loss of each lane before the step, mean over tasks."""
    accuracy: list[float] | None


@dataclass(frozen=True, slots=True)
class Batch:
    """The configs of lanes that share a graph, with what is computed of them once.

    Raises:
        ConfigError: The configs are not of one `group_key`, or one asks for a baseline, which no lane trains.
    """

    configs: tuple[RunConfig, ...]
    problem: Problem
    shapes: Mapping[str, torch.Size]
    """Shapes of one lane's meta-parameters, in the order in which they lie in a row."""

    @staticmethod
    @lru_cache(maxsize=16)  # checking hundreds of configs takes as long as some steps of theirs
    def from_configs(
        configs: tuple[RunConfig, ...],
        device: str = "cpu",
        images: TrainedImages | None = None,
        code: OwnCode | None = None,
    ) -> Batch:
        """The batch of these configs, on a device by PyTorch's name of it, of the images or the code that their sweep is computed on."""
        first = configs[0]
        key = group_key(first)
        for config in configs:
            if group_key(config) != key:
                differing = [
                    f for f in RunConfig.__dataclass_fields__ if getattr(group_key(config), f) != getattr(key, f)
                ]
                accepted = f"lanes of one batch differ in {', '.join(LANE_FIELDS)} only"
                raise ConfigError(differing[0], getattr(config, differing[0]), accepted)
        for name in ("joint_baseline", "oracle_baseline"):
            if getattr(first, name):
                raise ConfigError(name, True, "a sweep trains no baselines; switch it off")
        problem = problem_for(first, code, device, images)
        shapes = {name: value.shape[1:] for name, value in _initial_meta(first, problem).items()}
        return Batch(configs, problem, shapes)

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of all lanes."""
        return torch_dtype(self.first)

    @property
    def first(self) -> RunConfig:
        """Speaks for all where they do not differ."""
        return self.configs[0]

    def meta_parameters(self, lanes: Lanes) -> tuple[Params, tuple[Params, ...]]:
        """Theta and learned rates, as views of the lanes' rows."""
        return _in_rows(lanes.meta, self.shapes)

    def values(self, lanes: Lanes, name: str) -> Tensor:
        """A number of each lane's config, [L]; what is not set is inf."""
        found = [getattr(self.configs[place], name) for place in lanes.places]
        return self._numbers([np.inf if value is None else value for value in found])

    def tasks_wanted(self, lanes: Lanes) -> list[tuple[int, int | None]]:
        """What says which tasks each lane draws: its seed, and among how many."""
        configs = (self.configs[place] for place in lanes.places)
        return [(config.tasks_seed, config.num_training_tasks) for config in configs]

    def adaptation(self, lanes: Lanes) -> Adaptation:
        """How the lanes' theta_0 adapt to held-out tasks."""
        _, rates = self.meta_parameters(lanes)
        numbers = self.inner_numbers(lanes)._replace(alpha=self.values(lanes, "alpha_at_test"))
        return adaptation(self.first, self.problem, rates, lanes.statistics, numbers=numbers)

    def inner_numbers(self, lanes: Lanes) -> InnerNumbers:
        """The lanes' own numbers of the inner loop."""
        return InnerNumbers(self.values(lanes, "alpha"), self.values(lanes, "proximal"))

    def beta(self, lanes: Lanes) -> Tensor:
        """Each lane's outer step size now, [L]."""
        return self._numbers([schedule(self.configs[place], lanes.step).beta for place in lanes.places])

    def clip_norm(self, lanes: Lanes) -> Tensor | None:
        """Each lane's largest norm, inf for none; None where no lane has one."""
        norms = [self.configs[place].clip_norm for place in lanes.places]
        return None if all(norm is None for norm in norms) else self.values(lanes, "clip_norm")

    def numbers(self, lanes: Lanes) -> OuterNumbers:
        """What dials and schedules move of each lane, at its step."""
        weights = schedule(self.first, lanes.step).step_weights
        eps = self.values(lanes, "adam_eps")
        return OuterNumbers(self.inner_numbers(lanes), weights, self.beta(lanes), self.clip_norm(lanes), eps)

    def _numbers(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=self.dtype, device=self.problem.device)


def check_beginning(config: RunConfig, problem: Problem) -> None:
    """See that a lane of this set-up can begin.

    Raises:
        ConfigError: Its tasks cannot be drawn, or the model has nothing for one of its switches.
        DataError: There are no images.
    """
    try_drawing(config, problem)
    theta, _ = split_meta(_initial_meta(config, problem))
    initial_statistics(config, problem, theta, config.num_inner_steps)


def init_lanes(batch: Batch) -> tuple[Lanes, tuple[LaneStop, ...]]:
    """All lanes at outer step 0, and those that are dead already."""
    return begun(batch, initial_lanes(batch))


def initial_lanes(batch: Batch) -> Lanes:
    """All lanes at outer step 0, before anything of them is computed."""
    starts = [_initial_meta(config, batch.problem) for config in batch.configs]
    meta = torch.cat([flattened(start) for start in starts])
    theta, _ = split_meta(starts[0])
    one = initial_statistics(batch.first, batch.problem, theta, batch.first.num_inner_steps)
    count = len(starts)
    return Lanes(
        step=0,
        places=tuple(range(count)),
        meta=meta,
        optimizer=init_optimizer(batch.first.outer_optimizer, {ROW: meta}),
        statistics={name: value.expand(count, *value.shape[1:]).clone() for name, value in one.items()},
        loss_scale=(0.0,) * count,
        high_loss_steps=(0,) * count,
    )


def begun(batch: Batch, lanes: Lanes) -> tuple[Lanes, tuple[LaneStop, ...]]:
    """Initial lanes with their loss scales, and those that are dead already."""
    zero_level = batch.problem.family.zero_level()
    initial = [float(found.mean[0]) for found in held_out(batch, lanes, num_steps=0).summaries]
    return watched(batch, lanes._replace(loss_scale=tuple(loss_scale(zero_level, loss) for loss in initial)))


def moved(
    config: RunConfig,
    problem: Problem,
    shapes: Mapping[str, torch.Size],
    rows: Rows,
    tasks: Tasks,
    order: Literal["second", "first"],
    numbers: OuterNumbers,
    *,
    own_tasks: bool,
) -> Moved:
    """One outer step of L lanes, a function of tensors: a trace of it serves at every step.

    Args:
        config: Speaks for all. Of its numbers those of `numbers` count.
        problem: Of all.
        shapes: As in `Batch`.
        rows: Of the lanes.
        tasks: The step's.
        order: Of the meta-gradient, at this step.
        numbers: Of each lane, [L].
        own_tasks: Each lane has tasks of its own.
    """
    theta, rates = _in_rows(rows.meta, shapes)
    found = outer_gradient(
        config,
        theta,
        rates,
        tasks,
        problem=problem,
        order=order,
        step_weights=numbers.step_weights,
        statistics=rows.statistics,
        numbers=numbers.inner,
        own_tasks=own_tasks,
    )
    gradient = merge_meta(found.gradient, found.rates_gradient)
    after, optimizer = updated(
        {ROW: rows.meta},
        {ROW: flattened({name: gradient[name] for name in shapes})},
        rows.optimizer,
        kind=config.outer_optimizer,
        beta=numbers.beta,
        clip_norm=numbers.clip_norm,
        adam_betas=config.adam_betas,
        adam_eps=numbers.adam_eps,
    )
    statistics = moved_statistics(config, rows.statistics, found)
    return Moved(Rows(after[ROW], optimizer, statistics), found.query_loss, found.accuracy)


def outer_step(batch: Batch, lanes: Lanes, form: Form | None = None) -> Step:
    """One outer step of every lane, eager or in another form; of a lane that goes wrong, its loss and what is to be said of it."""
    tasks, own_tasks = tasks_of(batch, lanes)
    rows, numbers = Rows(lanes.meta, lanes.optimizer, lanes.statistics), batch.numbers(lanes)
    if form is not None:
        found, finite = form(rows, tasks, numbers)
    else:
        order = schedule(batch.first, lanes.step).order
        found = moved(batch.first, batch.problem, batch.shapes, rows, tasks, order, numbers, own_tasks=own_tasks)
        # Squared gradients too: one that overflowed would stop Adam for ever with finite parameters.
        looked_at = ({ROW: found.rows.meta}, found.rows.optimizer.second)
        finite = [all(of) for of in zip(*(finite_lanes(params) for params in looked_at if params), strict=True)]
    losses: list[float] = found.query_loss.tolist()
    high = tuple(map(high_loss_steps, lanes.high_loss_steps, losses, lanes.loss_scale))
    faults = [
        fault(lanes.step, loss, scale=scale, high_steps=steps, not_finite=() if is_finite else ("meta",))
        for loss, scale, steps, is_finite in zip(losses, lanes.loss_scale, high, finite, strict=True)
    ]
    taken = lanes._replace(
        step=lanes.step + 1,
        meta=found.rows.meta,
        optimizer=found.rows.optimizer,
        statistics=found.rows.statistics,
        high_loss_steps=high,
    )
    left, stopped = _parted(taken, "diverged", faults)
    left, dead = watched(batch, left)
    return Step(left, stopped + dead, losses, None if found.accuracy is None else found.accuracy.tolist())


def watched(batch: Batch, lanes: Lanes) -> tuple[Lanes, tuple[LaneStop, ...]]:
    """At every checkpoint: the lanes whose network is alive, and what is to be said of the others."""
    if lanes.step % CHECKPOINT_EVERY != 0 or not lanes.places:
        return lanes, ()
    theta, _ = batch.meta_parameters(lanes)
    inputs = batch.problem.probe_inputs(64, batch.dtype).expand(len(lanes.places), -1, -1)
    dead = batch.problem.model.is_dead(at_step(theta, 0), inputs).tolist()
    return _parted(lanes, "dead", [death(lanes.step) if is_dead else "" for is_dead in dead])


def tasks_of(batch: Batch, lanes: Lanes) -> tuple[Tasks, bool]:
    """The tasks of the next outer step, and whether each lane has its own: lanes of one seed have the same, which are drawn once."""
    wanted = batch.tasks_wanted(lanes)
    drawn = {
        which: training_tasks(batch.configs[place], batch.problem, lanes.step)
        for which, place in dict(zip(wanted, lanes.places, strict=True)).items()
    }
    if len(drawn) == 1:
        return drawn[wanted[0]], False
    supports, queries, parameters = zip(*(drawn[which] for which in wanted), strict=True)
    support, query = (Examples(*map(torch.cat, zip(*examples, strict=True))) for examples in (supports, queries))
    return Tasks(support, query, torch.cat(parameters)), True


# Measured


class HeldOut(NamedTuple):
    """What held-out tasks say of L lanes."""

    summaries: tuple[Summary, ...]
    """After 0..N_eval inner steps."""
    by_task: tuple[bytes, ...]
    """As `LaneResult.task_values`, of each lane."""


def held_out(batch: Batch, lanes: Lanes, *, num_steps: int) -> HeldOut:
    """Held-out results of every lane after 0..`num_steps` inner steps, on common tasks."""
    if not lanes.places:
        return HeldOut((), ())
    theta, _ = batch.meta_parameters(lanes)
    found = evaluate(
        theta,
        held_out_tasks(batch.first, batch.problem),
        problem=batch.problem,
        num_steps=num_steps,
        how=batch.adaptation(lanes),
    )
    summaries = tuple(summarize(found, lane) for lane in range(len(lanes.places)))
    values = found.query_loss if found.accuracy is None else found.accuracy
    after = [min(batch.configs[place].num_inner_steps, num_steps) for place in lanes.places]
    rows = [
        values[n, lane, :MOST_TASKS].float().nan_to_num(nan=math.inf, posinf=math.inf).cpu().numpy()
        for lane, n in enumerate(after)
    ]
    return HeldOut(summaries, tuple(row.astype("<f4").tobytes() for row in rows))


def lane_curvatures(batch: Batch, lanes: Lanes) -> Numbers:
    """lambda_max at every lane's theta_0, median over held-out tasks, [L]; so many lanes at a time that the memory is bounded."""
    num_tasks = num_curvature_tasks(batch.first)
    at_once = max(1, CURVATURE_NUMBERS // (num_tasks * lanes.meta.shape[1]))
    found: list[Curvature] = []
    for start in range(0, len(lanes.places), at_once):
        part = lanes.only(range(start, min(start + at_once, len(lanes.places))))
        theta, _ = batch.meta_parameters(part)
        found += inner_curvatures(batch.first, batch.problem, theta, batch.adaptation(part))
    return np.array([shape.median for shape in found], dtype=np.float64)


def _initial_meta(config: RunConfig, problem: Problem) -> Params:
    theta = initial_theta(config, problem)
    return merge_meta(theta, initial_rates(config, theta))


def _in_rows(meta: Tensor, shapes: Mapping[str, torch.Size]) -> tuple[Params, tuple[Params, ...]]:
    """Theta and learned rates, as views of rows that hold them."""
    parts = torch.split(meta, [shape.numel() for shape in shapes.values()], dim=1)
    pairs = zip(parts, shapes.items(), strict=True)
    return split_meta({name: part.view(-1, *shape) for part, (name, shape) in pairs})


def _parted(lanes: Lanes, kind: Any, sentences: Sequence[str]) -> tuple[Lanes, tuple[LaneStop, ...]]:
    """The lanes of which there is nothing to say, and the others' stops."""
    if not any(sentences):
        return lanes, ()
    stopped = [
        LaneStop(place, lanes.step, Status(kind, sentence))
        for place, sentence in zip(lanes.places, sentences, strict=True)
        if sentence
    ]
    return lanes.only([i for i, sentence in enumerate(sentences) if not sentence]), tuple(stopped)
