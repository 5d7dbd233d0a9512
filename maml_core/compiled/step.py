"""The compiled form of an outer step: `outer_step`, traced and compiled ahead of time to a library that a worker loads in a millisecond; beside
it lie those of its held-out evaluations (`held_out`).

What is computed is named by a `key`: of the settings those that change the graph, the shapes, the versions of torch and of this code, and
the processor. What dials and schedules move goes in as tensors, so that one file serves while they move. `compiling` makes the files.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from maml_core.algorithms import InnerNumbers
from maml_core.compiled import files
from maml_core.compiled.held_out import HeldOutForm, held_out_graph
from maml_core.config import RunConfig, to_dict
from maml_core.optim import OptimizerState
from maml_core.outer_step import META, EagerWalk, Measured, Numbers, Walk, numbers_at, outer_step
from maml_core.problem import Problem, torch_dtype, training_tasks
from maml_core.run_state import Learner
from maml_core.schedules import Schedule
from maml_core.traits import TRAITS
from maml_core.types import Examples, Params, Tasks

_log = logging.getLogger(__name__)

MOVED = frozenset(
    {
        *("tasks", "num_training_tasks", "weights_seed", "tasks_seed"),  # the graph sees the tasks' tensors alone
        *("alpha", "test_alpha", "beta", "proximal", "clip_norm", "adam_eps"),
        *("anneal_order", "anneal_beta", "epoch_steps", "num_epochs", "first_order_epochs", "final_beta"),
        *("multi_step_loss", "multi_step_epochs", "order"),
        *("evaluation_seed", "evaluation_tasks", "evaluation_steps", "evaluate_every"),
    }
)
"""Settings that leave the graph as it is. Any other makes another graph."""

Order = Literal["second", "first"]


class Graph(NamedTuple):
    """What a compiled step computes."""

    config: RunConfig
    problem: Problem
    order: Order
    is_multi_step: bool
    """Whether the losses after every inner step count."""


def graph_at(config: RunConfig, problem: Problem, now: Schedule) -> Graph:
    """What a run computes at a point of its schedule."""
    return Graph(config, problem, now.order, now.step_weights is not None)


def key_of(graph: Graph, learners: Mapping[str, Learner], tasks: Tasks, *, whole: bool = False) -> str:
    """Name of what a graph computes on this machine, 32 hexadecimal digits.

    Args:
        graph: What is computed.
        learners: The run's, `META`, and its baselines', at any step.
        tasks: Of any step.
        whole: Whether with what is looked at beside it; see `held_out`.
    """
    settings = {name: value for name, value in to_dict(graph.config).items() if name not in MOVED}
    numbers = tensors_of_numbers(graph, graph_numbers(graph))
    about = {
        "settings": settings,
        "order": graph.order,
        "multi_step": graph.is_multi_step,
        "loss": [graph.config.tasks.kind if graph.config.oracle_baseline else "", graph.config.classifies],
        "clips": graph.config.clip_norm is not None,
        "whole": whole,
    }
    return key_about(about, [*_learned(learners), *drawn(tasks), *numbers])


def key_about(about: dict[str, Any], tensors: Sequence[Tensor]) -> str:
    """Name of a graph on this machine, 32 hexadecimal digits.

    Args:
        about: What it computes, as JSON values.
        tensors: What it takes; their shapes and types count.
    """
    beside = {
        "tensors": [[list(one.shape), str(one.dtype)] for one in tensors],
        "versions": [torch.__version__, _code(), platform.machine(), torch.backends.cpu.get_cpu_capability()],
        "processor": _processor(),
    }
    return hashlib.sha256(json.dumps(about | beside, sort_keys=True).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _code() -> str:
    """This package's own text, in short: another version of it may compute something else."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


@lru_cache(maxsize=1)
def _processor() -> str:
    """The processor's own name, since instructions that one has another may lack."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part"))), "")


# Between what a step reads and finds, and the row of tensors that a graph has


def graph_numbers(graph: Graph) -> Numbers:
    """Numbers of a graph, whatever their values: which there are is part of it."""
    count = graph.config.num_inner_steps
    config = graph.config
    weights = (1.0 / count,) * count if graph.is_multi_step else None
    return Numbers(InnerNumbers(config.alpha, config.proximal), weights, config.beta, config.clip_norm, config.adam_eps)


def tensors_of_numbers(graph: Graph, numbers: Numbers) -> list[Tensor]:
    """Numbers as the graph takes them: of lanes, [1], or double as Python's own."""
    dtype, (alpha, proximal) = torch_dtype(graph.config), numbers.inner
    found = [torch.tensor([float(value)], dtype=dtype) for value in (alpha, proximal)]
    others = [numbers.beta, numbers.adam_eps, *(() if numbers.clip_norm is None else (numbers.clip_norm,))]
    others += numbers.step_weights or ()
    return found + [torch.tensor(float(value), dtype=torch.float64) for value in others]


