"""The experiments behind `claims`: what is trained, three seeds as lanes of one batch, and what is measured of it. Runs in a worker."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from maml_core.algorithms import adaptation
from maml_core.analysis.coherence import coherence
from maml_core.analysis.directions import directions
from maml_core.analysis.label_orders import label_orders, one_by_one
from maml_core.analysis.layer_changes import layer_changes
from maml_core.analysis.loss_plane import loss_plane
from maml_core.analysis.shifts import INSIDE, shifts
from maml_core.analysis.spectrum import spectrum
from maml_core.analysis.task_vectors import task_vectors
from maml_core.config import GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.evaluation import evaluate, summarize
from maml_core.inner import Adaptation
from maml_core.landscape import curvatures
from maml_core.presets import PRESETS
from maml_core.problem import Problem, build_problem, held_out_tasks, torch_dtype, training_tasks
from maml_core.records import Numbers
from maml_core.reproduce.claims import SEEDS
from maml_core.sweeps.lanes import Batch, init_lanes, outer_step
from maml_core.threads import single_threaded
from maml_core.types import Params, Tasks

_BEYOND_TRAINING = 1_000_000
"""An outer step that no training comes to: its tasks have points that none has seen."""

Measured = Mapping[str, Sequence[float]]
"""By figure its value at every seed; NaN where the training diverged."""


class TrainedSetup(NamedTuple):
    """theta_0 of every lane, before and after."""

    configs: tuple[RunConfig, ...]
    """Lane by lane; of one setting its seeds follow each other."""
    start: Mapping[str, Numbers]
    """Parameters at outer step 0, [L, ...]."""
    end: Mapping[str, Numbers]
    """Parameters after the last step; NaN where the training diverged."""


class ExperimentSetup(NamedTuple):
    """A preset with other settings, trained for so many outer steps, each value of one more setting at three seeds."""

    preset: str
    changes: Mapping[str, Any]
    num_steps: int
    varied: str = "alpha"
    """The setting whose values share a batch."""
    values: tuple[float, ...] = ()
    """Empty for the preset's own, or that of `changes`."""

    @property
    def configs(self) -> tuple[RunConfig, ...]:
        """A config a lane."""
        preset = next(preset for preset in PRESETS if preset.name == self.preset)
        base = replace(preset.config, {**self.changes, "joint_baseline": False})
        return tuple(
            replace(base, {self.varied: value, "weights_seed": seed, "tasks_seed": seed})
            for value in self.values or (getattr(base, self.varied),)
            for seed in SEEDS
        )


_BY_HEART: Mapping[str, Any] = {
    "model": MLPConfig(hidden_widths=(64,)),
    "alpha": 0.1,
    "num_inner_steps": 1,
    "shots": 1,
    "num_query": 2,
    "meta_batch_size": 8,
    "num_training_tasks": 10,
}
"""Ten tasks of characters, which a small network can learn by heart where their labels never change."""

SETUPS: Mapping[str, ExperimentSetup] = {
    "glyphs": ExperimentSetup("Glyphs, fast demo", {}, 600),
    "alphas": ExperimentSetup("Fast demo", {}, 2000, values=(0.00003, 0.0003, 0.003, 0.03)),
    "sinusoid": ExperimentSetup(
        "Fast demo", {"meta_batch_size": 25, "anneal_beta": True, "epoch_steps": 30, "num_epochs": 100}, 3000
    ),
    "fast demo": ExperimentSetup("Fast demo", {}, 2000),
    "reptile, N = 10": ExperimentSetup("Reptile", {}, 2000),
    "reptile, N = 1": ExperimentSetup("Reptile", {"num_inner_steps": 1}, 2000),
    "few tasks": ExperimentSetup("Fast demo", {}, 2000, "num_training_tasks", (3, 30, 300)),
    "fixed labels": ExperimentSetup(
        "Fast demo", {**_BY_HEART, "tasks": GlyphsConfig(labels="fixed", difficulty=0.0)}, 400
    ),
    "shuffled labels": ExperimentSetup("Fast demo", {**_BY_HEART, "tasks": GlyphsConfig(difficulty=0.0)}, 400),
    "joint": ExperimentSetup("Fast demo", {"num_inner_steps": 0, "alpha": 0.01}, 2000),
}
"""What is trained, the longest first."""


