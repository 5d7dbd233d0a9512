"""The compiled form of adaptation that is looked at and not trained through: an inner step of many tasks, and what their query points say of where
they are, for evaluations; and an inner step of a few tasks, for what is drawn of them.

Each is a library of its own, which is called as often as it is needed, so that neither N nor N_eval is part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from maml_core.compiled import files
from maml_core.config import RunConfig
from maml_core.inner import Adaptation, adapt
from maml_core.normalization import PER_STEP, Normalization
from maml_core.outer import Judged, judged
from maml_core.params import over_tasks
from maml_core.problem import Problem, held_out_tasks
from maml_core.run_state import Learner, rule
from maml_core.types import Examples, Params, Tasks

TASKS, FEW = 100, 10
"""Tasks of a call, of evaluations and of what is drawn. Missing ones are made up by copies of the first."""


class HeldOutGraph(NamedTuple):
    """What an evaluation computes."""

    problem: Problem
    how: Adaptation
    """The run's rule, of which the numbers may be any."""
    support_shape: torch.Size
    """Shape of one task's support inputs."""


def held_out_graph(config: RunConfig, problem: Problem, learner: Learner) -> HeldOutGraph:
    """What a run's evaluations compute."""
    some = held_out_tasks(config, problem, FEW)
    return HeldOutGraph(problem, rule(config, problem, learner), some.support.x.shape[1:])


