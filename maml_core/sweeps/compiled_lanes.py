"""The compiled form of an outer step of lanes: of `WIDTH` lanes, called as often as a batch needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from maml_core.algorithms import InnerNumbers
from maml_core.compiled.files import STEP
from maml_core.compiled.step import can_be, drawn, key_about, loaded
from maml_core.config import RunConfig, to_dict
from maml_core.optim import OptimizerState
from maml_core.outer_step import Numbers
from maml_core.problem import Problem
from maml_core.schedules import schedule
from maml_core.sweeps.definition import group_key
from maml_core.sweeps.lanes import Batch, Lanes, Moved, Rows, init_lanes, moved, tasks_of
from maml_core.types import Examples, Params, Tasks

WIDTH = 4
"""Lanes of a compiled step. A lane of 4 takes 0.25 ms at N = 1 where one of 8, 16 and 32 takes 0.28, 0.30 and 0.36: what it works on stays in the
processor's cache. Missing ones are made up by copies of the first."""


class LaneGraph(NamedTuple):
    """What a compiled step of lanes computes."""

    config: RunConfig
    problem: Problem
    shapes: Mapping[str, torch.Size]
    order: Any
    num_weights: int
    """Losses after inner steps that count with weights of their own; 0 where only the last counts."""
    own_tasks: bool
    clips: bool


def graph_of(batch: Batch, lanes: Lanes) -> LaneGraph:
    """What a batch computes at its step."""
    now = schedule(batch.first, lanes.step)
    own_tasks = len(set(batch.tasks_wanted(lanes))) > 1
    clips = batch.clip_norm(lanes) is not None
    return LaneGraph(
        group_key(batch.first),
        batch.problem,
        batch.shapes,
        now.order,
        len(now.step_weights or ()),
        own_tasks,
        clips,
    )


def key_of(graph: LaneGraph, row: list[Tensor]) -> str:
    """Name of what a graph computes on this machine; the row is any that it takes."""
    about = {
        "lanes": to_dict(graph.config),
        "order": graph.order,
        "weights": graph.num_weights,
        "own_tasks": graph.own_tasks,
        "clips": graph.clips,
    }
    return key_about(about, row)


def rows_of(graph: LaneGraph, rows: Rows, tasks: Tasks, numbers: Numbers) -> list[list[Tensor]]:
    """Everything that an outer step of some lanes reads, as rows of tensors that a graph takes: one for every `WIDTH` of the lanes."""
    count = len(rows.meta)
    lanes = [*_moments(rows), *(rows.statistics[name] for name in sorted(rows.statistics))]
    values = [
        *numbers.inner,
        numbers.beta,
        numbers.adam_eps,
        *(() if numbers.clip_norm is None else (numbers.clip_norm,)),
    ]
    parts = [_parted(one) for one in (*lanes, *values)]
    common: list[Tensor] = []
    if graph.own_tasks:  # those of one lane lie after those of another
        by_lane = (_parted(one.view(count, -1, *one.shape[1:])) for one in drawn(tasks))
        parts += [[one.flatten(0, 1) for one in part] for part in by_lane]
    else:
        common += drawn(tasks)
    common += [torch.tensor(float(weight), dtype=torch.float64) for weight in numbers.step_weights or ()]
    common.append(torch.tensor(float(rows.optimizer.step), dtype=torch.float64))
    return [[*of_lanes, *common] for of_lanes in zip(*parts, strict=True)]


def _moments(rows: Rows) -> list[Tensor]:
    return [rows.meta, *rows.optimizer.first.values(), *rows.optimizer.second.values()]


def _parted(value: Any) -> Sequence[Tensor]:
    """The lanes, `WIDTH` at a time."""
    assert isinstance(value, Tensor)
    missing = -len(value) % WIDTH
    whole = torch.cat([value, value[:1].expand(missing, *value.shape[1:])]) if missing else value
    return torch.split(whole, WIDTH)