@single_threaded
def train_setup(name: str, num_steps: int | None = None) -> TrainedSetup:
    """Train all lanes of a set-up; `num_steps` in place of its own."""
    setup = SETUPS[name]
    batch = Batch.from_configs(setup.configs)
    lanes, _ = init_lanes(batch)
    start, _ = batch.meta_parameters(lanes)
    begun = {key: value.double().numpy() for key, value in start.items()}
    while lanes.places and lanes.step < (setup.num_steps if num_steps is None else num_steps):
        lanes = outer_step(batch, lanes).lanes
    end, _ = batch.meta_parameters(lanes)
    ended = {key: np.full_like(value, np.nan) for key, value in begun.items()}
    for key, value in end.items():
        ended[key][list(lanes.places)] = value.double().numpy()
    return TrainedSetup(setup.configs, begun, ended)


@single_threaded
def measure_claim(name: str, trained: Mapping[str, TrainedSetup]) -> Measured:
    """The figures of a claim at every seed, from what was trained for it."""
    return _MEASURES[name](trained)


class _Point(NamedTuple):
    """One lane at one moment."""

    config: RunConfig
    problem: Problem
    theta: Params
    how: Adaptation

    def tasks(self, count: int) -> Tasks:
        return held_out_tasks(self.config, self.problem, num_tasks=count)

    def adapted(self, count: int, steps: int) -> Numbers:
        """Median query loss of held-out tasks after 0..`steps` inner steps."""
        return self.median(self.tasks(count), steps)

    def median(self, tasks: Tasks, steps: int) -> Numbers:
        """Median query loss of tasks after 0..`steps` inner steps."""
        return summarize(evaluate(self.theta, tasks, problem=self.problem, how=self.how, num_steps=steps)).median

    def accuracy(self, tasks: Tasks) -> float:
        """Share of right query predictions of tasks of classes after one inner step."""
        found = summarize(evaluate(self.theta, tasks, problem=self.problem, how=self.how, num_steps=1)).accuracy
        assert found is not None
        return float(found[-1])


def _points(trained: TrainedSetup, *, at_start: bool = False) -> list[_Point]:
    found = []
    for lane, config in enumerate(trained.configs):
        problem, values = build_problem(config), trained.start if at_start else trained.end
        theta = {
            name: torch.tensor(value[lane : lane + 1], dtype=torch_dtype(config)) for name, value in values.items()
        }
        found.append(_Point(config, problem, theta, adaptation(config, problem, (), {})))
    return found


def _each(points: Sequence[_Point], measure: Callable[[_Point], float]) -> list[float]:
    """A number of every lane, NaN where its training diverged."""
    return [row[0] for row in _rows(points, lambda point: (measure(point),), count=1)]


def _rows(
    points: Sequence[_Point], measure: Callable[[_Point], Sequence[float]], *, count: int
) -> list[Sequence[float]]:
    """So many numbers of every lane, NaN where its training diverged."""
    return [
        measure(point) if all(bool(value.isfinite().all()) for value in point.theta.values()) else (math.nan,) * count
        for point in points
    ]


def _figures(
    points: Sequence[_Point], measure: Callable[[_Point], Sequence[float]], names: Sequence[str]
) -> dict[str, list[float]]:
    """By name, the numbers that are measured of every lane in this order."""
    columns = zip(*_rows(points, measure, count=len(names)), strict=True)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def _difference(after: Sequence[float], before: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(after, before, strict=True)]


def _ratio(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(above, below, strict=True)]


def _alpha_curvature(trained: Mapping[str, TrainedSetup]) -> Measured:
    def alpha_lambda(point: _Point) -> float:
        tasks = point.tasks(32)
        found = curvatures(point.theta, tasks, problem=point.problem, how=point.how)[0]
        return point.config.alpha * found.median

    figures: dict[str, list[float]] = {}
    for when, at_start in (("at the start", True), ("after", False)):
        points = _points(trained["alphas"], at_start=at_start)
        for point, value in zip(points, _each(points, alpha_lambda), strict=True):
            figures.setdefault(f"alpha lambda_max {when}, alpha {point.config.alpha:g}", []).append(value)
    return figures


