"""Values that several parts rest on, each by a way of its own: groups of tasks, cuts, planes, residuals, anchors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maml_core.config import ConvConfig, GlyphsConfig, RunConfig
from maml_core.evaluation import in_groups
from maml_core.implicit import implicit_gradient
from maml_core.inner import adapt
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import View
from maml_core.runs import init_run
from maml_core.snapshots import PATH_TASKS, snapshot
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.reading import differs, read
from maml_core.sweeps.results import LaneResult, SettingResult, judged
from maml_core.sweeps.space import Setting, SweepConfig
from tests.maml_core.helpers import prepared, same, task_slice, tiny


def test_every_group_of_image_tasks_is_another() -> None:
    config = RunConfig(tasks=GlyphsConfig(), model=ConvConfig(num_filters=4), shots=1, num_query=1, evaluation_tasks=60)
    first, second = in_groups(config, build_problem(config))
    assert (len(first.parameters), len(second.parameters)) == (50, 10)
    assert not same(first.parameters[:10], second.parameters)
    assert not same(first.query.x[:10], second.query.x)


def at(number: int, value: float, ci95: float = 0.3) -> SettingResult:
    gone = not math.isfinite(value)
    lane = LaneResult(0, "diverged" if gone else "ok", 9, value, ci95, 3.0, math.nan, math.nan, 0.0, 0.0, math.nan)
    return judged(ALPHAS, Setting(number, {"alpha": ALPHAS.axes[0].values[number]}), [lane], done=True)


ALPHAS = SweepConfig(axes=(Axis(name="alpha", values=tuple(0.01 * (k + 1) for k in range(12))),), num_steps=9)


def test_two_settings_differ_by_more_than_their_intervals_together() -> None:
    """Of two intervals of 0.3 the difference has one of 0.424: wider than either."""
    assert not differs(at(0, 1.0), at(1, 1.41), ALPHAS)
    assert differs(at(0, 1.0), at(1, 1.43), ALPHAS)


def test_a_cut_must_be_rarer_the_more_cuts_were_tried() -> None:
    """Three of twelve diverge, the last three: 1 in 220 for one cut, and eleven were tried."""
    results = [at(number, math.inf if number >= 9 else 0.5) for number in range(12)]
    assert "25% of the settings diverge (3 of 12)." in read(ALPHAS, results)


def test_with_one_inner_step_the_plane_is_that_of_the_first_step() -> None:
    config = tiny(num_inner_steps=1, evaluation_tasks=PATH_TASKS)
    problem, state = build_problem(config), init_run(config)
    found = snapshot(config, state, View(fit=False, trajectories=False, curvature=False), problem=problem).paths
    assert found is not None
    tasks = held_out_tasks(config, problem, PATH_TASKS)
    theta_0 = {name: value.expand(PATH_TASKS, *value.shape[1:]) for name, value in state.meta.theta.items()}
    theta_1 = adapt(
        theta_0,
        tasks.support,
        model=problem.model,
        loss=problem.loss,
        alpha=config.alpha,
        num_steps=1,
        order="first",
    ).theta
    moved = torch.cat([(theta_1[name] - theta_0[name]).flatten(1) for name in theta_0], dim=1).detach().numpy()
    squares = np.linalg.svd(moved, compute_uv=False) ** 2
    assert found.explained == pytest.approx(squares[:2].sum() / squares.sum(), rel=1e-5)


def test_the_residual_is_that_of_the_worst_task() -> None:
    problem, theta_0, tasks = prepared(tiny(meta_batch_size=4))

    def residual(some: object) -> float:
        found = implicit_gradient(
            theta_0,
            some,  # type: ignore[arg-type]
            problem=problem,
            alpha=0.01,
            num_inner_steps=3,
            proximal=1.0,
            num_solver_steps=2,
        ).residual
        assert found is not None
        return float(found[0])

    alone = [residual(task_slice(tasks, [task])) for task in range(len(tasks.parameters))]
    assert max(alone) > 1.05 * float(np.mean(alone))
    assert residual(tasks) == pytest.approx(max(alone), rel=1e-9)


def test_the_residual_stops_at_rounding() -> None:
    """In float32 the recursion's own falls to 1e-20 while the system's is some 1e-7."""
    problem, theta_0, tasks = prepared(tiny(dtype="float32"))
    found = implicit_gradient(
        theta_0,
        tasks,
        problem=problem,
        alpha=0.005,
        num_inner_steps=5,
        proximal=50.0,
        num_solver_steps=100,
    ).residual
    assert found is not None
    assert 1e-9 < float(found[0]) < 1e-4


def test_the_anchor_of_the_proximal_term_is_differentiated_in_second_order() -> None:
    """Against central differences of the sum over theta_2."""
    problem, theta_0, tasks = prepared(tiny())
    num_tasks = len(tasks.parameters)

    def end(theta: dict[str, torch.Tensor]) -> torch.Tensor:
        found = adapt(
            {name: value.expand(num_tasks, *value.shape[1:]) for name, value in theta.items()},
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            alpha=0.05,
            num_steps=3,
            order="second",
            proximal=2.0,
        ).theta
        return torch.stack([value.square().sum() for value in found.values()]).sum()

    leaves = {name: value.detach().clone().requires_grad_() for name, value in theta_0.items()}
    gradients = torch.autograd.grad(end(leaves), list(leaves.values()))
    rng = np.random.default_rng(0)
    ways = {name: torch.tensor(rng.standard_normal(value.shape)) for name, value in theta_0.items()}
    slope = sum(float((g * ways[name]).sum()) for name, g in zip(leaves, gradients, strict=True))
    h = 1e-5
    ahead, behind = (
        float(end({name: (value + sign * h * ways[name]).requires_grad_() for name, value in theta_0.items()}).detach())
        for sign in (1.0, -1.0)
    )
    assert slope == pytest.approx((ahead - behind) / (2.0 * h), rel=1e-5)