class GraphedLanes(torch.nn.Module):
    """An outer step of lanes as a module from a row of tensors to another.

    Args:
        graph: What it computes.
        like: Any rows, which say what there is.
    """

    def __init__(self, graph: LaneGraph, like: Rows) -> None:
        super().__init__()
        self._graph, self._like = graph, like

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """What moved, the losses, whether all of each lane is finite, and the accuracy where there is any."""
        graph, tensors = self._graph, iter(given)
        parts = _parts_from(self._like, tensors)
        inner = InnerNumbers(next(tensors), next(tensors))
        beta, adam_eps = next(tensors), next(tensors)
        clip_norm = next(tensors) if graph.clips else None
        support, query = Examples(next(tensors), next(tensors)), Examples(next(tensors), next(tensors))
        tasks = Tasks(support, query, next(tensors))
        weights = tuple(next(tensors) for _ in range(graph.num_weights)) or None
        step: Any = next(tensors)
        found = moved(
            graph.config,
            graph.problem,
            graph.shapes,
            _rows(parts, step),
            tasks,
            graph.order,
            Numbers(inner, weights, beta, clip_norm, adam_eps),
            own_tasks=graph.own_tasks,
        )
        rows = found.rows
        finite = torch.stack([one.isfinite().all(1) for one in (rows.meta, *rows.optimizer.second.values())]).all(0)
        after = [*_moments(rows), *(rows.statistics[name] for name in sorted(rows.statistics))]
        accuracy = () if found.accuracy is None else (found.accuracy,)
        return (*(value.clone() for value in after), found.query_loss, finite, *accuracy)


class _Parts(NamedTuple):
    meta: Tensor
    first: Params
    second: Params
    statistics: Params


def _parts_from(like: Rows, tensors: Iterator[Tensor]) -> _Parts:
    meta = next(tensors)
    first, second = (
        {name: next(tensors) for name in moments} for moments in (like.optimizer.first, like.optimizer.second)
    )
    statistics = {name: next(tensors) for name in sorted(like.statistics)}
    return _Parts(meta, first, second, {name: statistics[name] for name in like.statistics})


def _rows(parts: _Parts, step: int) -> Rows:
    return Rows(parts.meta, OptimizerState(step, parts.first, parts.second), parts.statistics)


class CompiledLanes:
    """An outer step of lanes in its compiled form; a `lanes.Form`.

    Args:
        graph: What it computes.
        run: From a row of tensors to another, as `GraphedLanes` says.
    """

    def __init__(self, graph: LaneGraph, run: Any) -> None:
        self._graph, self._run = graph, run

    def __call__(self, rows: Rows, tasks: Tasks, numbers: Numbers) -> tuple[Moved, list[bool]]:
        """What the step finds, and whether all of each lane is finite."""
        pieces = [self._run(row) for row in rows_of(self._graph, rows, tasks, numbers)]
        found = iter([torch.cat(of)[: len(rows.meta)] for of in zip(*pieces, strict=True)])
        after = _rows(_parts_from(rows, found), rows.optimizer.step + 1)
        losses, finite = next(found), next(found)
        return Moved(after, losses, next(found, None)), finite.tolist()


class Forms:
    """The compiled steps of a batch, by what they compute.

    Args:
        batch: Of lanes.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._can_be = can_be(batch.first, batch.problem)
        self._forms: dict[Any, CompiledLanes | None] = {}

    def at(self, lanes: Lanes) -> CompiledLanes | None:
        """The form of a batch's next step; None where there is none."""
        if not lanes.places or not self._can_be:
            return None
        now = schedule(self._batch.first, lanes.step)
        about = now.order, now.step_weights is not None, lanes.places
        if about not in self._forms:
            graph, _, row = with_row(self._batch, lanes)
            libraries = loaded(key_of(graph, row))
            self._forms[about] = None if libraries is None else CompiledLanes(graph, libraries[STEP])
        return self._forms[about]


def key_of_batch(configs: tuple[RunConfig, ...], step: int) -> str:
    """The key of an outer step of the batch of these configs."""
    graph, _, row = with_row(*batch_of(configs, step))
    return key_of(graph, row)


def batch_of(configs: tuple[RunConfig, ...], step: int) -> tuple[Batch, Lanes]:
    """The batch of these configs at an outer step, as if it had trained."""
    batch = Batch.from_configs(configs)
    lanes, _ = init_lanes(batch)
    return batch, lanes._replace(step=step)


def with_row(batch: Batch, lanes: Lanes) -> tuple[LaneGraph, Rows, list[Tensor]]:
    """What the next step of a batch computes, rows of its lanes, and a row of tensors that its graph takes."""
    graph, (tasks, _) = graph_of(batch, lanes), tasks_of(batch, lanes)
    rows = Rows(lanes.meta, lanes.optimizer, lanes.statistics)
    row, *_ = rows_of(graph, rows, tasks, batch.numbers(lanes))
    # Moments that begin as one and the same tensor would be one and the same in the graph.
    return graph, rows, [one.clone() for one in row]
