"""Evaluation on held-out tasks: the losses after each of 0..N_eval inner steps, and what is said of them.

Every task counts: the mean is over ALL tasks (inf if one is). Beside it stand the median, the share of tasks that diverged, and the share
that adapting made worse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from maml_core.config import RunConfig
from maml_core.divergence import DIVERGED_FACTOR, loss_scale
from maml_core.inner import Adaptation, adapt, as_adaptation
from maml_core.intervals import half_width
from maml_core.outer import Judged, judged, tasks_for_lanes
from maml_core.params import over_tasks
from maml_core.plain import whole_number
from maml_core.problem import Problem, held_out_tasks, torch_dtype
from maml_core.records import Numbers, Summary
from maml_core.rng import Stream
from maml_core.threads import single_threaded
from maml_core.types import Examples, Params, Tasks, as_tasks

MAX_INPUTS = 2_000_000
"""Numbers of query inputs that are looked at together, which bounds the memory where inputs are images."""

GROUP, IMAGE_GROUP = 500, 50
"""Held-out tasks that `in_groups` has in memory at a time."""


class Evaluation(NamedTuple):
    """Query losses of every lane, step and task."""

    query_loss: Tensor
    """[N_eval + 1, L, T]; index 0 is before adaptation. Of the ends only: before, and after the last step."""
    zero_level: float
    """Expected loss of the zero predictor over the task family."""
    accuracy: Tensor | None = None
    """Share of right query predictions, [N_eval + 1, L, T]; None in regression."""
    start_loss: Tensor | None = None
    """Query loss before adaptation, [L, T]; None where that is `query_loss` at index 0."""


class Form(Protocol):
    """Another way to compute what `eagerly` does, of one lane; see `compiled.held_out`."""

    num_tasks: int
    """Tasks at once."""

    def fits(self, how: Adaptation) -> bool:
        """Whether it adapts by a rule like this one, whatever its numbers."""
        ...

    def __call__(
        self, theta_0: Params, tasks: Tasks, how: Adaptation, num_steps: int, wanted: Collection[int]
    ) -> list[Judged]:
        """What the query points say after the wanted ones of 0..`num_steps` inner steps, [1, T]."""
        ...


@single_threaded
def evaluate(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_steps: int,
    tasks_at_once: int = 1000,
    ends_only: bool = False,
    form: Form | None = None,
) -> Evaluation:
    """Adapt theta_0 to every task and measure the query loss before each step and after the last. Changes nothing.

    Args:
        theta_0: L lanes of parameters, [L, ...].
        tasks: Held-out tasks, common to all lanes.
        problem: Model and loss.
        how: How the L lanes adapt; `rule` gives a run's.
        num_steps: N_eval >= 0; may be more or fewer steps than in training.
        tasks_at_once: Of all lanes together; bounds the memory. The result does not depend on it beyond rounding.
        ends_only: Measure before the first step and after the last, and nothing between them.
        form: What computes it where it fits; None for PyTorch's operations one after the other.

    >>> from maml_core import Adaptation, RunConfig, build_problem, held_out_tasks
    >>> problem = build_problem(RunConfig())
    >>> tasks = held_out_tasks(RunConfig(), problem, num_tasks=5)
    >>> found = evaluate(problem.model.init(0), tasks, problem=problem, how=Adaptation(0.01), num_steps=3)
    >>> found.query_loss.shape  # after 0, 1, 2 and 3 steps; one lane; five tasks
    torch.Size([4, 1, 5])
    """
    tasks, how, num_steps = as_tasks(tasks), as_adaptation(how), whole_number("num_steps", num_steps)
    num_lanes = next(iter(theta_0.values())).shape[0]
    at_once = min(tasks_at_once, MAX_INPUTS // tasks.query.x[0].numel()) // num_lanes
    if form is not None and (num_lanes != 1 or not form.fits(how)):
        form = None
    wanted = {0, num_steps} if ends_only else range(num_steps + 1)
    found: list[Evaluation] = []
    with torch.no_grad():
        for part in in_parts(tasks, max(1, at_once) if form is None else form.num_tasks):
            if form is None:
                records = eagerly(theta_0, part, how, num_steps, wanted, problem=problem)
            else:
                records = form(theta_0, part, how, num_steps, wanted)
            accuracies = [record.accuracy for record in records if record.accuracy is not None]
            found.append(
                Evaluation(
                    torch.stack([record.losses for record in records]),
                    problem.at_test.zero_level(),
                    torch.stack(accuracies) if accuracies else None,
                )
            )
    return concatenated(found)


def eagerly(
    theta_0: Params, tasks: Tasks, how: Adaptation, num_steps: int, wanted: Collection[int], *, problem: Problem
) -> list[Judged]:
    """What the query points say after the wanted ones of 0..`num_steps` inner steps, of L lanes and T tasks."""
    num_lanes = next(iter(theta_0.values())).shape[0]
    rows, num_tasks = tasks_for_lanes(tasks, num_lanes)
    way = how.for_tasks(num_tasks)

    def seen(step: int, theta: Params) -> Judged | None:
        if step not in wanted:
            return None
        with torch.no_grad():
            return judged(problem, theta, rows, num_lanes, step=step, normalization=way.normalization)

    adapted = adapt(
        over_tasks(theta_0, num_tasks),
        rows.support,
        model=problem.model,
        loss=problem.loss,
        how=way,
        num_steps=num_steps,
        order="first",
        record=seen,
    )
    return [record for record in adapted.records if record is not None]


def concatenated(parts: Sequence[Evaluation]) -> Evaluation:
    """Evaluations of groups of tasks as one."""
    accuracies = [part.accuracy for part in parts if part.accuracy is not None]
    starts = [part.start_loss for part in parts if part.start_loss is not None]
    return Evaluation(
        torch.cat([part.query_loss for part in parts], dim=2),
        parts[0].zero_level,
        torch.cat(accuracies, dim=2) if accuracies else None,
        torch.cat(starts, dim=1) if starts else None,
    )


def summarize(evaluation: Evaluation, lane: int = 0) -> Summary:
    """Mean, its confidence interval, median, and the shares of diverged and of worse tasks of one lane's query loss; and its accuracy, where
    there is one.
    """
    start = evaluation.query_loss[0] if evaluation.start_loss is None else evaluation.start_loss
    losses, before = (_beyond_all_bounds(values[..., lane, :]) for values in (evaluation.query_loss, start))
    finite = np.isfinite(losses).all(axis=1)
    spread = np.full(len(losses), np.inf)
    spread[finite] = half_width(losses[finite])
    bounds = DIVERGED_FACTOR * np.array([loss_scale(evaluation.zero_level, loss) for loss in before.tolist()])
    found = Summary(
        mean=losses.mean(axis=1),
        ci95=spread,
        median=np.median(losses, axis=1),
        diverged_share=(~np.isfinite(losses) | (losses > bounds)).mean(axis=1),
        worse_share=(losses > before).mean(axis=1),
    )
    if evaluation.accuracy is None:
        return found
    shares = evaluation.accuracy[:, lane].double().cpu().numpy()
    return found._replace(accuracy=shares.mean(axis=1), accuracy_ci95=half_width(shares))


def _beyond_all_bounds(losses: Tensor) -> Numbers:
    """Losses in float64; one that is NaN is beyond all bounds."""
    numbers: Numbers = losses.double().cpu().numpy()
    return np.where(np.isnan(numbers), np.inf, numbers)


def in_parts(tasks: Tasks, size: int) -> list[Tasks]:
    """The tasks in groups of `size`, the last one smaller."""
    count = tasks.support.x.shape[0]
    return [
        Tasks(
            Examples(tasks.support.x[at : at + size], tasks.support.y[at : at + size]),
            Examples(tasks.query.x[at : at + size], tasks.query.y[at : at + size]),
            tasks.parameters[at : at + size],
        )
        for at in range(0, count, size)
    ]


def in_groups(config: RunConfig, problem: Problem, *, stream: Stream = Stream.HELD_OUT_TASKS) -> Iterator[Tasks]:
    """The `evaluation_tasks` of a config in groups that follow each other: the images of thousands of tasks would fill the memory.

    Group i of image tasks is drawn as (evaluation_seed, stream, i); tasks of numbers are those of `held_out_tasks`.
    """
    if not config.classifies:
        yield from in_parts(held_out_tasks(config, problem, stream=stream), GROUP)
        return
    for index, done in enumerate(range(0, config.evaluation_tasks, IMAGE_GROUP)):
        yield problem.draw_tasks(
            seed=config.evaluation_seed,
            stream=stream,
            index=index,
            num_tasks=min(IMAGE_GROUP, config.evaluation_tasks - done),
            shots=config.shots,
            num_query=config.num_query,
            dtype=torch_dtype(config),
        )
