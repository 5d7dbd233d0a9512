"""Meta-gradients: closed forms, fixed points, finite differences, the Hessian product, a plain loop, and lanes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.functional import hessian

from maml_core.config import MLPConfig
from maml_core.inner import Adaptation, adapt
from maml_core.losses import mse
from maml_core.outer import meta_gradient, meta_gradients
from maml_core.params import over_tasks
from maml_core.problem import Problem, build_problem, training_tasks
from maml_core.types import Examples, Params, Tasks
from tests.benchmarks.reference import meta_loss
from tests.maml_core.helpers import TOLERANCE, Array, flat, lanes, linear, prepared, quadratic, same, task_slice, tiny

Order = Literal["second", "first"]
ORDERS: tuple[Order, ...] = ("second", "first")


@pytest.mark.parametrize("num_features", [1, 3])
@pytest.mark.parametrize("num_steps", [0, 1, 2, 5, 10])
@pytest.mark.parametrize("order", ORDERS)
def test_gradient_of_linear_regression_is_the_closed_form(num_features: int, num_steps: int, order: Order) -> None:
    """MAML P^N (Q theta_N - r), FOMAML Q theta_N - r, mean over tasks. Traps 1, 2, 3, 9 and 16."""
    problem, theta_0, tasks = prepared(linear(num_features))
    found = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=num_steps, order=order)
    each = [
        getattr(quadratic(tasks, task), "second_order" if order == "second" else "first_order")(
            flat(theta_0), 0.1, num_steps
        )
        for task in range(3)
    ]
    np.testing.assert_allclose(flat(found.gradient), np.mean(each, axis=0), rtol=0, atol=TOLERANCE)


def test_gradients_of_several_numbers_of_steps_through_one_graph_are_the_closed_forms() -> None:
    problem, theta_0, tasks = prepared(linear(3))
    counts = (1, 5, 2)
    found = meta_gradients(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=counts)
    for count, at in zip(counts, found, strict=True):
        for order, gradient in (("second_order", at.gradient), ("first_order", at.query_gradient)):
            each = [getattr(quadratic(tasks, task), order)(flat(theta_0), 0.1, count) for task in range(3)]
            total = {name: value.sum(0, keepdim=True) for name, value in gradient.items()}
            np.testing.assert_allclose(flat(total), np.mean(each, axis=0), rtol=0, atol=TOLERANCE)
    with pytest.raises(ValueError, match="proximal"):
        meta_gradients(theta_0, tasks, problem=problem, how=Adaptation(0.1, proximal=1.0), num_inner_steps=[1])


def test_what_does_not_adapt_has_the_query_gradient_of_first_order_too() -> None:
    problem, theta_0, tasks = prepared(tiny())
    how = Adaptation(0.1, names=problem.model.head)
    (found,) = meta_gradients(theta_0, tasks, problem=problem, how=how, num_inner_steps=[3])
    first = meta_gradient(theta_0, tasks, problem=problem, how=how, num_inner_steps=3, order="first").gradient
    for name, value in found.query_gradient.items():
        torch.testing.assert_close(value.sum(0, keepdim=True), first[name], rtol=0, atol=TOLERANCE)


# Fixed points of two tasks (a, c) = (1, 0), (4, 1) with query = support and alpha = 0.1: weighted means of the optima c.
FIXED_POINTS: list[tuple[str, int, float]] = [
    ("second", 1, 0.640000),
    ("second", 5, 0.064867),
    ("second", 10, 0.001201),
    ("first", 1, 0.727273),
    ("first", 5, 0.345013),
    ("first", 10, 0.064867),
    ("second", 0, 0.8),
    ("first", 0, 0.8),
]


@pytest.mark.parametrize(("order", "num_steps", "expected"), FIXED_POINTS)
def test_fixed_point_is_the_weighted_mean_of_the_task_optima(order: Order, num_steps: int, expected: float) -> None:
    """N = 0 is joint training. Traps 1 (MAML would equal FOMAML) and 3 (N would not matter to the Hessian factors)."""
    problem = build_problem(linear(1))
    curvatures, optima = torch.tensor([1.0, 4.0], dtype=torch.float64), torch.tensor([0.0, 1.0], dtype=torch.float64)
    x = (curvatures / 2.0).sqrt().view(2, 1, 1)  # one point: L = (x theta - x c)^2 has the curvature 2 x^2
    points = Examples(x, x * optima.view(2, 1, 1))
    tasks = Tasks(points, points, optima.view(2, 1))

    def gradient(theta: float) -> float:
        start = {"w0": torch.full((1, 1, 1), theta, dtype=torch.float64)}
        return float(
            meta_gradient(
                start, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=num_steps, order=order
            ).gradient["w0"]
        )

    fixed_point = -gradient(0.0) / (gradient(1.0) - gradient(0.0))  # the gradient is affine in theta
    assert fixed_point == pytest.approx(expected, abs=5e-7)
    assert gradient(fixed_point) == pytest.approx(0.0, abs=TOLERANCE)


def meta_losses(theta_0: Params, tasks: Tasks, problem: Problem, num_steps: int) -> float:
    """The meta-loss by way of forward passes only."""
    start = over_tasks(theta_0, tasks.support.x.shape[0])
    theta_n = adapt(
        start, tasks.support, model=problem.model, loss=mse, how=Adaptation(0.2), num_steps=num_steps, order="first"
    ).theta
    return float(mse(problem.model.apply(theta_n, tasks.query.x), tasks.query.y).mean())


@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_second_order_equals_finite_differences(num_steps: int) -> None:
    """Traps 1 and 3."""
    problem, theta_0, tasks = prepared(tiny(model=MLPConfig(hidden_widths=(4,), activation="tanh")))
    found = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.2), num_inner_steps=num_steps)
    step = 1e-5
    for name, value in theta_0.items():
        for index in np.ndindex(*value.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = {key: tensor.clone() for key, tensor in theta_0.items()}
                moved[name][index] += sign * step
                ends.append(meta_losses(moved, tasks, problem, num_steps))
            difference = (ends[0] - ends[1]) / (2.0 * step)
            assert float(found.gradient[name][index]) == pytest.approx(difference, rel=1e-6, abs=1e-7)


def forward(row: Tensor, x: Tensor) -> Tensor:
    """A tanh network 1-3-1 written out, its parameters in a row: w0 (3), b0 (3), w1 (3), b1 (1)."""
    return torch.tanh(x @ row[0:3].view(1, 3) + row[3:6]) @ row[6:9].view(3, 1) + row[9]


def task_loss(row: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (forward(row, x) - y).square().mean()


@pytest.mark.parametrize("num_steps", [1, 2, 4])
def test_second_order_is_the_product_of_all_hessian_factors(num_steps: int) -> None:
    """(I - alpha H_0) ... (I - alpha H_{N-1}) grad L_query(theta_N). Trap 3: one factor whatever N is."""
    problem, theta_0, tasks = prepared(tiny(model=MLPConfig(hidden_widths=(3,), activation="tanh")))
    found = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.2), num_inner_steps=num_steps)
    gradients = []
    for task in range(3):
        x, y = tasks.support.x[task], tasks.support.y[task]
        row, factors = torch.tensor(flat(theta_0)), []
        for _ in range(num_steps):
            factors.append(
                torch.eye(10, dtype=torch.float64) - 0.2 * hessian(lambda r, x=x, y=y: task_loss(r, x, y), row)
            )
            row = row.detach().requires_grad_()
            row = (row - 0.2 * torch.autograd.grad(task_loss(row, x, y), row)[0]).detach()
        row.requires_grad_()
        gradient = torch.autograd.grad(task_loss(row, tasks.query.x[task], tasks.query.y[task]), row)[0]
        for factor in reversed(factors):
            gradient = factor @ gradient
        gradients.append(gradient)
    np.testing.assert_allclose(flat(found.gradient), torch.stack(gradients).mean(0).numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("num_steps", [1, 3])
def test_first_order_is_the_query_gradient_at_theta_n(num_steps: int) -> None:
    problem, theta_0, tasks = prepared(tiny())
    found = meta_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(0.2), num_inner_steps=num_steps, order="first"
    )
    theta_n = adapt(
        over_tasks(theta_0, 3),
        tasks.support,
        model=problem.model,
        loss=mse,
        how=Adaptation(0.2),
        num_steps=num_steps,
        order="first",
    ).theta
    leaves = {name: value.detach().requires_grad_() for name, value in theta_n.items()}
    loss = mse(problem.model.apply(leaves, tasks.query.x), tasks.query.y).mean()
    for name, gradient in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
        torch.testing.assert_close(found.gradient[name], gradient.sum(0, keepdim=True), rtol=0, atol=1e-12)


def test_first_order_differs_from_second_and_leaves_no_gradient_out() -> None:
    """Trap 2: a first-order flag that changes nothing, or leaves None."""
    problem, theta_0, tasks = prepared(tiny())
    second, first = (
        meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.2), num_inner_steps=2, order=order).gradient
        for order in ORDERS
    )
    assert list(first) == list(theta_0)
    assert all(float(value.abs().max()) > 0.0 for value in first.values())
    assert np.abs(flat(second) - flat(first)).max() > 1e-3


@pytest.mark.parametrize("num_steps", [0, 1, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_batched_equals_a_sequential_loop_over_tasks(num_steps: int, order: Order) -> None:
    """Traps 1, 3 and 16 against code that shares nothing with the engine."""
    problem, theta_0, tasks = prepared(tiny(model=MLPConfig(hidden_widths=(6, 5))))
    found = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.05), num_inner_steps=num_steps, order=order)
    plain = {name: value[0].clone().requires_grad_() for name, value in theta_0.items()}
    loss = meta_loss(plain, tasks, alpha=0.05, num_inner_steps=num_steps, create_graph=order == "second")
    assert float(found.query_loss) == pytest.approx(float(loss.detach()), rel=1e-12)
    for (name, value), gradient in zip(
        found.gradient.items(), torch.autograd.grad(loss, list(plain.values())), strict=True
    ):
        torch.testing.assert_close(value[0], gradient, rtol=0, atol=1e-11, msg=name)


def test_every_task_counts_the_same() -> None:
    """Trap 16: only the last task's loss counted. Trap 9: a mean of a mean."""
    problem, theta_0, tasks = prepared(tiny())
    together = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.2), num_inner_steps=2)
    alone = [
        meta_gradient(theta_0, task_slice(tasks, [t]), problem=problem, how=Adaptation(0.2), num_inner_steps=2)
        for t in range(3)
    ]
    np.testing.assert_allclose(
        flat(together.gradient), np.mean([flat(one.gradient) for one in alone], axis=0), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(together.task_losses[0].numpy(), [float(one.query_loss) for one in alone], rtol=1e-12)
    assert float(together.query_loss) == pytest.approx(
        float(np.mean([float(one.query_loss) for one in alone])), rel=1e-12
    )


def test_reported_loss_is_the_query_loss_after_adaptation() -> None:
    """Trap 5: the loss before the update, or of the support points, reported as the adapted loss."""
    problem, theta_0, tasks = prepared(tiny())
    found = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.2), num_inner_steps=3)
    assert float(found.query_loss) == pytest.approx(meta_losses(theta_0, tasks, problem, 3), rel=1e-12)
    assert abs(float(found.query_loss) - meta_losses(theta_0, tasks, problem, 0)) > 1e-3


