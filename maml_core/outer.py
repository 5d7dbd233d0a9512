"""The meta-loss and the meta-gradient of the algorithms, built on the one inner loop (iMAML's stands in `implicit`).

theta_0 <- theta_0 - beta * grad_{theta_0} mean over tasks of L_query(theta_N(theta_0))   (Finn et al. 2017, equation 1)

- `meta_gradient` differentiates through the inner steps: MAML, FOMAML (first order), ANIL (only the head adapts), Meta-SGD, MAML++'s
  learned rates and Meta-Curvature (what they learn is differentiated as well), and MAML++'s multi-step loss (`step_weights`). Joint
  pretraining is N = 0, which equals alpha = 0: the gradient of the plain query loss.
- `reptile_gradient` uses where the inner loop ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypedDict, TypeVar

import torch
from torch import Tensor

from maml_core.inner import Adaptation, Adapted, adapt, as_adaptation
from maml_core.normalization import PER_STEP, Normalization, measured, predict
from maml_core.params import aligned, detached, leaves, over_tasks, per_lane
from maml_core.plain import whole_number
from maml_core.problem import Problem
from maml_core.types import Examples, Params, Tasks, as_tasks

Record = TypeVar("Record")


class Judged(NamedTuple):
    """What the query points say of L lanes on T tasks."""

    losses: Tensor
    """[L, T]"""
    accuracy: Tensor | None
    """Share of right predictions, [L, T], outside any graph; None in regression."""


class MetaGradient(NamedTuple):
    """The meta-loss at theta_0 and its gradient."""

    gradient: Params
    """Gradient of each lane's meta-loss with respect to its theta_0, [L, ...]."""
    query_loss: Tensor
    """Query loss after N steps, mean over tasks, [L]."""
    task_losses: Tensor
    """Query loss after N steps of each task, [L, T]."""
    accuracy: Tensor | None = None
    """Share of right query predictions after N steps, mean over tasks, [L]; None in regression."""
    rates_gradient: tuple[Params, ...] = ()
    """With respect to what is learned of the inner loop (rates or matrices), where there is any."""
    residual: Tensor | None = None
    """iMAML only: relative residual of the linear solve, the worst task of each lane, [L]."""
    statistics: Params | None = None
    """Under the batch-norm treatment ``running``: the tasks' mean and variance at each of theta_0..theta_N, mean over tasks,
    [L, N + 1, width] under ``steps/`` names."""


def meta_gradient(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_inner_steps: int,
    order: Literal["second", "first"] = "second",
    step_weights: Sequence[float | Tensor] | None = None,
    recompute: bool = False,
    own_tasks: bool = False,
) -> MetaGradient:
    """Gradient of the mean query loss after adaptation.

    Args:
        theta_0: L lanes of parameters, [L, ...]; never changed.
        tasks: T tasks, common to all lanes, or the lanes' own.
        problem: Model and loss.
        how: How the L lanes adapt. Learned rates and matrices get a gradient too; all parameters are meta-learned, whichever adapt.
        num_inner_steps: N >= 0.
        order: "second" (MAML) or "first" (FOMAML).
        step_weights: Weights of the query losses after 1..N steps in the meta-loss (multi-step loss, Antoniou et al. 2018, equation 4);
            None counts the last one only.
        recompute: Take the inner steps again on the way back instead of keeping their graphs: the same gradient to rounding. Beyond
            theta_0..theta_N of every task the memory does not grow with N.
        own_tasks: Each lane has T tasks of its own, lane by lane: [L * T, ...].

    Raises:
        ValueError: `step_weights` are not N numbers; `recompute` with an inner optimizer; or a proximal term, whose meta-gradient is
            `implicit.implicit_gradient`.

    >>> from maml_core import RunConfig, build_problem, training_tasks
    >>> config = RunConfig(meta_batch_size=4)
    >>> problem = build_problem(config)
    >>> theta_0 = problem.model.init(0)
    >>> found = meta_gradient(theta_0, training_tasks(config, problem, 0), problem=problem, how=Adaptation(0.01), num_inner_steps=1)
    >>> found.task_losses.shape, found.gradient["w0"].shape == theta_0["w0"].shape
    (torch.Size([1, 4]), True)
    """
    how, num_inner_steps = as_adaptation(how), whole_number("num_inner_steps", num_inner_steps)
    if how.is_proximal:
        raise ValueError(
            f"proximal = {how.proximal}: `implicit_gradient` takes a proximal term, `meta_gradient` does not"
        )
    if how.optimizer is not None and recompute:
        raise ValueError("recompute: inner steps that are taken again have lost their optimizer's state; leave it out")
    if step_weights is not None and len(step_weights) != num_inner_steps:
        raise ValueError(f"{len(step_weights)} step weights for {num_inner_steps} inner steps; one a step is needed")
    rates = learned_rates(how)
    matrices = None if how.matrices is None else leaves(how.matrices)
    learned = how._replace(alpha=rates or how.alpha, matrices=matrices)
    loop = _Loop.of(theta_0, tasks, problem, learned, own_tasks=own_tasks)
    learned_entries = rates if matrices is None else (*rates, matrices)
    last_only = (*[0.0] * num_inner_steps, 1.0)
    weights = last_only if step_weights is None else (0.0, *step_weights)
    if recompute and order == "second":
        return _recomputed(loop, theta_0, learned_entries, weights)
    return _stored(loop, theta_0, learned_entries, weights, order)