def _first_order(trained: Mapping[str, TrainedSetup]) -> Measured:
    def cosine(point: _Point) -> float:
        found = directions(
            point.theta,
            point.tasks(200),
            problem=point.problem,
            how=point.how,
            num_inner_steps=(1,),
            num_batches=1,
        )
        return float(found.cosine[found.rules.index("fomaml"), 0, 0])

    before, after = (_each(_points(trained["fast demo"], at_start=first), cosine) for first in (True, False))
    return {
        "cosine of FOMAML and MAML at the start": before,
        "cosine lost in training": _difference(before, after),
    }


def _reptile_one_step(trained: Mapping[str, TrainedSetup]) -> Measured:
    one, ten, joint = (
        _each(_points(trained[name]), lambda point: float(point.adapted(500, 10)[-1]))
        for name in ("reptile, N = 1", "reptile, N = 10", "joint")
    )
    return {
        "median loss after 10 steps, N = 1 over joint training": _ratio(one, joint),
        "median loss after 10 steps, N = 1 over N = 10": _ratio(one, ten),
    }


def _coherence(trained: Mapping[str, TrainedSetup]) -> Measured:
    def means(point: _Point) -> tuple[float, float]:
        found = coherence(point.theta, point.tasks(200), problem=point.problem, how=point.how)
        return found.same_task.mean, found.two_tasks.mean

    names = ("one task", "two tasks")
    before, after = (_figures(_points(trained["sinusoid"], at_start=first), means, names) for first in (True, False))
    return {
        "cosine on one task gained in training": _difference(after["one task"], before["one task"]),
        "cosine on two tasks after": after["two tasks"],
    }


def _task_vectors(trained: Mapping[str, TrainedSetup]) -> Measured:
    def r2(point: _Point) -> float:
        steps = point.config.num_inner_steps
        return task_vectors(point.theta, point.tasks(400), problem=point.problem, how=point.how, num_steps=steps).r2

    return {
        "R² of the polar coordinates at the start": _each(_points(trained["sinusoid"], at_start=True), r2),
        "R² of the polar coordinates after": _each(_points(trained["sinusoid"]), r2),
    }


def _number_of_tasks(trained: Mapping[str, TrainedSetup]) -> Measured:
    def gap(point: _Point) -> float:
        """Median query loss after N inner steps, of new tasks less that of new points of the training tasks."""
        others = replace(point.config, {"meta_batch_size": 500})
        known = training_tasks(others, point.problem, _BEYOND_TRAINING)
        own, new = (point.median(tasks, point.config.num_inner_steps)[-1] for tasks in (known, point.tasks(500)))
        return float(new - own)

    points = _points(trained["few tasks"])
    gaps: dict[int | None, list[float]] = {}
    for point, value in zip(points, _each(points, gap), strict=True):
        gaps.setdefault(point.config.num_training_tasks, []).append(value)
    return {
        **{f"loss on new tasks minus on those of training, {count} tasks": values for count, values in gaps.items()},
        "of that lost from 3 to 300 tasks": _difference(gaps[3], gaps[300]),
    }


def _memorisation(trained: Mapping[str, TrainedSetup]) -> Measured:
    def accuracies(point: _Point) -> tuple[float, float, float]:
        known = training_tasks(replace(point.config, {"meta_batch_size": 100}), point.problem, _BEYOND_TRAINING)
        support = known.support._replace(y=known.support.y.roll(1, dims=2))
        of_all = (known, known._replace(support=support), point.tasks(200))
        first, otherwise, new = (point.accuracy(tasks) for tasks in of_all)
        return first, otherwise, new

    names = ("known", "otherwise", "new")
    fixed, shuffled = (
        _figures(_points(trained[f"{labels} labels"]), accuracies, names) for labels in ("fixed", "shuffled")
    )
    return {
        "accuracy on training tasks, fixed labels": fixed["known"],
        "the same with the support numbered otherwise": fixed["otherwise"],
        "the same, trained with shuffled labels": shuffled["otherwise"],
        "accuracy on new tasks, shuffled minus fixed labels": _difference(shuffled["new"], fixed["new"]),
    }


def _label_orders(trained: Mapping[str, TrainedSetup]) -> Measured:
    def accuracies(point: _Point) -> tuple[float, float, float]:
        found = label_orders(point.theta, point.tasks(20), problem=point.problem, how=point.how, num_steps=1)
        of_task = found.accuracy[-1]
        span = of_task.max(1) - of_task.min(1)
        return float(of_task.mean()), float(span.mean()), float(found.zeroed_accuracy[-1].mean())

    names = ("accuracy", "accuracy, best numbering minus worst", "accuracy, head zeroed at test")
    return _figures(_points(trained["glyphs"]), accuracies, names)


