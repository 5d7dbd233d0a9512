"""What one state looks like: computed from a state and a `View`, in plain numpy."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

from maml_core.baselines import evaluate_baseline, initial, repeated, scratch_evaluation
from maml_core.config import RunConfig, learns_rates, replace
from maml_core.evaluation import evaluate, summarize
from maml_core.fits import task_fit
from maml_core.inner import adapt
from maml_core.landscape import explained, fit_plane, flat, project
from maml_core.params import over_tasks
from maml_core.problem import Problem, build_problem, held_out_tasks
from maml_core.records import Floats, InnerPaths, LayerMoves, LearnedRates, Plane, Snapshot, Summary, View
from maml_core.runs import Learner, RunState, inner_curvature, inner_descent, problem_of, rule
from maml_core.threads import single_threaded
from maml_core.types import Params, Rates

GRID_POINTS = 121
PATH_TASKS = 8

Part = TypeVar("Part")


@single_threaded
def snapshot(config: RunConfig, state: RunState, view: View, *, problem: Problem | None = None) -> Snapshot:
    """Everything that `view` asks for, at theta_0 of `state`. Changes nothing."""
    problem = problem_of(config, state, problem)
    learner, seconds = state.meta, {}

    def part(name: str, wanted: bool, compute: Callable[[], Part]) -> Part | None:
        if not wanted:
            return None
        start = time.thread_time()
        found = compute()
        seconds[name] = time.thread_time() - start
        return found

    shape = part(
        "curvature",
        view.curvature,
        lambda: (inner_curvature(config, problem, learner), inner_descent(config, problem, learner)),
    )
    return Snapshot(
        step=state.step,
        fit=part("fit", view.fit, lambda: task_fit(config, learner, view, problem)),
        trajectories=part("trajectories", view.trajectories, lambda: _trajectories(config, state, view, problem)) or {},
        paths=part("paths", view.paths, lambda: _paths(config, learner, view, problem)),
        curvature=shape[0] if shape is not None else None,
        descent=shape[1] if shape is not None else None,
        rates=part("rates", view.rates and learns_rates(config), lambda: _rates(learner.rates)),
        moves=part("moves", view.moves, lambda: _moves(config, learner, problem)),
        seconds=seconds,
    )


def _rates(rates: Rates) -> LearnedRates:
    names = tuple(rates[0])
    numbers = [[entry[name].double().numpy().ravel() for name in names] for entry in rates]
    low, median, high = (np.array([[np.quantile(part, q) for part in row] for row in numbers]) for q in (0.1, 0.5, 0.9))
    overall = float(np.median(np.concatenate([part for row in numbers for part in row])))
    return LearnedRates(names, low, median, high, overall)


def _trajectories(config: RunConfig, state: RunState, view: View, problem: Problem) -> dict[str, Summary]:
    """The run's theta_0 adapts by its own rule; of the baselines, those that adapt take plain gradient steps of alpha."""
    tasks, num_steps = held_out_tasks(config, problem), config.evaluation_steps
    how = rule(config, problem, state.meta)._asdict()
    found = {"maml": summarize(evaluate(state.meta.theta, tasks, problem=problem, num_steps=num_steps, **how))}
    for name, learner in state.baselines.items():
        if name != "joint" or view.joint_trajectory:
            found[name] = summarize(
                evaluate_baseline(config, name, learner, tasks, problem=problem, num_steps=num_steps)
            )
    # What these two depend on, and nothing else, so that the answers are kept while the rest changes.
    judged = RunConfig(
        tasks=config.tasks,
        model=config.model,
        shots=config.shots,
        num_query=config.num_query,
        weights_seed=config.weights_seed,
        evaluation_seed=config.evaluation_seed,
        evaluation_tasks=config.evaluation_tasks,
        evaluation_steps=config.evaluation_steps,
        batch_norm_treatment=config.batch_norm_treatment,
        dtype=config.dtype,
    )
    keeps = problem is build_problem(config, trained=problem.trained)  # of the caller's own problem nothing is kept
    found["random"] = (_kept_random if keeps else _random_trajectory)(replace(judged, {"alpha": config.alpha}), problem)
    if view.scratch:
        found["scratch"] = (_kept_scratch if keeps else _scratch_level)(judged, problem)
    return found


def _random_trajectory(config: RunConfig, problem: Problem) -> Summary:
    tasks, start = held_out_tasks(config, problem), initial(config, problem)
    return summarize(
        evaluate_baseline(config, "random", start, tasks, problem=problem, num_steps=config.evaluation_steps)
    )


def _scratch_level(config: RunConfig, problem: Problem) -> Summary:
    tasks, theta_0 = held_out_tasks(config, problem), initial(config, problem).theta
    return summarize(repeated(scratch_evaluation(config, theta_0, tasks, problem=problem), config.evaluation_steps))


_kept_random = lru_cache(maxsize=64)(_random_trajectory)
_kept_scratch = lru_cache(maxsize=64)(_scratch_level)


def _inner_thetas(config: RunConfig, learner: Learner, problem: Problem) -> list[Params]:
    """theta_0..theta_N of some held-out tasks, [P, ...] each."""
    tasks = held_out_tasks(config, problem, PATH_TASKS)
    how = rule(config, problem, learner).for_tasks(PATH_TASKS)
    with torch.no_grad():
        return adapt(
            over_tasks(learner.theta, PATH_TASKS),
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            num_steps=config.num_inner_steps,
            order="first",
            record=lambda _, theta: theta,
            **how._asdict(),
        ).records


def _moves(config: RunConfig, learner: Learner, problem: Problem) -> LayerMoves:
    thetas = _inner_thetas(config, learner, problem)
    # Without batch norm's of single steps, which the inner loop leaves alone.
    layers = {layer: [n for n in names if n in thetas[0]] for layer, names in problem.model.layers.items()}
    lengths = []
    for names in layers.values():
        start = flat({name: thetas[0][name] for name in names})
        size = start.norm(dim=1).clamp_min(torch.finfo(start.dtype).tiny)
        lengths.append([(flat({name: theta[name] for name in names}) - start).norm(dim=1) / size for theta in thetas])
    found = np.array([[length.double().numpy() for length in layer] for layer in lengths])  # [layers, N + 1, P]
    low, median, high = np.quantile(np.where(np.isnan(found), np.inf, found), [0.1, 0.5, 0.9], axis=2, method="nearest")
    return LayerMoves(tuple(layers), low.T, median.T, high.T)


def _paths(config: RunConfig, learner: Learner, view: View, problem: Problem) -> InnerPaths:
    thetas = torch.stack([flat(theta) for theta in _inner_thetas(config, learner, problem)], dim=1)  # [P, N + 1, D]
    start = flat(learner.theta)
    moved = (thetas - start)[:, 1:].flatten(0, 1)
    moved = moved[moved.isfinite().all(1)]
    plane = view.plane or _fitted(moved, start, view.previous_plane)
    return InnerPaths(
        paths=project(thetas, plane), theta_0=_floats(start[0]), plane=plane, explained=explained(moved, plane)
    )


def _fitted(moved: torch.Tensor, start: torch.Tensor, previous: Plane | None) -> Plane:
    if len(moved) == 0:  # N = 0 or nothing finite: any plane is as good
        moved = torch.eye(2, start.shape[1], dtype=start.dtype)
    plane = fit_plane(moved, previous)
    return plane if previous is not None else plane._replace(origin=_floats(start[0]))


def _floats(values: torch.Tensor) -> Floats:
    numbers: Floats = values.detach().to(torch.float32).numpy()
    return np.array(numbers)