class AlongPath(NamedTuple):
    """Where the tasks have come to after a number of inner steps, and what the query loss asks for from there."""

    gradient: Params
    """Second-order gradient of the mean query loss with respect to theta_0, [L, ...]."""
    query_gradient: Params
    """Gradient of the same loss with respect to each task's theta_N, [L * T, ...]: its sum over the tasks of a lane is FOMAML's direction."""
    theta: Params
    """theta_N, [L * T, ...], outside any graph."""


def meta_gradients(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_inner_steps: Sequence[int],
    own_tasks: bool = False,
) -> tuple[AlongPath, ...]:
    """Second-order gradients of the mean query loss after each of several numbers of inner steps, and what they are made of, through the graph
    of the longest path, which has all shorter ones in it. The other arguments are those of `meta_gradient`.

    >>> from maml_core import RunConfig, build_problem, training_tasks
    >>> config = RunConfig(meta_batch_size=4)
    >>> problem = build_problem(config)
    >>> theta_0, tasks = problem.model.init(0), training_tasks(config, problem, 0)
    >>> one, two = meta_gradients(theta_0, tasks, problem=problem, how=Adaptation(0.01), num_inner_steps=[1, 2])
    >>> one.gradient["w0"].shape == two.gradient["w0"].shape == theta_0["w0"].shape
    True
    """
    how = as_adaptation(how)
    if how.is_proximal:
        raise ValueError(f"proximal = {how.proximal}: `meta_gradients` does not take a proximal term")
    loop = _Loop.of(theta_0, tasks, problem, how, own_tasks=own_tasks)

    def watch(step: int, theta: Params) -> tuple[Tensor, Params] | None:
        if step not in num_inner_steps:
            return None
        # Tensors of their own for the query loss: what does not adapt is the same tensor all along the path, and has a part in it as well.
        here = {name: value.view_as(value) for name, value in theta.items()}
        return loop.judged(step, here).losses.mean(1).sum(), here

    start = leaves(theta_0)
    with torch.enable_grad():
        path = over_tasks(start, loop.num_tasks)
        records = loop.walk(path, num_steps=max(num_inner_steps), order="second", record=watch).records
        found = []
        for count in num_inner_steps:
            record = records[count]
            assert record is not None
            loss, theta = record
            wanted = [*start.values(), *theta.values()]
            gradients = iter(
                torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True, retain_graph=True)
            )
            found.append(
                AlongPath(
                    gradient={name: next(gradients) for name in start},
                    query_gradient={name: next(gradients) for name in theta},
                    theta={name: value.detach() for name, value in theta.items()},
                )
            )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loop:
    """The inner loop of one meta-gradient, and what is measured along it."""

    tasks: Tasks
    """Tasks of every lane, [L * T, ...]."""
    problem: Problem
    num_lanes: int
    num_tasks: int
    """Tasks of one lane."""
    how: Adaptation
    """Inner loop of the lanes, with leaves for what is learned."""
    normalization: Normalization
    """Normalisation of every task of every lane."""

    @staticmethod
    def of(theta_0: Params, tasks: Tasks, problem: Problem, how: Adaptation, *, own_tasks: bool) -> _Loop:
        """The loop of these lanes, whose leaves are in `how`."""
        num_lanes = next(iter(theta_0.values())).shape[0]
        rows, num_tasks = tasks_for_lanes(tasks, num_lanes, own=own_tasks)
        return _Loop(
            tasks=rows,
            problem=problem,
            num_lanes=num_lanes,
            num_tasks=num_tasks,
            how=how,
            normalization=how.normalization.for_tasks(num_tasks),
        )

    def walk(
        self,
        theta: Params,
        *,
        num_steps: int,
        order: Literal["second", "first"],
        first_step: int = 0,
        record: Callable[[int, Params], Record] | None = None,
    ) -> Adapted[Record]:
        return adapt(
            theta,
            self.tasks.support,
            model=self.problem.model,
            loss=self.problem.loss,
            how=self.how.for_tasks(self.num_tasks),
            num_steps=num_steps,
            order=order,
            record=record,
            first_step=first_step,
        )

    def judged(self, step: int, theta: Params) -> Judged:
        return judged(self.problem, theta, self.tasks, self.num_lanes, step=step, normalization=self.normalization)

    def statistics(self, step: int, theta: Params) -> Params | None:
        return lane_statistics(
            self.problem, theta, self.tasks, self.num_lanes, step=step, normalization=self.normalization
        )


