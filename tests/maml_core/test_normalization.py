"""Batch norm: whose statistics a prediction uses, and what belongs to a single inner step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from maml_core.causes import inner_curvature
from maml_core.config import MLPConfig, RunConfig, replace
from maml_core.errors import ConfigError, StateError
from maml_core.evaluation import evaluate
from maml_core.inner import Adaptation, adapt
from maml_core.landscape import largest_eigenvalues
from maml_core.losses import mse
from maml_core.models.mlp import NORM_EPS
from maml_core.normalization import BY_BATCH, Normalization, at_step, averaged, predict
from maml_core.outer import meta_gradient
from maml_core.params import over_tasks
from maml_core.problem import build_problem, held_out_tasks, training_tasks
from maml_core.records import Entry, View
from maml_core.run_state import rule
from maml_core.runs import advance, init_run, replay
from maml_core.snapshots import snapshot
from maml_core.state_bytes import check_state
from maml_core.types import Examples, Tasks
from tests.maml_core.helpers import same, task_slice, tiny

MODEL = MLPConfig(hidden_widths=(6, 5), activation="tanh", batch_norm=True)
RUNNING: dict[str, Any] = {"model": MODEL, "batch_norm_treatment": "running"}
PER_STEP: dict[str, Any] = {**RUNNING, "per_step_statistics": True, "per_step_norm": True, "num_inner_steps": 2}


def with_batch_norm(**changes: Any) -> RunConfig:
    return tiny(**{"model": MODEL, "num_inner_steps": 2, "alpha": 0.05, **changes})


def trained(config: RunConfig, num_steps: int = 30) -> Any:
    return advance(config, init_run(config), num_steps=num_steps)[0].meta


def losses(config: RunConfig, tasks: Tasks, learner: Any, num_steps: int = 2) -> np.ndarray:
    problem = build_problem(config)
    how = rule(config, problem, learner)
    return evaluate(learner.theta, tasks, problem=problem, num_steps=num_steps, how=how).query_loss.numpy()


def queries_cut(tasks: Tasks, count: int) -> Tasks:
    return tasks._replace(query=Examples(tasks.query.x[:, :count], tasks.query.y[:, :count]))


def predictions(config: RunConfig, learner: Any, tasks: Tasks) -> torch.Tensor:
    """What theta_2 predicts for the query points."""
    problem = build_problem(config)
    how = rule(config, problem, learner).for_tasks(len(tasks.support.x))
    with torch.no_grad():
        theta = adapt(
            over_tasks(learner.theta, len(tasks.support.x)),
            tasks.support,
            model=problem.model,
            loss=mse,
            num_steps=2,
            order="first",
            how=how,
        ).theta
        return predict(
            problem.model,
            theta,
            tasks.query.x,
            step=2,
            normalization=how.normalization,
            support_x=tasks.support.x,
        )


def test_the_network_equals_torchs_own_batch_norm() -> None:
    config = with_batch_norm()
    problem = build_problem(config)
    theta = problem.model.init(3, torch.float64)
    assert "b0" not in theta
    generator = torch.Generator().manual_seed(1)
    theta = {
        name: value + 0.3 * torch.randn(value.shape, generator=generator, dtype=value.dtype)
        for name, value in theta.items()
    }
    x = training_tasks(config, problem, 0).query.x[:1]
    hidden = x[0]
    for layer in range(2):
        hidden = hidden @ theta[f"w{layer}"][0]
        hidden = functional.batch_norm(
            hidden, None, None, theta[f"scale{layer}"][0], theta[f"shift{layer}"][0], training=True, eps=NORM_EPS
        ).tanh()
    expected = hidden @ theta["w2"][0] + theta["b2"][0]
    torch.testing.assert_close(problem.model.apply(theta, x)[0], expected, rtol=0, atol=1e-12)


def test_statistics_given_in_theta_take_the_place_of_the_batchs_own() -> None:
    problem = build_problem(with_batch_norm())
    theta = problem.model.init(0, torch.float64)
    x = torch.linspace(-3, 3, 7, dtype=torch.float64).view(1, 7, 1)
    own = problem.model.statistics(theta, x)
    assert sorted(own) == ["mean0", "mean1", "var0", "var1"]
    torch.testing.assert_close(problem.model.apply({**theta, **own}, x), problem.model.apply(theta, x), rtol=0, atol=0)
    one = problem.model.apply({**theta, **own}, x[:, :1])
    torch.testing.assert_close(one, problem.model.apply(theta, x)[:, :1], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("treatment", "inductive"), [("batch", False), ("support", True), ("running", True)])
def test_only_the_inductive_treatments_judge_a_query_alone(treatment: str, inductive: bool) -> None:
    config = with_batch_norm(batch_norm_treatment=treatment)
    learner = trained(config)
    tasks = held_out_tasks(config, build_problem(config))
    all_at_once, few = predictions(config, learner, tasks), predictions(config, learner, queries_cut(tasks, 2))
    assert torch.allclose(all_at_once[:, :2], few, rtol=0, atol=1e-12) == inductive


@pytest.mark.parametrize("treatment", ["batch", "support", "running"])
def test_tasks_do_not_leak_into_each_other(treatment: str) -> None:
    """Trap 10."""
    config = with_batch_norm(batch_norm_treatment=treatment)
    learner = trained(config)
    tasks = held_out_tasks(config, build_problem(config))
    alone = losses(config, task_slice(tasks, [1]), learner)
    np.testing.assert_allclose(alone[..., 0], losses(config, tasks, learner)[..., 1], rtol=1e-12)


@pytest.mark.parametrize("settings", [RUNNING, PER_STEP], ids=["one average", "one a step"])
def test_evaluation_changes_no_average(settings: dict[str, Any]) -> None:
    """Trap 4."""
    config = with_batch_norm(**settings)
    learner = trained(config, 3)
    kept = {name: value.clone() for name, value in learner.statistics.items()}
    losses(config, held_out_tasks(config, build_problem(config)), learner, num_steps=6)
    assert same(learner.statistics, kept)


def test_running_averages_follow_the_tasks_of_every_step() -> None:
    """After each outer step: old + momentum (mean over tasks of mean and variance at theta_k - old), a set for every k; in the inner loop
    the old ones normalise.
    """
    config = with_batch_norm(**PER_STEP, norm_momentum=0.25)
    problem, start = build_problem(config), init_run(config)
    state, _ = advance(config, start, num_steps=1)
    tasks = training_tasks(config, problem, 0)
    thetas = adapt(
        over_tasks(start.meta.theta, 3),
        tasks.support,
        model=problem.model,
        loss=mse,
        how=Adaptation(config.alpha, normalization=Normalization("running", over_tasks(start.meta.statistics, 3))),
        num_steps=2,
        order="first",
        record=lambda _, theta: theta,
    ).records
    points = torch.cat([tasks.support.x, tasks.query.x], dim=1)
    for k, theta in enumerate(thetas):
        standing = at_step({**theta, **over_tasks(start.meta.statistics, 3)}, k)
        for name, value in problem.model.statistics(standing, points).items():
            begin = 1.0 if name.startswith("var") else 0.0
            expected = begin + 0.25 * (value.mean(0) - begin)
            torch.testing.assert_close(state.meta.statistics[f"steps/{name}"][0, k], expected, rtol=0, atol=1e-12)


def test_averages_of_single_steps_differ_and_change_the_result() -> None:
    """The released MAML++ code stores them and never uses them."""
    config = with_batch_norm(**PER_STEP, beta=0.01)
    learner = trained(config, 40)
    means = learner.statistics["steps/mean1"]
    assert means.shape == (1, 3, 5)
    assert not torch.allclose(means[0, 0], means[0, 2], atol=1e-4)
    tasks = held_out_tasks(config, build_problem(config))
    moved = learner._replace(
        statistics={
            name: torch.cat([value[:, :2], value[:, 2:] + 0.5], 1) for name, value in learner.statistics.items()
        }
    )
    before, after = losses(config, tasks, learner), losses(config, tasks, moved)
    assert same(before[:2], after[:2])
    assert not np.isclose(before[2], after[2]).any()


def test_scales_of_single_steps_are_learned_and_the_inner_loop_leaves_them_alone() -> None:
    config = with_batch_norm(per_step_norm=True)
    problem, start = build_problem(config), init_run(config)
    assert start.meta.theta["steps/scale0"].shape == (1, 3, 6)
    learner = trained(config, 20)
    scales = learner.theta["steps/scale1"][0]
    assert not torch.allclose(scales[0], scales[2])
    tasks = training_tasks(config, problem, 0)
    adapted = adapt(
        over_tasks(learner.theta, 3),
        tasks.support,
        model=problem.model,
        loss=mse,
        how=Adaptation(0.1),
        num_steps=2,
        order="first",
    ).theta
    assert all(torch.equal(adapted["steps/scale1"][task], scales) for task in range(3))
    assert not torch.equal(adapted["w0"][0], learner.theta["w0"][0])


def test_the_scale_of_a_step_gets_the_gradient_of_its_own_step() -> None:
    """First order and the last query loss only: nothing but the last step's scale and shift can matter."""
    config = with_batch_norm(per_step_norm=True)
    problem = build_problem(config)
    found = meta_gradient(
        init_run(config).meta.theta,
        training_tasks(config, problem, 0),
        problem=problem,
        how=Adaptation(0.05),
        num_inner_steps=2,
        order="first",
    ).gradient["steps/scale1"][0]
    assert (found[:2] == 0.0).all()
    assert (found[2] != 0.0).all()


