"""What one state looks like: computed from a state and a `View`, in plain numpy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from maml_core.baselines import evaluate_baseline, initial, repeated, scratch_evaluation
from maml_core.config import RunConfig, learns_rates, replace
from maml_core.evaluation import evaluate, summarize
from maml_core.inner import adapt
from maml_core.landscape import explained, fit_plane, flat, project
from maml_core.normalization import at_step, predict
from maml_core.params import over_tasks
from maml_core.problem import Problem, build_problem, held_out_tasks, torch_dtype
from maml_core.records import Floats, InnerPaths, LearnedRates, Plane, Snapshot, Summary, TaskFit, View
from maml_core.rng import Stream
from maml_core.runs import Learner, RunState, inner_curvature, rule
from maml_core.tasks.family import draw_tasks, probe_inputs
from maml_core.types import Examples, Params, Rates

GRID_POINTS = 121
PATH_TASKS = 8


def snapshot(config: RunConfig, state: RunState, view: View, *, problem: Problem | None = None) -> Snapshot:
    """Everything that `view` asks for, at theta_0 of `state`. Changes nothing."""
    problem = problem or build_problem(config)
    return Snapshot(
        step=state.step,
        fit=_fit(config, state.meta, view, problem) if view.fit and problem.family.num_inputs == 1 else None,
        trajectories=_trajectories(config, state, view, problem) if view.trajectories else {},
        paths=_paths(config, state.meta, view, problem) if view.paths else None,
        curvature=inner_curvature(config, problem, state.meta) if view.curvature else None,
        rates=_rates(state.meta.rates) if view.rates and learns_rates(config) else None,
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
    keeps = problem is build_problem(config)  # of the caller's own problem nothing is kept
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


def _fit(config: RunConfig, learner: Learner, view: View, problem: Problem) -> TaskFit:
    """theta_0..theta_K on the demonstration task, K the larger of N and N_eval."""
    family, dtype = problem.family, torch_dtype(config)
    task = draw_tasks(
        family,
        seed=config.evaluation_seed,
        stream=Stream.DEMO_TASK,
        index=view.task_draw,
        num_tasks=1,
        shots=config.shots,
        num_query=config.num_query,
        dtype=dtype,
    )
    if view.task_parameters is not None:  # the same points (and noise), another curve through them
        chosen = torch.tensor([view.task_parameters], dtype=dtype)
        task = task._replace(
            support=_moved(family.target, task.support, task.parameters, chosen),
            query=_moved(family.target, task.query, task.parameters, chosen),
            parameters=chosen,
        )
    grid = probe_inputs(family, GRID_POINTS, dtype)

    how = rule(config, problem, learner)

    def seen(step: int, theta: Params) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        def prediction(x: torch.Tensor) -> torch.Tensor:
            return predict(
                problem.model, theta, x, step=step, normalization=how.normalization, support_x=task.support.x
            )

        with torch.no_grad():
            return (
                prediction(grid)[0, :, 0],
                problem.loss(prediction(task.support.x), task.support.y)[0],
                problem.loss(prediction(task.query.x), task.query.y)[0],
            )

    num_steps = max(config.num_inner_steps, config.evaluation_steps)
    with torch.no_grad():
        adapted = adapt(
            learner.theta,
            task.support,
            model=problem.model,
            loss=problem.loss,
            num_steps=num_steps,
            order="first",
            record=lambda step, theta: (theta, *seen(step, theta)),
            **how._asdict(),
        )
        theta_n = adapted.records[config.num_inner_steps][0]
        dead = bool(problem.model.is_dead(at_step(theta_n, config.num_inner_steps), grid)[0])
    return TaskFit(
        parameters=task.parameters[0].double().numpy(),
        grid=_floats(grid[0, :, 0]),
        truth=_floats(family.target(task.parameters, grid)[0, :, 0]),
        curves=_floats(torch.stack([curve for _, curve, _, _ in adapted.records])),
        support_x=_floats(task.support.x[0, :, 0]),
        support_y=_floats(task.support.y[0, :, 0]),
        query_x=_floats(task.query.x[0, :, 0]),
        query_y=_floats(task.query.y[0, :, 0]),
        support_loss=_floats(torch.stack([support for _, _, support, _ in adapted.records])),
        query_loss=_floats(torch.stack([query for _, _, _, query in adapted.records])),
        dead=dead,
    )


def _moved(target, examples: Examples, old: torch.Tensor, new: torch.Tensor) -> Examples:  # type: ignore[no-untyped-def]
    return Examples(examples.x, examples.y - target(old, examples.x) + target(new, examples.x))


def _paths(config: RunConfig, learner: Learner, view: View, problem: Problem) -> InnerPaths:
    tasks = held_out_tasks(config, problem, PATH_TASKS)
    how = rule(config, problem, learner).for_tasks(PATH_TASKS)
    with torch.no_grad():
        thetas = torch.stack(
            adapt(
                over_tasks(learner.theta, PATH_TASKS),
                tasks.support,
                model=problem.model,
                loss=problem.loss,
                num_steps=config.num_inner_steps,
                order="first",
                record=lambda _, theta: flat(theta),
                **how._asdict(),
            ).records,
            dim=1,
        )  # [P, N + 1, D]
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