def _stored(
    loop: _Loop,
    theta_0: Params,
    learned_entries: Sequence[Params],
    weights: Sequence[float | Tensor],
    order: Literal["second", "first"],
) -> MetaGradient:
    """Through the graph of all inner steps at once."""
    last = len(weights) - 1

    def watch(step: int, theta: Params) -> tuple[Judged | None, Params | None]:
        counts = step == last or _counts(weights[step])
        return loop.judged(step, theta) if counts else None, loop.statistics(step, theta)

    start = leaves(theta_0)
    with torch.enable_grad():
        adapted = loop.walk(over_tasks(start, loop.num_tasks), num_steps=last, order=order, record=watch)
        weighted = [
            weight * found.losses.mean(1)
            for weight, (found, _) in zip(weights, adapted.records, strict=True)
            if found is not None
        ]
        wanted = [*start.values(), *(value for entry in learned_entries for value in entry.values())]
        total = torch.stack(weighted).sum()
        gradients = iter(torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True))
    end = adapted.records[-1][0]
    assert end is not None
    return MetaGradient(
        gradient={name: next(gradients) for name in start},
        **outcome(end),
        rates_gradient=tuple({name: next(gradients) for name in entry} for entry in learned_entries),
        statistics=stacked([statistics for _, statistics in adapted.records]),
    )


def _recomputed(
    loop: _Loop, theta_0: Params, learned_entries: Sequence[Params], weights: Sequence[float | Tensor]
) -> MetaGradient:
    """Back along the path, one inner step's graph at a time: lambda_k = (d theta_{k+1} / d theta_k)' lambda_{k+1} + w_k grad L_query.

    The last inner step and the query points share a graph, so that this step is not taken twice.
    """
    last = len(weights) - 1
    with torch.no_grad():
        path = loop.walk(
            over_tasks(detached(theta_0), loop.num_tasks),
            num_steps=max(last - 1, 0),
            order="first",
            record=lambda step, theta: (theta, loop.statistics(step, theta)),
        ).records
    statistics = [found for _, found in path]
    rates_values = [value for entry in learned_entries for value in entry.values()]
    rates_found = [torch.zeros_like(value) for value in rates_values]
    adjoint: list[Tensor] = []
    end: Judged | None = None
    for step in reversed(range(len(path))):
        point = leaves(path[step][0])
        ends: list[Tensor]
        pulls: list[Tensor | None]
        with torch.enable_grad():
            theta = loop.walk(point, num_steps=1, order="second", first_step=step).theta if step < last else point
            if end is None:
                end = loop.judged(last, theta)
                ends, pulls = [weights[last] * end.losses.mean(1).sum()], [None]
                if step < last:
                    statistics.append(loop.statistics(last, theta))
            else:
                ends, pulls = list(theta.values()), [*adjoint]
            if step < last and _counts(weights[step]):
                ends.append(weights[step] * loop.judged(step, point).losses.mean(1).sum())
                pulls.append(None)
            wanted = [*point.values(), *rates_values]
            found = torch.autograd.grad(ends, wanted, pulls, allow_unused=True, materialize_grads=True)
        adjoint = list(found[: len(point)])
        rates_found = [old + new for old, new in zip(rates_found, found[len(point) :], strict=True)]
    assert end is not None
    rates_left = iter(rates_found)
    return MetaGradient(
        gradient={
            name: value.view(loop.num_lanes, -1, *value.shape[1:]).sum(1)
            for name, value in zip(theta_0, adjoint, strict=True)
        },
        **outcome(end),
        rates_gradient=tuple({name: next(rates_left) for name in entry} for entry in learned_entries),
        statistics=stacked(statistics),
    )