def _outside_the_range(trained: Mapping[str, TrainedSetup]) -> Measured:
    def over_inside(point: _Point) -> tuple[float, float]:
        found = shifts(point.config, point.theta, problem=point.problem, how=point.how, num_steps=10, num_tasks=200)
        medians = {shift.name: float(shift.summary.median[-1]) for shift in found}
        return medians["phase_rad"] / medians[INSIDE], medians["amplitude"] / medians[INSIDE]

    names = ("phase beyond pi over inside", "amplitude beyond 5 over inside")
    return _figures(_points(trained["sinusoid"]), over_inside, names)


def _body_reuse(trained: Mapping[str, TrainedSetup]) -> Measured:
    def similarities(point: _Point) -> list[float]:
        config = point.config
        found = layer_changes(
            point.theta,
            point.tasks(20 if config.classifies else 50),
            problem=point.problem,
            how=point.how,
            num_steps=config.num_inner_steps,
            x=None if config.classifies else point.problem.probe_inputs(121, torch_dtype(config)),
        )
        return [float(value) for value in np.median(found.similarity, axis=0)]

    figures: dict[str, list[float]] = {}
    for name, words in (("sinusoid", "CKA"), ("glyphs", "CKA on glyphs")):
        points = _points(trained[name])
        figures |= _figures(points, similarities, [f"{words}, {layer}" for layer in points[0].problem.model.layers])
    return figures


def _batch_norm(trained: Mapping[str, TrainedSetup]) -> Measured:
    def accuracy(point: _Point, *, alone: bool) -> float:
        tasks = point.tasks(40)
        return point.accuracy(one_by_one(tasks) if alone else tasks)

    points = _points(trained["glyphs"])
    together = _each(points, lambda point: accuracy(point, alone=False))
    by_itself = _each(points, lambda point: accuracy(point, alone=True))
    return {"accuracy together minus one by one": _difference(together, by_itself)}


def _more_steps(trained: Mapping[str, TrainedSetup]) -> Measured:
    def later(point: _Point) -> float:
        median = point.adapted(500, 10)
        return float(median[10] / median[3])

    return {"median loss after 10 steps over after 3": _each(_points(trained["sinusoid"]), later)}


def _flat_ends(trained: Mapping[str, TrainedSetup]) -> Measured:
    def flatter(point: _Point) -> float:
        found = spectrum(
            point.theta, point.tasks(10), problem=point.problem, how=point.how, num_steps=1, num_iterations=16
        )
        return float(np.median(found.at_theta_n[:, 0] / found.at_theta_0[:, 0]))

    return {"lambda_max at theta_N over theta_0": _each(_points(trained["glyphs"]), flatter)}


def _path_plane(trained: Mapping[str, TrainedSetup]) -> Measured:
    def shares(point: _Point) -> tuple[float, float]:
        path, random = (
            loss_plane(
                point.theta,
                point.tasks(10),
                problem=point.problem,
                how=point.how,
                num_steps=point.config.num_inner_steps,
                directions="random" if is_random else "path",
                resolution=11,
            )
            for is_random in (False, True)
        )
        return path.explained, float(np.ptp(random.mean_query_loss) / np.ptp(path.mean_query_loss))

    names = ("share of the path within its plane", "variation over a random plane over that over the path's")
    return _figures(_points(trained["sinusoid"]), shares, names)


_MEASURES: Mapping[str, Callable[[Mapping[str, TrainedSetup]], Measured]] = {
    "alpha-curvature": _alpha_curvature,
    "first-order": _first_order,
    "reptile-one-step": _reptile_one_step,
    "coherence": _coherence,
    "task-vectors": _task_vectors,
    "number-of-tasks": _number_of_tasks,
    "label-orders": _label_orders,
    "memorisation": _memorisation,
    "outside-the-range": _outside_the_range,
    "body-reuse": _body_reuse,
    "batch-norm": _batch_norm,
    "more-steps": _more_steps,
    "flat-ends": _flat_ends,
    "path-plane": _path_plane,
}
