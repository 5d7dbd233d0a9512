"""What one state looks like: computed from a state and a `View`, in plain numpy."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch

from maml_core.analysis.layer_changes import layer_moves
from maml_core.analysis.looks import take_look
from maml_core.baselines import evaluate_baseline, initial, repeated
from maml_core.causes import inner_curvature, inner_descent
from maml_core.config import PythonConfig, RunConfig, learns_rates
from maml_core.demonstration import task_fit
from maml_core.evaluation import Evaluation, Form, evaluate, summarize
from maml_core.inner import PathForm
from maml_core.intervals import paired_difference
from maml_core.landscape import flat, inner_paths, inner_thetas
from maml_core.problem import Problem, build_problem, held_out_tasks
from maml_core.records import InnerPaths, LayerMoves, LearnedRates, Numbers, PairedDifference, Snapshot, Summary, View
from maml_core.run_state import Learner, RunState, rule
from maml_core.runs import held_out_form, problem_of
from maml_core.scratch import scratch_evaluation
from maml_core.threads import single_threaded
from maml_core.types import Params, Rates

PATH_TASKS = 8
"""Held-out tasks whose inner paths, and whose layers' moves, are shown."""

Part = TypeVar("Part")


@single_threaded
def snapshot(config: RunConfig, state: RunState, view: View, *, problem: Problem | None = None) -> Snapshot:
    """Everything that `view` asks for, at theta_0 of `state`. Changes nothing."""
    problem = problem_of(config, state, problem)
    learner, form, seconds = state.meta, held_out_form(config, state, problem), {}

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
    found = part("trajectories", view.trajectories, lambda: _trajectories(config, state, view, problem, form))
    trajectories, held_out = found or ({}, None)
    losses, accuracy = _of_tasks(config, held_out) if held_out is not None and view.task_losses else (None, None)
    fits = part(
        "fit", bool(view.tasks), lambda: tuple(task_fit(config, learner, task, problem, form) for task in view.tasks)
    )
    scratch = part("scratch", view.trajectories and view.scratch, lambda: _scratch_trajectory(config, problem))
    return Snapshot(
        step=state.step,
        fits=fits or (),
        trajectories=trajectories if scratch is None else {**trajectories, "scratch": scratch},
        paths=part("paths", view.paths, lambda: _paths(config, learner, view, problem, form)),
        curvature=shape[0] if shape is not None else None,
        descent=shape[1] if shape is not None else None,
        rates=part("rates", view.rates and learns_rates(config), lambda: _rates(learner.rates)),
        moves=part("moves", view.moves, lambda: _moves(config, learner, problem, form)),
        look=part("look", bool(view.look), lambda: take_look(view.look, config, problem, learner, draw=view.look_draw)),
        task_losses=losses,
        task_accuracy=accuracy,
        difference=_difference(losses, view.against),
        accuracy_difference=_difference(accuracy, view.against_accuracy),
        seconds=seconds,
    )


def _rates(rates: Rates) -> LearnedRates:
    names = tuple(rates[0])
    numbers = [[entry[name].double().numpy().ravel() for name in names] for entry in rates]
    low, median, high = (np.array([[np.quantile(part, q) for part in row] for row in numbers]) for q in (0.1, 0.5, 0.9))
    overall = float(np.median(np.concatenate([part for row in numbers for part in row])))
    return LearnedRates(names, low, median, high, overall)


def _trajectories(
    config: RunConfig, state: RunState, view: View, problem: Problem, form: Form | None
) -> tuple[dict[str, Summary], Evaluation]:
    """By learner, and the run's own task by task. Its theta_0 adapts by its own rule; of the baselines, those that adapt take plain gradient
    steps of alpha."""
    tasks, num_steps = held_out_tasks(config, problem), config.evaluation_steps
    how = rule(config, problem, state.meta)
    own = evaluate(state.meta.theta, tasks, problem=problem, num_steps=num_steps, how=how, form=form)
    found = {"maml": summarize(own)}
    for name, learner in state.baselines.items():
        if name != "joint" or view.joint_trajectory:
            found[name] = summarize(
                evaluate_baseline(config, name, learner, tasks, problem=problem, num_steps=num_steps, form=form)
            )
    kept = _judged(config, alpha=config.alpha_at_test, evaluation_steps=num_steps)
    found["random"] = (_kept_random if _is_known(config, problem) else _random_trajectory)(kept, problem)
    return found, own


