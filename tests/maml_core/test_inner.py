"""The one inner loop: exact against linear regression, and its invariants."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maml_core.evaluation import evaluate
from maml_core.implicit import implicit_gradient
from maml_core.inner import Adaptation, adapt
from maml_core.landscape import curvatures
from maml_core.losses import mse
from maml_core.outer import meta_gradient, reptile_gradient
from maml_core.params import over_tasks
from tests.maml_core.helpers import TOLERANCE, flat, linear, prepared, quadratic, same, task_slice, tiny

Order = Literal["second", "first"]


@pytest.mark.parametrize("num_steps", [0, 1, 2, 5, 10])
@pytest.mark.parametrize("order", ["second", "first"])
def test_theta_n_of_linear_regression_is_the_closed_form(num_steps: int, order: Order) -> None:
    config = linear()
    problem, theta_0, tasks = prepared(config)
    start = {name: value.requires_grad_() for name, value in over_tasks(theta_0, config.meta_batch_size).items()}
    theta_n = adapt(
        start, tasks.support, model=problem.model, loss=mse, how=Adaptation(0.1), num_steps=num_steps, order=order
    ).theta
    for task in range(config.meta_batch_size):
        expected = quadratic(tasks, task).adapted(flat(theta_0), 0.1, num_steps)
        np.testing.assert_allclose(theta_n["w0"][task, :, 0].detach().numpy(), expected, rtol=0, atol=TOLERANCE)


def test_records_are_of_theta_0_to_theta_n_in_order() -> None:
    """Trap 5: the value before the update reported as the one after it."""
    config = linear(meta_batch_size=1)
    problem, theta_0, tasks = prepared(config)
    adapted = adapt(
        theta_0,
        tasks.support,
        model=problem.model,
        loss=mse,
        how=Adaptation(0.1),
        num_steps=4,
        order="first",
        record=lambda _, theta: theta,
    )
    assert len(adapted.records) == 5
    for k, theta_k in enumerate(adapted.records):
        expected = quadratic(tasks, 0).adapted(flat(theta_0), 0.1, k)
        np.testing.assert_allclose(flat(theta_k), expected, rtol=0, atol=TOLERANCE)
    assert same(adapted.records[-1], adapted.theta)


def test_nothing_is_recorded_unless_asked() -> None:
    problem, theta_0, tasks = prepared(tiny(meta_batch_size=1))
    assert (
        adapt(
            theta_0, tasks.support, model=problem.model, loss=mse, how=Adaptation(0.1), num_steps=2, order="first"
        ).records
        == []
    )


@pytest.mark.parametrize("order", ["second", "first"])
def test_adapting_changes_neither_theta_0_nor_the_random_state(order: Order) -> None:
    """Trap 4."""
    problem, theta_0, tasks = prepared(tiny())
    start = {name: value.requires_grad_() for name, value in over_tasks(theta_0, 3).items()}
    before = {name: value.detach().clone() for name, value in start.items()}
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    adapt(start, tasks.support, model=problem.model, loss=mse, how=Adaptation(0.5), num_steps=3, order=order)
    assert same(start, before)
    assert all(value.grad is None for value in start.values() if value.is_leaf)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert same(np.random.get_state()[1], numpy_state[1])  # noqa: NPY002


@pytest.mark.parametrize("order", ["second", "first"])
def test_plain_parameters_can_be_adapted_in_either_order(order: Order) -> None:
    """Whoever only wants theta_N need not ask for gradients of theta_0."""
    config = linear(meta_batch_size=1)
    problem, theta_0, tasks = prepared(config)
    theta_n = adapt(
        theta_0, tasks.support, model=problem.model, loss=mse, how=Adaptation(0.1), num_steps=2, order=order
    ).theta
    np.testing.assert_allclose(
        flat(theta_n), quadratic(tasks, 0).adapted(flat(theta_0), 0.1, 2), rtol=0, atol=TOLERANCE
    )


@given(num_steps=st.integers(0, 4), alpha=st.floats(0.0, 1.0))
def test_no_step_or_no_step_size_leaves_theta_0(num_steps: int, alpha: float) -> None:
    problem, theta_0, tasks = prepared(tiny(meta_batch_size=1))
    for n, a in ((0, alpha), (num_steps, 0.0)):
        assert same(
            adapt(
                theta_0, tasks.support, model=problem.model, loss=mse, how=Adaptation(a), num_steps=n, order="first"
            ).theta,
            theta_0,
        )


def test_a_step_size_that_is_not_zero_moves_theta() -> None:
    problem, theta_0, tasks = prepared(tiny(meta_batch_size=1))
    assert not same(
        adapt(
            theta_0, tasks.support, model=problem.model, loss=mse, how=Adaptation(1e-3), num_steps=1, order="first"
        ).theta,
        theta_0,
    )


@given(factor=st.floats(0.01, 100.0), num_steps=st.integers(1, 5))
def test_a_larger_loss_with_a_smaller_alpha_takes_the_same_path(factor: float, num_steps: int) -> None:
    """Trap 9: a sum and a mean differ by such a factor."""
    problem, theta_0, tasks = prepared(tiny(meta_batch_size=1))

    def path(scale: float) -> list[np.ndarray]:
        return adapt(
            theta_0,
            tasks.support,
            model=problem.model,
            loss=lambda prediction, target: scale * mse(prediction, target),
            how=Adaptation(0.05 / scale),
            num_steps=num_steps,
            order="first",
            record=lambda _, theta: flat(theta),
        ).records

    np.testing.assert_allclose(path(factor), path(1.0), rtol=1e-9, atol=1e-9)


def test_all_tasks_at_once_equal_one_after_the_other() -> None:
    config = tiny()
    problem, theta_0, tasks = prepared(config)
    together = adapt(
        over_tasks(theta_0, 3),
        tasks.support,
        model=problem.model,
        loss=mse,
        how=Adaptation(0.1),
        num_steps=3,
        order="first",
    ).theta
    for task in range(3):
        support = task_slice(tasks, [task]).support
        alone = adapt(
            theta_0, support, model=problem.model, loss=mse, how=Adaptation(0.1), num_steps=3, order="first"
        ).theta
        for name, value in alone.items():
            torch.testing.assert_close(together[name][task : task + 1], value, rtol=0, atol=1e-12)


def test_alpha_may_differ_between_tasks() -> None:
    problem, theta_0, tasks = prepared(tiny())
    alphas = torch.tensor([0.0, 0.05, 0.2], dtype=torch.float64)
    together = adapt(
        over_tasks(theta_0, 3),
        tasks.support,
        model=problem.model,
        loss=mse,
        how=Adaptation(alphas),
        num_steps=2,
        order="first",
    ).theta
    for task in range(3):
        support = task_slice(tasks, [task]).support
        alone = adapt(
            theta_0,
            support,
            model=problem.model,
            loss=mse,
            how=Adaptation(float(alphas[task])),
            num_steps=2,
            order="first",
        ).theta
        for name, value in alone.items():
            torch.testing.assert_close(together[name][task : task + 1], value, rtol=0, atol=1e-12)


def test_mse_is_the_mean_over_points_and_outputs() -> None:
    """Trap 9: one division too many or too few."""
    prediction, target = torch.arange(12.0).view(2, 3, 2), torch.zeros(2, 3, 2)
    expected = prediction.numpy().reshape(2, 6)
    np.testing.assert_allclose(mse(prediction, target).numpy(), (expected**2).sum(1) / 6.0)


def test_mse_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 1\).*\(2, 1, 1\)"):
        mse(torch.zeros(2, 3, 1), torch.zeros(2, 1, 1))


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
            how=Adaptation(0.05, proximal=2.0),
            num_steps=3,
            order="second",
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


@pytest.mark.parametrize("how", [0.1, (0.1,), {"alpha": 0.1}, [{"w0": torch.ones(1)}]])
def test_a_bare_step_size_is_no_adaptation(how: Any) -> None:
    """The message says how to write it, wherever something adapts."""
    problem, theta_0, tasks = prepared(tiny())
    refused = pytest.raises(TypeError, match=r"how = .*: give an Adaptation, such as Adaptation\(0\.1\)")
    common = {"problem": problem, "how": how}
    with refused:
        adapt(theta_0, tasks.support, model=problem.model, loss=mse, how=how, num_steps=1, order="first")
    with refused:
        evaluate(theta_0, tasks, num_steps=1, **common)
    with refused:
        curvatures(theta_0, tasks, **common)
    for gradient in (meta_gradient, reptile_gradient, partial(implicit_gradient, num_solver_steps=1)):
        with refused:
            gradient(theta_0, tasks, num_inner_steps=1, **common)
