"""A step size of its own at test, and one below 0 in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from maml_core.analysis.looks import look_at_directions
from maml_core.config import RunConfig, changed, replace
from maml_core.errors import ConfigError
from maml_core.evaluation import evaluate, summarize
from maml_core.inner import Adaptation
from maml_core.outer import meta_gradient
from maml_core.prediction import predict
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import Demonstration, TaskFit, View
from maml_core.run_state import rule
from maml_core.runs import advance, init_run
from maml_core.snapshots import snapshot
from tests.maml_core.helpers import linear, prepared, same, tiny
from tests.maml_core.sweeps.helpers import lane_runs, single_run, trained

PLAIN = tiny(alpha=0.02, num_inner_steps=2)
APART = replace(PLAIN, {"test_alpha": 0.07})
THERE = replace(PLAIN, {"alpha": 0.07})


def test_training_has_alpha_and_held_out_tasks_have_theirs() -> None:
    (state, records), (plain, of_plain) = (advance(config, init_run(config), num_steps=5) for config in (APART, PLAIN))
    assert same(state.meta, plain.meta)
    assert same(records.query_loss, of_plain.query_loss)
    problem = build_problem(PLAIN)
    start = init_run(PLAIN).meta
    of_start = evaluate(
        start.theta, held_out_tasks(PLAIN, problem), problem=problem, num_steps=2, how=rule(THERE, problem, start)
    )
    assert records.held_out_after[0] == summarize(of_start).mean[-1]


def test_what_is_shown_and_predicted_is_of_alpha_at_test() -> None:
    state = init_run(PLAIN)
    views = [snapshot(config, state, View(tasks=(Demonstration(),))) for config in (APART, THERE)]
    fits = [view.fits[0] for view in views]
    assert isinstance(fits[0], TaskFit)
    assert isinstance(fits[1], TaskFit)
    assert same(fits[0].curves, fits[1].curves)
    for name in ("maml", "joint", "random"):
        assert same(*(view.trajectories[name] for view in views))
    assert same(views[0].paths, views[1].paths)
    points: tuple[Any, ...] = ([0.1, 0.2], [1.0, 2.0], [0.5])
    assert same(*(predict(config, state, *points) for config in (APART, THERE)))


def test_the_descent_that_is_measured_is_of_training() -> None:
    state = init_run(PLAIN)
    apart, plain = (snapshot(config, state, View(tasks=())).descent for config in (APART, PLAIN))
    assert apart == plain
    assert apart is not None
    assert apart.alpha == 0.02


def test_directions_of_meta_gradients_are_of_training() -> None:
    learner, problem = init_run(PLAIN).meta, build_problem(PLAIN)
    assert same(*(look_at_directions(config, problem, learner) for config in (APART, PLAIN)))


def test_lanes_are_judged_as_their_single_runs() -> None:
    configs = lane_runs({}, {"test_alpha": 0.07}, {"test_alpha": 0.0}, alpha=0.02, num_inner_steps=2)
    found = trained(configs, 3)
    assert found.summaries is not None
    for lane, config in enumerate(configs):
        np.testing.assert_allclose(found.summaries[lane].mean, single_run(config, 3).summary.mean, rtol=1e-9)
    assert len({float(found.query_loss[-1, lane]) for lane in range(3)}) == 1


def test_it_changes_while_a_run_trains() -> None:
    assert changed(PLAIN, {"test_alpha": 0.07}) == APART


@pytest.mark.parametrize("learned", [{"algorithm": "meta_sgd"}, {"per_step_rates": True}])
def test_where_rates_are_learned_it_is_refused(learned: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="learned, at test too"):
        tiny(**learned, test_alpha=0.05)


@pytest.mark.parametrize("algorithm", ["reptile", "imaml"])
def test_who_needs_a_step_size_refuses_one_below_0(algorithm: Any) -> None:
    with pytest.raises(ConfigError, match="needs a step size above 0"):
        tiny(algorithm=algorithm, alpha=-0.01)


def test_below_0_the_meta_gradient_is_that_of_the_closed_form() -> None:
    """P^N (Q theta_N - r) with P = I - alpha A, whatever the sign of alpha."""
    config = linear(alpha=-0.05, num_inner_steps=3)
    problem, theta_0, tasks = prepared(config)
    found = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(-0.05), num_inner_steps=3).gradient
    (name,) = theta_0
    expected = []
    for task in range(len(tasks.support.x)):
        xs, ys, xq, yq = (part[task] for examples in tasks[:2] for part in examples)
        a, b = 2 * xs.T @ xs / len(xs), 2 * xs.T @ ys / len(xs)
        q, r = 2 * xq.T @ xq / len(xq), 2 * xq.T @ yq / len(xq)
        p, theta = torch.eye(len(a), dtype=a.dtype) + 0.05 * a, theta_0[name][0]
        for _ in range(3):
            theta = theta + 0.05 * (a @ theta - b)
        expected.append(torch.linalg.matrix_power(p, 3) @ (q @ theta - r))
    torch.testing.assert_close(found[name][0], torch.stack(expected).mean(0), rtol=1e-8, atol=1e-10)


def test_a_run_that_diverges_while_its_inner_steps_climb_is_told_so() -> None:
    config = RunConfig(alpha=-2.0, num_inner_steps=5, meta_batch_size=2, evaluation_tasks=2, joint_baseline=False)
    state, _ = advance(config, init_run(config), num_steps=20)
    assert state.status.kind == "diverged"
    assert "alpha = -2 the inner steps climb" in state.status.sentence