class InnerStep(torch.nn.Module):
    """An inner step as a module from a row of tensors, as `inner_row` gives it, to the parameters that it moves, by the order of their names.

    Args:
        graph: What it is a step of.
        names: Of theta.
        num_tasks: Tasks at once.
    """

    def __init__(self, graph: HeldOutGraph, names: Collection[str], num_tasks: int) -> None:
        super().__init__()
        self._graph, self._names, self._num_tasks = graph, sorted(names), num_tasks

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """From theta_k of each task to theta_{k+1}."""
        (problem, how, _), names, tensors = self._graph, self._names, iter(given)
        theta, normalization = _from_row(how, names, tensors)
        support = Examples(next(tensors), next(tensors))
        anchor = _params(names, tensors) if how.is_proximal else None
        own = _rule_from(how, tensors)._replace(normalization=normalization)
        moved = adapt(
            theta,
            support,
            model=problem.model,
            loss=problem.loss,
            how=own.for_tasks(self._num_tasks),
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
        (problem, how, _), tensors = self._graph, iter(given)
        theta, normalization = _from_row(how, self._names, tensors)
        support, query = (Examples(next(tensors), next(tensors)) for _ in range(2))
        tasks = Tasks(support, query, next(tensors))
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
    return [*_row(theta, how, step), *tasks.support, *tasks.query, tasks.parameters]


def inner_row(theta: Params, support: Examples, how: Adaptation, step: int, anchor: Params) -> list[Tensor]:
    """What `InnerStep` takes: the tasks' support points, and theta_0 of each as the `anchor`; the other arguments are those of `query_row`."""
    dtype = next(iter(theta.values())).dtype
    found = [*_row(theta, how, step), *support]
    if how.is_proximal:
        found += [*_values(_of_step(anchor, step)), torch.tensor([how.proximal], dtype=dtype)]
    if isinstance(how.alpha, float | int | Tensor):
        found.append(torch.as_tensor(how.alpha, dtype=dtype).view(1))
    else:
        found += _values(how.alpha[min(step, len(how.alpha) - 1)])
    return found + _values(how.matrices or {})


def _row(theta: Params, how: Adaptation, step: int) -> list[Tensor]:
    return [*_values(_of_step(theta, step)), *_values(_of_step(dict(how.normalization.running), step))]


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


def _from_row(how: Adaptation, names: Collection[str], tensors: Iterator[Tensor]) -> tuple[Params, Normalization]:
    """What `_row` made a row of."""
    theta = _params(names, tensors)
    return theta, how.normalization._replace(running=_params(sorted(how.normalization.running), tensors))


def _rule_from(like: Adaptation, tensors: Iterator[Tensor]) -> Adaptation:
    proximal: float | Tensor = next(tensors) if like.is_proximal else 0.0
    alpha = next(tensors) if isinstance(like.alpha, float | int | Tensor) else [_params(sorted(like.alpha[0]), tensors)]
    matrices = None if like.matrices is None else _params(sorted(like.matrices), tensors)
    return Adaptation(alpha, like.names, proximal, matrices)


def _moving(how: Adaptation, names: Collection[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith(PER_STEP)) if how.names is None else sorted(how.names)


class HeldOutForm:
    """An `evaluation.Form` and an `inner.PathForm` of compiled pieces.

    Args:
        graph: What is computed.
        libraries: By their parts what goes from a row of tensors to another: `INNER` and `FEW` as `InnerStep` says, of `TASKS` and of `FEW`
            tasks, and `QUERY` as `QueryLosses` says.
    """

    num_tasks = TASKS

    def __init__(self, graph: HeldOutGraph, libraries: Mapping[str, Any]) -> None:
        self._graph, self._libraries = graph, libraries

    def fits(self, how: Adaptation) -> bool:
        """Whether a rule is the graph's but for its numbers."""
        return _kind(how) == _kind(self._graph.how)

    def __call__(
        self, theta_0: Params, tasks: Tasks, how: Adaptation, num_steps: int, wanted: Collection[int]
    ) -> list[Judged]:
        """What the query points say after the wanted ones of 0..`num_steps` inner steps, [1, T]."""
        count, query = tasks.support.x.shape[0], self._libraries[files.QUERY]
        tasks = Tasks(_filled(tasks.support, TASKS), _filled(tasks.query, TASKS), _copied(tasks.parameters, TASKS))
        found = []
        for step, theta in enumerate(self._walk(files.INNER, theta_0, tasks.support, how, num_steps)):
            if step in wanted:
                losses, *accuracy = query(query_row(theta, tasks, how, step))
                found.append(Judged(losses[:, :count], accuracy[0][:, :count] if accuracy else None))
        return found

    def path(self, theta_0: Params, support: Examples, how: Adaptation, num_steps: int) -> list[Params] | None:
        """theta_0..theta_N of T tasks, [T, ...] each; None of more than `FEW` tasks, of other shapes, or by another rule."""
        count = support.x.shape[0]
        if count > FEW or support.x.shape[1:] != self._graph.support_shape or not self.fits(how):
            return None
        walk = self._walk(files.FEW, theta_0, _filled(support, FEW), how, num_steps)
        return [{name: value[:count] for name, value in theta.items()} for theta in walk]

    def _walk(self, part: str, theta_0: Params, support: Examples, how: Adaptation, num_steps: int) -> Iterator[Params]:
        """theta_0..theta_N of each task."""
        inner, num_tasks = self._libraries[part], support.x.shape[0]
        theta = start = {name: value.contiguous() for name, value in over_tasks(theta_0, num_tasks).items()}
        names = _moving(how, start)
        yield theta
        for step in range(num_steps):
            moved = inner(inner_row(theta, support, how, step, start))
            theta = {**theta, **dict(zip(names, moved, strict=True))}
            yield theta


def _kind(how: Adaptation) -> tuple[Any, ...]:
    """What of a rule is no number."""
    has_number, names = isinstance(how.alpha, float | int | Tensor), how.names and frozenset(how.names)
    treatment, running = how.normalization
    return has_number, names, how.is_proximal, how.matrices is None, how.optimizer, treatment, frozenset(running)


def _filled(examples: Examples, num_tasks: int) -> Examples:
    """Examples of so many tasks, of which the missing ones are copies of the first."""
    return Examples(_copied(examples.x, num_tasks), _copied(examples.y, num_tasks))


def _copied(values: Tensor, num_tasks: int) -> Tensor:
    missing = num_tasks - len(values)
    return torch.cat([values, values[:1].expand(missing, *values.shape[1:])]) if missing else values.contiguous()