def reptile_gradient(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_inner_steps: int,
    own_tasks: bool = False,
) -> MetaGradient:
    """(theta_0 - theta_N) / (alpha N), mean over tasks (Nichol et al. 2018, algorithm 1, divided so that it is on a gradient's scale).

    Raises:
        ValueError: N = 0, or an alpha that is not above 0, which it divides by; or learned rates, which Reptile does not have.
    """
    how, num_inner_steps = as_adaptation(how), whole_number("num_inner_steps", num_inner_steps)
    alpha = how.alpha
    if not isinstance(alpha, float | int | Tensor):
        raise ValueError("Reptile learns no rates: give a number for alpha, or one per lane")
    if num_inner_steps < 1 or (isinstance(alpha, float | int) and alpha <= 0):
        raise ValueError(f"Reptile needs N >= 1 and alpha > 0, not N = {num_inner_steps} and alpha = {alpha}")
    num_lanes = next(iter(theta_0.values())).shape[0]
    tasks, num_tasks = tasks_for_lanes(tasks, num_lanes, own=own_tasks)
    how = how.for_tasks(num_tasks)
    with torch.no_grad():
        start = over_tasks(detached(theta_0), num_tasks)
        rate = per_lane(alpha, num_tasks)
        adapted = adapt(
            start,
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            how=how,
            num_steps=num_inner_steps,
            order="first",
            record=lambda step, theta: lane_statistics(
                problem, theta, tasks, num_lanes, step=step, normalization=how.normalization
            ),
        )
        moved = {
            name: (start[name] - value) / (aligned(rate, value) * num_inner_steps)
            for name, value in adapted.theta.items()
        }
        end = judged(problem, adapted.theta, tasks, num_lanes, step=num_inner_steps, normalization=how.normalization)
    return MetaGradient(mean_over_tasks(moved, num_lanes), **outcome(end), statistics=stacked(adapted.records))


def _counts(weight: float | Tensor) -> bool:
    """Whether a loss of this weight is looked at; a tensor may be anything by the time that it is."""
    return isinstance(weight, Tensor) or weight != 0.0


def learned_rates(how: Adaptation) -> tuple[Params, ...]:
    """Learned rates as leaves that require a gradient; empty where alpha is a given number."""
    return () if isinstance(how.alpha, float | int | Tensor) else tuple(leaves(entry) for entry in how.alpha)


def mean_over_tasks(theta: Params, num_lanes: int) -> Params:
    """Mean over the tasks of each lane, [L * T, ...] -> [L, ...]."""
    return {name: value.view(num_lanes, -1, *value.shape[1:]).mean(1) for name, value in theta.items()}


def judged(
    problem: Problem, theta: Params, tasks: Tasks, num_lanes: int, *, step: int, normalization: Normalization
) -> Judged:
    """Query loss, and accuracy where there is one, of every lane and task [L * T] at theta_k; k is `step`."""
    query, support_x = tasks.query, tasks.support.x if normalization.treatment == "support" else None
    prediction = predict(
        problem.model,
        theta,
        query.x,
        step=step,
        normalization=normalization,
        support_x=support_x,
        first_order_only=True,
    )
    accuracy = None if problem.accuracy is None else problem.accuracy(prediction, query.y).view(num_lanes, -1)
    return Judged(problem.loss(prediction, query.y).view(num_lanes, -1), accuracy)


class _Results(TypedDict):
    query_loss: Tensor
    task_losses: Tensor
    accuracy: Tensor | None


def outcome(end: Judged) -> _Results:
    """What a meta-gradient says of the tasks, outside any graph."""
    losses = end.losses.detach()
    return {
        "query_loss": losses.mean(1),
        "task_losses": losses,
        "accuracy": None if end.accuracy is None else end.accuracy.mean(1),
    }


def lane_statistics(
    problem: Problem, theta: Params, tasks: Tasks, num_lanes: int, *, step: int, normalization: Normalization
) -> Params | None:
    """Batch norm's statistics at theta_k, mean over tasks, [L, width]; None unless the treatment keeps running averages."""
    if normalization.treatment != "running":
        return None
    found = measured(problem.model, theta, tasks.support, tasks.query, step=step, running=normalization.running)
    return mean_over_tasks(found, num_lanes)


def stacked(records: Sequence[Params | None]) -> Params | None:
    """Statistics of theta_0..theta_N as one, [L, N + 1, width] under ``steps/`` names."""
    kept = [statistics for statistics in records if statistics is not None]
    if not kept:
        return None
    return {PER_STEP + name: torch.stack([statistics[name] for statistics in kept], dim=1) for name in kept[0]}


def tasks_for_lanes(tasks: Tasks, num_lanes: int, *, own: bool = False) -> tuple[Tasks, int]:
    """The tasks of every lane, lane by lane [L * T, ...], and T: all lanes have the same, unless the tasks are their `own` already.

    Raises:
        ValueError: `own` tasks that are not as many for each lane.
    """
    tasks = as_tasks(tasks)
    count = tasks.support.x.shape[0]
    if own and count % num_lanes != 0:
        raise ValueError(f"{count} tasks are not as many for each of {num_lanes} lanes")
    if own or num_lanes == 1:
        return tasks, count // num_lanes

    def repeated(values: Tensor) -> Tensor:
        return values.repeat(num_lanes, *[1] * (values.ndim - 1))

    support, query = (Examples(*map(repeated, examples)) for examples in (tasks.support, tasks.query))
    return Tasks(support, query, repeated(tasks.parameters)), count
