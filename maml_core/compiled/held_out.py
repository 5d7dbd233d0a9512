"""The compiled form of an evaluation on held-out tasks: one inner step of `TASKS` tasks, and what their query points say of where they are.

Each is a library of its own, which is called as often as an evaluation needs it, so that neither N nor N_eval is part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from maml_core.config import RunConfig
from maml_core.inner import Adaptation, adapt
from maml_core.normalization import PER_STEP, Normalization
from maml_core.outer import Judged, judged
from maml_core.params import over_tasks
from maml_core.problem import Problem
from maml_core.run_state import Learner, rule
from maml_core.types import Examples, Params, Tasks

TASKS = 100
"""Tasks of a call. Missing ones are made up by copies of the first."""


class HeldOutGraph(NamedTuple):
    """What an evaluation computes."""

    problem: Problem
    how: Adaptation
    """The run's rule, of which the numbers may be any."""


def held_out_graph(config: RunConfig, problem: Problem, learner: Learner) -> HeldOutGraph:
    """What a run's evaluations compute."""
    return HeldOutGraph(problem, rule(config, problem, learner))


class InnerStep(torch.nn.Module):
    """An inner step as a module from a row of tensors, as `inner_row` gives it, to the parameters that it moves, by the order of their names.

    Args:
        graph: What it is a step of.
        names: Of theta.
    """

    def __init__(self, graph: HeldOutGraph, names: Collection[str]) -> None:
        super().__init__()
        self._graph, self._names = graph, sorted(names)

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """From theta_k of each task to theta_{k+1}."""
        (problem, how), names, tensors = self._graph, self._names, iter(given)
        theta, tasks, normalization = _from_query_row(how, names, tensors)
        anchor = _params(names, tensors) if how.is_proximal else None
        own = _rule_from(how, tensors)._replace(normalization=normalization)
        moved = adapt(
            theta,
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            how=own.for_tasks(TASKS),
            num_steps=1,
            order="first",
            anchor=anchor,
        ).theta
        return tuple(moved[name] for name in _moving(how, names))


