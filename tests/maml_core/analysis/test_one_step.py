"""An outer step taken apart, against dense Hessians, against autograd's meta-gradient, and against the step that the engine takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from maml_core.analysis.one_step import one_step
from maml_core.config import GlyphsConfig, LinearConfig, MLPConfig, RunConfig
from maml_core.problem import build_problem, training_tasks
from maml_core.records import Entry, Plane
from maml_core.runs import advance, apply_entry, init_run
from maml_core.schedules import schedule
from tests.maml_core.analysis.dense import SETUPS, DenseTask, dense_task, gradient, row_of
from tests.maml_core.helpers import flat, outer_gradient_at, same, tiny

N = 3

RULES: dict[str, dict[str, Any]] = {
    "second order": {},
    "first order": {"order": "first"},
    "moved": {"algorithm": "reptile"},
    "multi-step loss": {"multi_step_loss": True, "multi_step_epochs": 10},
    "multi-step loss of first order": {"multi_step_loss": True, "multi_step_epochs": 10, "order": "first"},
    "annealed order": {"anneal_order": True, "first_order_epochs": 3},
    "rates of a step": {"per_step_rates": True},
    "rates of a parameter": {"algorithm": "meta_sgd"},
    "matrices": {"algorithm": "meta_curvature"},
    "head alone": {"algorithm": "anil"},
    "clipped": {"clip_norm": 0.01},
    "plain descent": {"outer_optimizer": "sgd"},
    "float32": {"dtype": "float32"},
    "few training tasks": {"num_training_tasks": 5},
    "norm": {
        "model": MLPConfig(hidden_widths=(6,), activation="tanh", batch_norm=True),
        "batch_norm_treatment": "running",
        "per_step_statistics": True,
        "per_step_norm": True,
    },
    "shared head": {
        "tasks": GlyphsConfig(ways=2),
        "model": MLPConfig(hidden_widths=(3,)),
        "head": "shared",
        "shots": 1,
        "num_query": 2,
    },
}


def after(steps: int, **changes: Any) -> tuple[RunConfig, Any]:
    """A run that has taken some steps: its rates are no longer alike, its moments not 0."""
    config = tiny(**{"num_inner_steps": N, "alpha": 0.05, "joint_baseline": False, **changes})
    state, _ = advance(config, init_run(config), num_steps=steps)
    return config, state


def angle(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


@pytest.mark.parametrize("rule", RULES)
def test_its_end_is_the_step_that_the_engine_takes(rule: str) -> None:
    config, state = after(4, **RULES[rule])
    found = one_step(config, build_problem(config), state.meta, step=state.step)
    there, records = advance(config, state, num_steps=1)
    np.testing.assert_array_equal(found.theta_0_after, flat(there.meta.theta))
    assert found.query_loss[:, -1].mean() == pytest.approx(records.query_loss[0], rel=1e-6)
    way = np.array(found.theta_0_after) - flat(state.meta.theta)
    assert found.update_length == pytest.approx(np.linalg.norm(way), rel=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_the_tasks_vectors_make_the_meta_gradient_of_autograd(rule: str) -> None:
    """The way back is walked a factor at a time; autograd goes through all inner steps at once."""
    config, state = after(4, **RULES[rule])
    problem, learner = build_problem(config), state.meta
    size = len(flat(learner.theta))
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((size, 2)))[0].T.astype(np.float32)
    found = one_step(config, problem, learner, step=4, plane=Plane(np.zeros(size, np.float32), basis))
    tolerance = 1e-6 if config.dtype == "float32" else 1e-10
    alone = [
        flat(
            outer_gradient_at(
                config,
                learner.theta,
                learner.rates,
                type(tasks)(
                    *(type(part)(*(v[t : t + 1] for v in part)) for part in tasks[:2]), tasks.parameters[t : t + 1]
                ),
                problem=problem,
                step=4,
                statistics=learner.statistics,
            ).gradient
        )
        for tasks in [training_tasks(config, problem, 4)]
        for t in range(config.meta_batch_size)
    ]
    mean = np.mean(alone, axis=0)
    np.testing.assert_allclose(found.lengths[:, 0], np.linalg.norm(alone, axis=1), rtol=max(tolerance, 1e-9))
    np.testing.assert_allclose(found.agreement, [angle(row, mean) for row in alone], atol=max(tolerance, 1e-9))
    assert found.mean_length == pytest.approx(np.linalg.norm(mean), rel=max(tolerance, 1e-9))
    shadows = [-basis @ (row / np.linalg.norm(row)) for row in [*alone, mean]]
    np.testing.assert_allclose([*found.task_arrows, found.mean_arrow], shadows, atol=2e-6)


def dense_way(task: DenseTask, row: torch.Tensor, alpha: float, weights: tuple[float, ...]) -> list[np.ndarray]:
    """The vector at theta_N..theta_0, and in between behind each factor alone, by dense Hessians."""
    path = task.path(row, alpha, N)
    vector = weights[N] * gradient(task.query, path[N])
    found = [vector]
    for k in reversed(range(N)):
        behind = vector - alpha * torch.autograd.functional.hessian(task.support, path[k]) @ vector
        vector = behind + weights[k] * gradient(task.query, path[k])
        found += [behind, vector]
    return [one.numpy() for one in found]


@pytest.mark.parametrize("rule", ["second order", "multi-step loss"])
@pytest.mark.parametrize("name", SETUPS)
def test_each_factor_turns_and_stretches_as_a_dense_hessian_does(name: str, rule: str) -> None:
    config, state = after(
        2, **{field: getattr(SETUPS[name], field) for field in ("tasks", "model", "shots", "num_query")}, **RULES[rule]
    )
    problem, theta = build_problem(config), state.meta.theta
    found = one_step(config, problem, state.meta, step=2)
    tasks, row = training_tasks(config, problem, 2), row_of(theta)
    weights = schedule(config, 2).step_weights
    assert found.step_weights == weights
    for t in range(config.meta_batch_size):
        dense = dense_task(problem, theta, tasks, t)
        way = dense_way(dense, row, 0.05, (0.0, *weights) if weights else (0.0,) * N + (1.0,))
        path = dense.path(row, 0.05, N)
        np.testing.assert_allclose(found.support_loss[t], [float(dense.support(p)) for p in path], rtol=1e-9)
        np.testing.assert_allclose(found.query_loss[t], [float(dense.query(p)) for p in path], rtol=1e-9)
        assert found.query_gradient[t] == pytest.approx(float(gradient(dense.query, path[N]).norm()), rel=1e-9)
        at = [way[0], *way[2::2]]
        np.testing.assert_allclose(found.lengths[t][::-1], [np.linalg.norm(v) for v in at], rtol=1e-9)
        for k, before, behind in zip(reversed(range(N)), at, way[1::2], strict=False):
            assert found.factor_ratio[t, k] == pytest.approx(np.linalg.norm(behind) / np.linalg.norm(before), rel=1e-9)
            assert found.factor_cosine[t, k] == pytest.approx(angle(behind, before), abs=1e-9)
        assert found.turn[t] == pytest.approx(angle(at[-1], at[0]), abs=1e-9)
        if t == 0:
            size = len(row)
            plane = found.paths.plane
            np.testing.assert_allclose(
                found.arrows[::-1], [-plane.basis @ (v / np.linalg.norm(v)) for v in at], atol=1e-5
            )
            assert plane.basis.shape == (2, size)


def test_what_has_no_factor_says_so() -> None:
    first, moved = (
        one_step(config, build_problem(config), state.meta, step=1)
        for config, state in (after(1, **RULES[rule]) for rule in ("first order", "moved"))
    )
    assert (first.way, moved.way) == ("first", "moved")
    np.testing.assert_array_equal(first.factor_ratio, np.ones((3, N)))
    np.testing.assert_array_equal(first.lengths[:, 0], first.query_gradient)
    assert np.isnan(moved.query_gradient).all()
    assert np.isnan(moved.factor_cosine).all()


def test_the_schedules_of_the_step_hold() -> None:
    """First order for three epochs, second order from then on."""
    config, state = after(4, anneal_order=True, first_order_epochs=2, epoch_steps=2)
    problem = build_problem(config)
    assert [one_step(config, problem, state.meta, step=step).way for step in (3, 4)] == ["first", "second"]


def test_the_numbers_of_the_outer_optimiser() -> None:
    """Plain descent goes straight downhill, beta times as far; clipping shortens what it goes by; Adam at its first step moves every weight by beta."""
    config, state = after(0, outer_optimizer="sgd", beta=0.02)
    plain = one_step(config, build_problem(config), state.meta)
    assert plain.update_cosine == pytest.approx(1.0)
    assert plain.update_length == pytest.approx(0.02 * plain.mean_length)
    clipped_config, clipped_state = apply_entry(
        config, state, Entry(step=0, kind="change", changes={"clip_norm": plain.mean_length / 4.0})
    )
    shorter = one_step(clipped_config, build_problem(clipped_config), clipped_state.meta)
    assert shorter.clip_factor == pytest.approx(0.25)
    assert shorter.update_length == pytest.approx(plain.update_length / 4.0)
    config, state = after(0, beta=0.01)
    adam = one_step(config, build_problem(config), state.meta)
    assert adam.update_length == pytest.approx(0.01 * np.sqrt(len(adam.theta_0_after)), rel=1e-2)
    assert 0.0 < adam.update_cosine < 1.0


def test_a_gradient_of_zero_is_not_clipped() -> None:
    config = tiny(
        tasks=LinearConfig(w_std=0.0), model=MLPConfig(hidden_widths=(), use_bias=False), head="zeroed", clip_norm=1.0
    )
    found = one_step(config, build_problem(config), init_run(config).meta)
    assert (found.mean_length, found.clip_factor) == (0.0, 1.0)


def test_no_inner_step_leaves_the_query_gradient_as_it_is() -> None:
    config, state = after(1, num_inner_steps=0)
    found = one_step(config, build_problem(config), state.meta, step=1)
    assert found.factor_ratio.shape == (3, 0)
    np.testing.assert_array_equal(found.lengths[:, 0], found.query_gradient)


def test_it_changes_nothing_and_repeats_to_the_bit() -> None:
    config, state = after(2)
    before = flat(state.meta.theta)
    found = one_step(config, build_problem(config), state.meta, step=2)
    assert same(found, one_step(config, build_problem(config), state.meta, step=2))
    np.testing.assert_array_equal(before, flat(state.meta.theta))


def test_a_step_that_breaks_is_shown_as_it_is() -> None:
    model = MLPConfig(hidden_widths=(6,), activation="relu")
    config, state = after(0, alpha=100.0, num_inner_steps=20, model=model, dtype="float32")
    found = one_step(config, build_problem(config), state.meta)
    assert not np.isfinite(found.query_loss[:, -1]).all()


def test_an_implicit_gradient_is_not_taken_apart() -> None:
    config = tiny(algorithm="imaml", alpha=0.02)
    problem = build_problem(config)
    with pytest.raises(ValueError, match="solved for where the inner steps end"):
        one_step(config, problem, init_run(config).meta)