@given(order=st.permutations(range(3)))
def test_task_order_does_not_matter(order: list[int]) -> None:
    problem, theta_0, tasks = prepared(tiny())
    plain = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.2), num_inner_steps=2)
    permuted = meta_gradient(
        theta_0, task_slice(tasks, list(order)), problem=problem, how=Adaptation(0.2), num_inner_steps=2
    )
    np.testing.assert_allclose(flat(permuted.gradient), flat(plain.gradient), rtol=0, atol=1e-12)


@given(alpha=st.floats(0.0, 10.0))
def test_without_inner_steps_both_orders_agree_whatever_alpha(alpha: float) -> None:
    problem, theta_0, tasks = prepared(tiny())
    second, first = (
        meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(alpha), num_inner_steps=0, order=order)
        for order in ORDERS
    )
    assert same(tuple(second), tuple(first))


@given(num_steps=st.integers(0, 4))
def test_alpha_zero_equals_no_inner_steps(num_steps: int) -> None:
    """Joint pretraining is either of the two."""
    problem, theta_0, tasks = prepared(tiny())
    stepping = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.0), num_inner_steps=num_steps)
    joint = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.0), num_inner_steps=0)
    np.testing.assert_allclose(flat(stepping.gradient), flat(joint.gradient), rtol=0, atol=1e-12)