def _of_tasks(config: RunConfig, held_out: Evaluation) -> tuple[Numbers, Numbers | None]:
    """Losses and accuracies of the tasks after N inner steps, or after the last that was taken, [T] each."""
    after = min(config.num_inner_steps, config.evaluation_steps)
    accuracy = held_out.accuracy[after, 0].double().numpy() if held_out.accuracy is not None else None
    return held_out.query_loss[after, 0].double().numpy(), accuracy


def _difference(own: Numbers | None, against: Numbers | None) -> PairedDifference | None:
    return paired_difference(own, against) if own is not None and against is not None else None


def _judged(config: RunConfig, **also: Any) -> RunConfig:
    """What the levels of untrained weights depend on, and nothing else, so that the answers are kept while the rest changes."""
    return RunConfig(
        tasks=config.tasks,
        model=config.model,
        shots=config.shots,
        num_query=config.num_query,
        weights_seed=config.weights_seed,
        evaluation_seed=config.evaluation_seed,
        evaluation_tasks=config.evaluation_tasks,
        batch_norm_treatment=config.batch_norm_treatment,
        dtype=config.dtype,
        **also,
    )


def _is_known(config: RunConfig, problem: Problem) -> bool:
    """Whether the config names the problem, or the code that makes it once a process; of a caller's own nothing is kept."""
    return isinstance(config.tasks, PythonConfig) or problem is build_problem(config, trained=problem.trained)


def _random_trajectory(config: RunConfig, problem: Problem) -> Summary:
    tasks, start = held_out_tasks(config, problem), initial(config, problem)
    return summarize(
        evaluate_baseline(config, "random", start, tasks, problem=problem, num_steps=config.evaluation_steps)
    )


def _scratch_trajectory(config: RunConfig, problem: Problem) -> Summary:
    """A level: it is trained once, however many inner steps it is drawn over."""
    trained = (_kept_scratch if _is_known(config, problem) else _scratch_end)(_judged(config), problem)
    return summarize(repeated(trained, config.evaluation_steps))


def _scratch_end(config: RunConfig, problem: Problem) -> Evaluation:
    tasks, theta_0 = held_out_tasks(config, problem), initial(config, problem).theta
    return scratch_evaluation(config, theta_0, tasks, problem=problem)


_kept_random = lru_cache(maxsize=64)(_random_trajectory)
_kept_scratch = lru_cache(maxsize=64)(_scratch_end)


def _inner_thetas(config: RunConfig, learner: Learner, problem: Problem, form: PathForm | None) -> tuple[Params, ...]:
    """theta_0..theta_N of some held-out tasks, [P, ...] each."""
    return inner_thetas(
        learner.theta,
        held_out_tasks(config, problem, PATH_TASKS),
        problem=problem,
        how=rule(config, problem, learner),
        num_steps=config.num_inner_steps,
        form=form,
    )


def _moves(config: RunConfig, learner: Learner, problem: Problem, form: PathForm | None) -> LayerMoves:
    thetas = _inner_thetas(config, learner, problem, form)
    moves = [layer_moves(problem.model, thetas[0], theta) for theta in thetas]
    found = np.array([list(at_step.values()) for at_step in moves])  # [N + 1, layers, P]
    low, median, high = np.quantile(np.where(np.isnan(found), np.inf, found), [0.1, 0.5, 0.9], axis=2, method="nearest")
    return LayerMoves(tuple(moves[0]), low, median, high)


def _paths(config: RunConfig, learner: Learner, view: View, problem: Problem, form: PathForm | None) -> InnerPaths:
    found = _inner_thetas(config, learner, problem, form)
    thetas = torch.stack([flat(theta) for theta in found], dim=1)  # [P, N + 1, D]
    return inner_paths(thetas, flat(learner.theta), plane=view.plane, previous=view.previous_plane)