class QueryLosses(torch.nn.Module):
    """What the query points say as a module from a row of tensors, as `query_row` gives it, to their losses, [1, T], and accuracies, if there are any.

    Args:
        graph: What it is of.
        names: Of theta.
    """

    def __init__(self, graph: HeldOutGraph, names: Collection[str]) -> None:
        super().__init__()
        self._graph, self._names = graph, sorted(names)

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Judge theta_k of each task."""
        problem, how = self._graph
        theta, tasks, normalization = _from_query_row(how, self._names, iter(given))
        found = judged(problem, theta, tasks, 1, step=0, normalization=normalization.for_tasks(TASKS))
        return (found.losses,) if found.accuracy is None else (found.losses, found.accuracy)


def query_row(theta: Params, tasks: Tasks, how: Adaptation, step: int) -> list[Tensor]:
    """What `QueryLosses` takes.

    Args:
        theta: theta_k of each task.
        tasks: The tasks.
        how: How a lane adapts.
        step: k. Of what belongs to a step the graph has that of one step, which it takes for the first.
    """
    running = dict(how.normalization.running)
    return [
        *_values(_of_step(theta, step)),
        *tasks.support,
        *tasks.query,
        tasks.parameters,
        *_values(_of_step(running, step)),
    ]


def inner_row(theta: Params, tasks: Tasks, how: Adaptation, step: int, anchor: Params) -> list[Tensor]:
    """What `InnerStep` takes; `anchor` is theta_0 of each task, the other arguments are those of `query_row`."""
    dtype = next(iter(theta.values())).dtype
    found = query_row(theta, tasks, how, step)
    if how.is_proximal:
        found += [*_values(_of_step(anchor, step)), torch.tensor([how.proximal], dtype=dtype)]
    if isinstance(how.alpha, float | int | Tensor):
        found.append(torch.as_tensor(how.alpha, dtype=dtype).view(1))
    else:
        found += _values(how.alpha[min(step, len(how.alpha) - 1)])
    return found + _values(how.matrices or {})


def _values(params: Params) -> list[Tensor]:
    return [params[name] for name in sorted(params)]


def _params(names: Collection[str], tensors: Iterator[Tensor]) -> Params:
    return {name: next(tensors) for name in names}


def _of_step(params: Params, step: int) -> Params:
    """Parameters with what belongs to this step alone of those that belong to one, [B, 1, ...]."""
    return {
        name: value[:, [min(step, value.shape[1] - 1)]] if name.startswith(PER_STEP) else value
        for name, value in params.items()
    }


def _from_query_row(
    how: Adaptation, names: Collection[str], tensors: Iterator[Tensor]
) -> tuple[Params, Tasks, Normalization]:
    theta = _params(names, tensors)
    support, query = (Examples(next(tensors), next(tensors)) for _ in range(2))
    tasks = Tasks(support, query, next(tensors))
    return theta, tasks, how.normalization._replace(running=_params(sorted(how.normalization.running), tensors))


def _rule_from(like: Adaptation, tensors: Iterator[Tensor]) -> Adaptation:
    proximal: float | Tensor = next(tensors) if like.is_proximal else 0.0
    alpha = next(tensors) if isinstance(like.alpha, float | int | Tensor) else [_params(sorted(like.alpha[0]), tensors)]
    matrices = None if like.matrices is None else _params(sorted(like.matrices), tensors)
    return Adaptation(alpha, like.names, proximal, matrices)


def _moving(how: Adaptation, names: Collection[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith(PER_STEP)) if how.names is None else sorted(how.names)


class HeldOutForm:
    """An `evaluation.Form` of compiled pieces.

    Args:
        graph: What is computed.
        inner: From a row of tensors to another, as `InnerStep` says.
        query: As `QueryLosses` says.
    """

    num_tasks = TASKS

    def __init__(self, graph: HeldOutGraph, inner: Any, query: Any) -> None:
        self._how, self._inner, self._query = graph.how, inner, query

    def fits(self, how: Adaptation) -> bool:
        """Whether a rule is the graph's but for its numbers."""
        return _kind(how) == _kind(self._how)

    def __call__(
        self, theta_0: Params, tasks: Tasks, how: Adaptation, num_steps: int, wanted: Collection[int]
    ) -> list[Judged]:
        """What the query points say after the wanted ones of 0..`num_steps` inner steps, [1, T]."""
        count = tasks.support.x.shape[0]
        tasks = filled(tasks)
        start = {name: value.contiguous() for name, value in over_tasks(theta_0, TASKS).items()}
        theta, names, found = start, _moving(how, start), []
        for step in range(num_steps + 1):
            if step in wanted:
                losses, *accuracy = self._query(query_row(theta, tasks, how, step))
                found.append(Judged(losses[:, :count], accuracy[0][:, :count] if accuracy else None))
            if step < num_steps:
                moved = self._inner(inner_row(theta, tasks, how, step, start))
                theta = {**theta, **dict(zip(names, moved, strict=True))}
        return found


def _kind(how: Adaptation) -> tuple[Any, ...]:
    """What of a rule is no number."""
    has_number, names = isinstance(how.alpha, float | int | Tensor), how.names and frozenset(how.names)
    treatment, running = how.normalization
    return has_number, names, how.is_proximal, how.matrices is None, treatment, frozenset(running)


def filled(tasks: Tasks) -> Tasks:
    """These tasks, at most `TASKS`, with as many copies of the first as are missing."""
    support, query = (Examples(_filled(part.x), _filled(part.y)) for part in (tasks.support, tasks.query))
    return Tasks(support, query, _filled(tasks.parameters))


def _filled(values: Tensor) -> Tensor:
    missing = TASKS - len(values)
    return torch.cat([values, values[:1].expand(missing, *values.shape[1:])]) if missing else values.contiguous()