@given(num_steps=st.integers(0, 3), alpha=st.floats(0.001, 1.0))
def test_both_orders_agree_where_the_hessian_is_zero(num_steps: int, alpha: float) -> None:
    """The mean prediction as loss makes a linear model's loss linear in theta."""
    problem, theta_0, tasks = prepared(linear())

    def straight(prediction: Tensor, target: Tensor) -> Tensor:
        # The zero times a square gives the gradient a graph, as autograd wants, without curving the loss.
        return (prediction - target).flatten(1).mean(1) + 0.0 * mse(prediction, target)

    flat_problem = Problem(family=problem.family, model=problem.model, loss=straight)
    second, first = (
        meta_gradient(
            theta_0, tasks, problem=flat_problem, how=Adaptation(alpha), num_inner_steps=num_steps, order=order
        ).gradient
        for order in ORDERS
    )
    np.testing.assert_allclose(flat(second), flat(first), rtol=0, atol=1e-12)


def test_theta_0_is_not_changed() -> None:
    """Trap 4."""
    problem, theta_0, tasks = prepared(tiny())
    before = {name: value.clone() for name, value in theta_0.items()}
    meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.5), num_inner_steps=3)
    assert same(theta_0, before)
    assert all(value.grad is None and not value.requires_grad for value in theta_0.values())