def test_steps_beyond_the_trained_ones_repeat_the_last() -> None:
    """Trap 12."""
    theta = {"steps/scale0": torch.arange(3.0).view(1, 3, 1), "w0": torch.ones(1, 2)}
    assert [float(at_step(theta, step)["scale0"]) for step in (0, 1, 2, 3, 9)] == [0.0, 1.0, 2.0, 2.0, 2.0]
    assert at_step(theta, 0)["w0"] is theta["w0"]


def test_one_average_for_all_steps_is_moved_by_their_mean() -> None:
    running = {"steps/mean0": torch.zeros(1, 1, 2)}
    moved = averaged(running, {"steps/mean0": torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])}, 0.5)
    assert moved["steps/mean0"].tolist() == [[[1.0, 2.0]]]


def test_a_run_with_fewer_steps_leaves_the_other_averages() -> None:
    running = {"steps/mean0": torch.zeros(1, 3, 1)}
    moved = averaged(running, {"steps/mean0": torch.ones(1, 2, 1)}, 0.5)
    assert moved["steps/mean0"].flatten().tolist() == [0.5, 0.5, 0.0]


def test_a_change_of_n_keeps_the_sets_there_are() -> None:
    config = with_batch_norm(**PER_STEP)
    for steps in (1, 4):
        _, state, _ = replay(config, [Entry(step=2, kind="change", changes={"num_inner_steps": steps})], num_steps=5)
        assert state.meta.statistics["steps/mean0"].shape[1] == 3
        check_state(state, replace(config, {"num_inner_steps": steps}), build_problem(config))