def _numbers_from(graph: Graph, tensors: Iterator[Tensor]) -> Numbers:
    inner = InnerNumbers(next(tensors), next(tensors))
    beta, adam_eps = next(tensors), next(tensors)
    clip_norm = None if graph.config.clip_norm is None else next(tensors)
    weights = tuple(next(tensors) for _ in range(graph.config.num_inner_steps)) if graph.is_multi_step else None
    return Numbers(inner, weights, beta, clip_norm, adam_eps)


def _parts(learner: Learner) -> list[Params]:
    return [learner.theta, learner.optimizer.first, learner.optimizer.second, *learner.rates, dict(learner.statistics)]


def _learned(learners: Mapping[str, Learner]) -> list[Tensor]:
    """What outer steps move, learner by learner in the order of their names: their parts, and how many updates were made."""
    found = []
    for name in sorted(learners):
        found += [part[key] for part in _parts(learners[name]) for key in sorted(part)]
        count: Any = learners[name].optimizer.step
        found.append(count if isinstance(count, Tensor) else torch.tensor(float(count), dtype=torch.float64))
    return found


def _learners_from(like: Mapping[str, Learner], tensors: Iterator[Tensor]) -> dict[str, Learner]:
    """What `_learned` made a row of; the counts of updates stay tensors."""
    found = {}
    for name in sorted(like):
        parts = []
        for part in _parts(like[name]):
            values = {key: next(tensors) for key in sorted(part)}
            parts.append({key: values[key] for key in part})
        theta, first, second, *rates, statistics = parts
        step: Any = next(tensors)
        found[name] = Learner(theta, OptimizerState(step, first, second), tuple(rates), statistics)
    return {name: found[name] for name in like}


def drawn(tasks: Tasks) -> tuple[Tensor, ...]:
    """What a graph takes of tasks."""
    return (*tasks.support, *tasks.query, tasks.parameters)


class Graphed(torch.nn.Module):
    """An outer step as a module from a row of tensors to another: what is traced and compiled.

    Args:
        graph: What it computes.
        learners: Any, which say what there is of each.
    """

    def __init__(self, graph: Graph, learners: Mapping[str, Learner]) -> None:
        super().__init__()
        self._graph, self._like = graph, dict(learners)

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """What was moved, as it was given; then all that was measured as one tensor, see `CompiledWalk`."""
        graph, tensors = self._graph, iter(given)
        learners = _learners_from(self._like, tensors)
        support, query = Examples(next(tensors), next(tensors)), Examples(next(tensors), next(tensors))
        tasks = Tasks(support, query, next(tensors))
        numbers = _numbers_from(graph, tensors)
        found = outer_step(graph.config, graph.problem, learners, tasks, graph.order, numbers)
        names = sorted(found.learners)
        measured = [
            *(found.query_loss[name].squeeze(0) for name in names),
            *(_is_finite(found.learners[name]) for name in names),
            *(one.squeeze(0) for one in (found.residual, found.accuracy) if one is not None),
        ]
        # A moment before the step is another tensor than after it, also where nothing moved it.
        after = [value.clone() for value in _learned(found.learners)]
        return (*after, torch.stack([value.double() for value in measured]))


def _is_finite(learner: Learner) -> Tensor:
    values = [*learner.meta_parameters.values(), *learner.optimizer.second.values()]
    return torch.stack([value.isfinite().all() for value in values]).all()


def row_of(graph: Graph, learners: Mapping[str, Learner], tasks: Tasks, numbers: Numbers) -> list[Tensor]:
    """Everything that an outer step reads, as the row of tensors that a graph takes."""
    return [*_learned(learners), *drawn(tasks), *tensors_of_numbers(graph, numbers)]