def test_results_hold_no_graph() -> None:
    """Trap 19: a kept graph makes memory grow with every step."""
    problem, theta_0, tasks = prepared(tiny())
    found = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.5), num_inner_steps=2)
    assert all(tensor.grad_fn is None for tensor in (found.query_loss, found.task_losses, *found.gradient.values()))


def three_lanes() -> tuple[Problem, list[Params], Tasks, list[float]]:
    problem, _, tasks = prepared(tiny())
    return problem, [problem.model.init(seed, torch.float64) for seed in (0, 1, 2)], tasks, [0.0, 0.05, 0.3]


@pytest.mark.parametrize("num_steps", [0, 1, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_lanes_with_their_own_theta_0_and_alpha_equal_single_runs(num_steps: int, order: Order) -> None:
    problem, thetas, tasks, alphas = three_lanes()
    together = meta_gradient(
        lanes(*thetas),
        tasks,
        problem=problem,
        how=Adaptation(torch.tensor(alphas, dtype=torch.float64)),
        num_inner_steps=num_steps,
        order=order,
    )
    assert together.task_losses.shape == (3, 3)
    for lane, (theta, alpha) in enumerate(zip(thetas, alphas, strict=True)):
        alone = meta_gradient(
            theta, tasks, problem=problem, how=Adaptation(alpha), num_inner_steps=num_steps, order=order
        )
        np.testing.assert_allclose(together.task_losses[lane].numpy(), alone.task_losses[0].numpy(), rtol=1e-11)
        for name, value in alone.gradient.items():
            torch.testing.assert_close(together.gradient[name][lane], value[0], rtol=0, atol=1e-11)


def test_one_alpha_serves_all_lanes() -> None:
    problem, thetas, tasks, _ = three_lanes()
    together = meta_gradient(lanes(*thetas), tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=2)
    expected: list[Array] = [
        flat(meta_gradient(t, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=2).gradient) for t in thetas
    ]
    for lane in range(3):
        lane_gradient = {name: value[lane : lane + 1] for name, value in together.gradient.items()}
        np.testing.assert_allclose(flat(lane_gradient), expected[lane], rtol=0, atol=1e-11)


def test_lanes_with_tasks_of_their_own_equal_single_runs() -> None:
    problem, thetas, _, alphas = three_lanes()
    config = tiny()
    own = [training_tasks(config, problem, step) for step in range(3)]
    rows = Tasks(
        Examples(torch.cat([tasks.support.x for tasks in own]), torch.cat([tasks.support.y for tasks in own])),
        Examples(torch.cat([tasks.query.x for tasks in own]), torch.cat([tasks.query.y for tasks in own])),
        torch.cat([tasks.parameters for tasks in own]),
    )
    alpha = torch.tensor(alphas, dtype=torch.float64)
    together = meta_gradient(
        lanes(*thetas), rows, problem=problem, how=Adaptation(alpha), num_inner_steps=2, own_tasks=True
    )
    for lane, theta in enumerate(thetas):
        alone = meta_gradient(theta, own[lane], problem=problem, how=Adaptation(alphas[lane]), num_inner_steps=2)
        torch.testing.assert_close(together.task_losses[lane], alone.task_losses[0], rtol=1e-11, atol=0)
        for name, value in alone.gradient.items():
            torch.testing.assert_close(together.gradient[name][lane], value[0], rtol=0, atol=1e-11)


def test_own_tasks_must_be_as_many_for_each_lane() -> None:
    problem, thetas, tasks, _ = three_lanes()
    with pytest.raises(ValueError, match="3 tasks are not as many for each of 2 lanes"):
        meta_gradient(
            lanes(*thetas[:2]),
            task_slice(tasks, slice(3)),
            problem=problem,
            how=Adaptation(0.1),
            num_inner_steps=1,
            own_tasks=True,
        )