def test_a_roll_back_brings_the_averages_back() -> None:
    config = with_batch_norm(**RUNNING)
    state, _ = advance(config, init_run(config), num_steps=100)
    good = state.good.meta.statistics
    hot = replace(config, {"outer_optimizer": "sgd", "beta": 100.0})
    state = state._replace(meta=state.meta._replace(theta={k: v * 1e200 for k, v in state.meta.theta.items()}))
    after, _ = advance(hot, state, num_steps=1)
    assert after.status.kind == "diverged"
    assert same(after.meta.statistics, good)


def test_the_drawn_fit_uses_the_treatment() -> None:
    config = with_batch_norm(batch_norm_treatment="running")
    state, _ = advance(config, init_run(config), num_steps=5)
    fit = snapshot(config, state, View()).fit
    other = snapshot(replace(config, {"batch_norm_treatment": "batch"}), state, View()).fit
    assert fit is not None
    assert other is not None
    assert not np.allclose(fit.curves, other.curves)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": MLPConfig(), "batch_norm_treatment": "support"}, "batch_norm_treatment"),
        ({"model": MLPConfig(), "batch_norm_treatment": "running"}, "batch_norm_treatment"),
        ({"model": MLPConfig(), "per_step_norm": True}, "per_step_norm"),
        ({"batch_norm_treatment": "support", "per_step_statistics": True}, "per_step_statistics"),
        ({"per_step_norm": True, "num_inner_steps": 0}, "num_inner_steps"),
    ],
    ids=str,
)
def test_what_cannot_act_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_batch_norm(**changes)
    assert caught.value.field == field