class CompiledWalk:
    """A `Walk` of outer steps in their compiled form. What is learned stays the graph's row until somebody asks for it.

    Args:
        graph: What is computed.
        run: From a row of tensors to another, as `Graphed` says.
        learners: Where the walk begins.
        numbers: Those of all its steps.
    """

    def __init__(self, graph: Graph, run: Any, learners: Mapping[str, Learner], numbers: Numbers) -> None:
        self._graph, self._run, self._like = graph, run, learners
        self._numbers = tensors_of_numbers(graph, numbers)
        self._row, self._names, self._count = _learned(learners), sorted(learners), 0

    def step(self, tasks: Tasks) -> Measured:
        """Take the next step, on these tasks."""
        *self._row, found = self._run([*self._row, *drawn(tasks), *self._numbers])
        self._count += 1
        measured, names = found.tolist(), self._names
        losses, finite, others = (
            measured[: len(names)],
            measured[len(names) : 2 * len(names)],
            measured[2 * len(names) :],
        )
        residual = others.pop(0) if TRAITS[self._graph.config.algorithm].is_proximal else None
        return Measured(
            dict(zip(names, losses, strict=True)),
            residual,
            others[0] if others else None,
            tuple(name for name, is_finite in zip(names, finite, strict=True) if not is_finite),
        )

    @property
    def learners(self) -> dict[str, Learner]:
        """What is learned, after the steps that were taken."""
        found = _learners_from(self._like, iter(self._row))
        return {
            name: learner._replace(
                optimizer=learner.optimizer._replace(step=self._like[name].optimizer.step + self._count)
            )
            for name, learner in found.items()
        }


# Which step, and where it comes from


def can_be(config: RunConfig, problem: Problem) -> bool:
    """Whether a run's outer steps can have a compiled form: its problem is the one that its settings name, on the processor, and it gains by
    one.
    """
    is_on = files.folder() is not None and problem.is_of(config) and problem.device.type == "cpu"
    return is_on and config.model.kind not in files.EAGER_MODELS


class Steps:
    """The outer steps of a run while its settings stand, compiled where they can be.

    Args:
        config: The settings.
        problem: Of the run.
        learners: The run's, `META`, and its baselines', at any step.
    """

    def __init__(self, config: RunConfig, problem: Problem, learners: Mapping[str, Learner]) -> None:
        self._config, self._problem, self._learners = config, problem, learners
        self._can_be = can_be(config, problem)
        self._keys: dict[tuple[str, bool], tuple[str, str]] = {}

    def keys(self, now: Schedule) -> tuple[str, ...]:
        """Names of the step's compiled forms, whether they are there or not: of the step alone, which is made first, and with what is looked at
        beside it. None where it can have none.
        """
        if not self._can_be:
            return ()
        which = now.order, now.step_weights is not None
        if which not in self._keys:
            self._keys[which] = _kept_keys(graph_at(self._config, self._problem, now), self._learners)
        return self._keys[which]

    def walk(self, now: Schedule, learners: Mapping[str, Learner], key: str) -> Walk:
        """Outer steps from here on while the schedule stays: in their compiled form, if this is one of its keys and it is there."""
        numbers = numbers_at(self._config, now)
        libraries = self._libraries(now, key)
        if libraries is None:
            return EagerWalk(self._config, self._problem, learners, now.order, numbers)
        return CompiledWalk(graph_at(self._config, self._problem, now), libraries[files.STEP], learners, numbers)

    def held_out(self, now: Schedule, key: str) -> HeldOutForm | None:
        """What computes evaluations where outer steps have the compiled form that goes with it; None where they have not."""
        libraries = self._libraries(now, key)
        if libraries is None or files.QUERY not in libraries:
            return None
        graph = held_out_graph(self._config, self._problem, self._learners[META])
        return HeldOutForm(graph, libraries)

    def _libraries(self, now: Schedule, key: str) -> Mapping[str, Any] | None:
        return loaded(key) if key in self.keys(now) else None


_KEYS: dict[tuple[Graph, tuple[torch.Size, ...]], tuple[str, str]] = {}
"""Keys that were asked for, by what is computed and the shapes of what is learned: each chunk of a run asks again."""

_MAX_KEYS = 256


def _kept_keys(graph: Graph, learners: Mapping[str, Learner]) -> tuple[str, str]:
    about = graph, tuple(one.shape for one in _learned(learners))
    if about not in _KEYS:
        if len(_KEYS) >= _MAX_KEYS:
            _KEYS.clear()
        tasks = training_tasks(graph.config, graph.problem, 0)
        _KEYS[about] = key_of(graph, learners, tasks), key_of(graph, learners, tasks, whole=True)
    return _KEYS[about]


_LOADED: dict[str, Mapping[str, Any]] = {}
"""By key. What was loaded stays: a library that is called cannot be put out of memory."""


def loaded(key: str) -> Mapping[str, Any] | None:
    """What calls the libraries of a compiled step, by their parts; None where there are none. What cannot be loaded is thrown away."""
    if key in _LOADED:
        return _LOADED[key]
    paths = files.checked(key)
    if paths is None:
        return None
    try:
        _LOADED[key] = {
            part: torch._C._aoti.AOTIModelContainerRunnerCpu(str(path), 1).run for part, path in paths.items()
        }
    except (AttributeError, RuntimeError) as error:
        _log.warning("%s cannot be loaded and is removed: %s", key, error)
        files.drop(key)
        return None
    return _LOADED[key]