def test_batch_norm_needs_something_to_normalise() -> None:
    with pytest.raises(ConfigError, match="no hidden layer"):
        MLPConfig(hidden_widths=(), batch_norm=True)


@pytest.mark.parametrize("name", ["per_step_norm", "batch_norm_treatment"])
def test_a_state_without_what_the_config_asks_for_is_refused(name: str) -> None:
    config = with_batch_norm()
    asking = replace(config, {name: {"per_step_norm": True, "batch_norm_treatment": "running"}[name]})
    with pytest.raises(StateError, match="the config says otherwise"):
        check_state(init_run(config), asking, build_problem(asking))


def test_the_treatment_by_batch_needs_no_support() -> None:
    problem = build_problem(with_batch_norm())
    theta = problem.model.init(0, torch.float64)
    x = torch.linspace(-3, 3, 7, dtype=torch.float64).view(1, 7, 1)
    by_batch = predict(problem.model, theta, x, step=0, normalization=BY_BATCH, support_x=x[:, :3])
    by_support = predict(problem.model, theta, x, step=0, normalization=Normalization("support"), support_x=x[:, :3])
    assert torch.equal(by_batch, problem.model.apply(theta, x))
    assert not torch.allclose(by_batch, by_support)


def test_the_curvature_is_measured_under_the_running_averages() -> None:
    config = with_batch_norm(**RUNNING)
    problem, learner = build_problem(config), trained(config)
    tasks = task_slice(held_out_tasks(config, problem), [0])
    how = rule(config, problem, learner)
    found = largest_eigenvalues(learner.theta, tasks, problem=problem, how=how, num_iterations=50)
    names = list(learner.theta)
    standing = at_step(dict(learner.statistics), 0)

    def loss(*values: torch.Tensor) -> torch.Tensor:
        theta = {**dict(zip(names, values, strict=True)), **standing}
        return mse(problem.model.apply(theta, tasks.support.x), tasks.support.y).sum()

    blocks = torch.autograd.functional.hessian(loss, tuple(learner.theta.values()))
    sizes = [value.numel() for value in learner.theta.values()]
    rows = [torch.cat([block.reshape(size, -1) for block in row], 1) for row, size in zip(blocks, sizes, strict=True)]
    expected = torch.linalg.eigvalsh(torch.cat(rows))[-1]
    assert float(found) == pytest.approx(float(expected), rel=1e-6)
    by_batch = largest_eigenvalues(learner.theta, tasks, problem=problem, num_iterations=50)
    assert float(by_batch) != pytest.approx(float(expected), rel=1e-3)
    assert inner_curvature(replace(config, {"evaluation_tasks": 2}), problem, learner).median > 0.0
