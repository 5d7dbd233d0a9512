"""Curvature against dense Hessians, and the plane in which inner paths are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd.functional import hessian

from maml_core.config import MLPConfig
from maml_core.inner import Adaptation
from maml_core.landscape import curvatures, explained, fit_plane, largest_eigenvalues, project
from maml_core.problem import Problem
from maml_core.records import Curvature, Plane
from maml_core.types import Params, Tasks
from tests.maml_core.helpers import flat, lanes, linear, prepared, quadratic, same, tiny


def dense(problem: Problem, theta: Params, tasks: Tasks, task: int) -> Tensor:
    """All eigenvalues of a task's support Hessian."""
    sizes, shapes = [value.numel() for value in theta.values()], [value.shape for value in theta.values()]

    def loss(row: Tensor) -> Tensor:
        pieces = {name: piece.view(shape) for name, piece, shape in zip(theta, row.split(sizes), shapes, strict=True)}
        return problem.loss(
            problem.model.apply(pieces, tasks.support.x[task : task + 1]), tasks.support.y[task : task + 1]
        )[0]

    return torch.linalg.eigvalsh(hessian(loss, torch.tensor(flat(theta))))


@pytest.mark.parametrize("activation", ["tanh", "relu", "softplus"])
def test_lambda_max_is_the_largest_eigenvalue_of_the_support_hessian(activation: str) -> None:
    problem, theta, tasks = prepared(tiny(model=MLPConfig(hidden_widths=(4,), activation=activation)))  # type: ignore[arg-type]
    found = largest_eigenvalues(theta, tasks, problem=problem, num_iterations=13)
    expected = [float(dense(problem, theta, tasks, task)[-1]) for task in range(3)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_lambda_max_may_be_asked_over_the_parameters_that_adapt() -> None:
    problem, theta, tasks = prepared(tiny(model=MLPConfig(hidden_widths=(4,), activation="tanh")))
    found = largest_eigenvalues(
        theta, tasks, problem=problem, how=Adaptation(0.1, names=problem.model.head), num_iterations=5
    )

    def head_loss(row: Tensor, task: int) -> Tensor:
        head = {"w1": row[:4].view(1, 4, 1), "b1": row[4:].view(1, 1)}
        support = (values[task : task + 1] for values in tasks.support)
        return linear_head(problem, {**theta, **head}, *support)

    row = torch.tensor(flat({name: theta[name] for name in ("w1", "b1")}))
    expected = [
        float(torch.linalg.eigvalsh(hessian(lambda values, task=task: head_loss(values, task), row))[-1])
        for task in range(3)
    ]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def linear_head(problem: Problem, theta: Params, x: Tensor, y: Tensor) -> Tensor:
    return problem.loss(problem.model.apply(theta, x), y)[0]


def test_a_proximal_term_curves_every_direction_by_so_much_more() -> None:
    problem, theta, tasks = prepared(tiny())
    plain, held = (
        curvatures(theta, tasks, problem=problem, how=Adaptation(0.1, proximal=proximal))[0] for proximal in (0.0, 2.5)
    )
    np.testing.assert_allclose(held, np.array(plain) + 2.5)


def test_eight_iterations_give_four_digits_on_the_default_network() -> None:
    problem, theta, tasks = prepared(tiny(model=MLPConfig(), meta_batch_size=8, shots=10))
    rough, fine = (largest_eigenvalues(theta, tasks, problem=problem, num_iterations=n) for n in (8, 40))
    np.testing.assert_allclose(rough.numpy(), fine.numpy(), rtol=1e-3)
    assert (rough <= fine * (1.0 + 1e-9)).all()


def test_many_iterations_in_float32_find_no_direction_twice() -> None:
    """Rounding that one re-orthogonalisation leaves comes back as an eigenvalue of its own, nearly twice the largest here."""
    problem, theta, tasks = prepared(tiny(model=MLPConfig(), dtype="float32"))
    few, many = (largest_eigenvalues(theta, tasks, problem=problem, num_iterations=n) for n in (40, 200))
    np.testing.assert_allclose(many.numpy(), few.numpy(), rtol=1e-5)


def test_the_largest_eigenvalue_is_not_the_largest_in_size() -> None:
    """With a negated loss the Hessian of a linear model has no eigenvalue above zero: gradient descent has no limit there."""
    problem, theta, tasks = prepared(linear(2))
    negated = Problem(
        family=problem.family, model=problem.model, loss=lambda prediction, target: -problem.loss(prediction, target)
    )
    found = largest_eigenvalues(theta, tasks, problem=negated)
    expected = [-np.linalg.eigvalsh(quadratic(tasks, task).A)[0] for task in range(3)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_lambda_max_of_linear_regression_is_that_of_a() -> None:
    problem, theta, tasks = prepared(linear(3))
    expected = [np.linalg.eigvalsh(quadratic(tasks, task).A)[-1] for task in range(3)]
    np.testing.assert_allclose(largest_eigenvalues(theta, tasks, problem=problem).numpy(), expected, rtol=1e-9)


def test_curvature_is_the_median_and_the_band_over_tasks() -> None:
    problem, theta, tasks = prepared(linear(1, meta_batch_size=21))
    values = np.sort([quadratic(tasks, task).A[0, 0] for task in range(21)])
    found = curvatures(theta, tasks, problem=problem)[0]
    np.testing.assert_allclose([found.low, found.median, found.high], [values[2], values[10], values[18]], rtol=1e-9)


def test_curvature_changes_nothing() -> None:
    """Trap 4."""
    problem, theta, tasks = prepared(tiny())
    before, state = {name: value.clone() for name, value in theta.items()}, torch.get_rng_state()
    first = curvatures(theta, tasks, problem=problem)[0]
    assert same(theta, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert curvatures(theta, tasks, problem=problem)[0] == first


@pytest.mark.parametrize("scale", [1e15, 1e30])
def test_curvature_beyond_all_numbers_is_infinite(scale: float) -> None:
    """Trap 18: an overflow must neither raise nor read as "stable"."""
    problem, theta, tasks = prepared(tiny(model=MLPConfig(), dtype="float32"))
    huge = {name: (value + 1.0) * scale for name, value in theta.items()}
    found = curvatures(huge, tasks, problem=problem)[0]
    assert found.median == np.inf
    assert Curvature.stability_limit(found.median) == 0.0


def test_nothing_that_curves_upwards_has_no_limit() -> None:
    assert Curvature.stability_limit(-1.0) == np.inf
    assert Curvature.stability_limit(0.0) == np.inf


@pytest.mark.parametrize(("factor", "shrinks"), [(0.98, True), (1.02, False)])
def test_inner_steps_are_stable_just_below_the_limit_and_not_above(factor: float, shrinks: bool) -> None:
    """alpha < 2 / lambda_max, the meaning of the gauge."""
    problem, theta, tasks = prepared(linear(2, meta_batch_size=1))
    alpha = factor * Curvature.stability_limit(curvatures(theta, tasks, problem=problem)[0].median)
    one = quadratic(tasks, 0)
    best = np.linalg.solve(one.A, one.b)
    distance = [float(np.linalg.norm(one.adapted(flat(theta), alpha, n) - best)) for n in (100, 400)]
    assert (distance[1] < distance[0]) == shrinks


def paths_in(basis: np.ndarray, rows: int = 30) -> Tensor:
    return torch.tensor(np.random.default_rng(0).standard_normal((rows, 2)) * [3.0, 1.0] @ basis)


BASIS = np.linalg.qr(np.random.default_rng(1).standard_normal((7, 2)))[0].T


def test_the_plane_holds_paths_that_lie_in_one() -> None:
    plane = fit_plane(paths_in(BASIS))
    assert explained(paths_in(BASIS), plane) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-6)


def test_the_plane_is_that_of_the_singular_vectors_also_where_the_second_is_next_to_nothing() -> None:
    """Fewer rows than columns are fitted by their products, which square what is small."""
    for second in (0.5, 1e-3, 1e-7, 0.0):
        wide = np.linalg.qr(np.random.default_rng(2).standard_normal((60, 2)))[0].T
        rows = np.linalg.qr(np.random.default_rng(3).standard_normal((20, 2)))[0] * [1.0, second] @ wide
        basis = fit_plane(torch.tensor(rows)).basis
        np.testing.assert_allclose(basis @ basis.T, np.eye(2), atol=1e-6)
        np.testing.assert_allclose(np.abs(basis[0] @ wide[0]), 1.0, atol=1e-6)
        if second:
            np.testing.assert_allclose(np.abs(basis[1] @ wide[1]), 1.0, atol=1e-5)


def test_the_share_explained_is_what_lies_in_the_plane() -> None:
    plane = Plane(np.zeros(3, np.float32), np.eye(3, dtype=np.float32)[:2])
    assert explained(torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 4.0]]), plane) == pytest.approx(9.0 / 25.0)
    assert explained(torch.zeros(2, 3), plane) == 1.0


def test_a_new_fit_takes_its_signs_from_the_plane_before() -> None:
    plane = fit_plane(paths_in(BASIS))
    mirrored = Plane(plane.origin, -plane.basis)
    np.testing.assert_allclose(fit_plane(paths_in(BASIS), mirrored).basis, mirrored.basis, atol=1e-6)
    np.testing.assert_allclose(fit_plane(paths_in(BASIS), plane).basis, plane.basis, atol=1e-6)


def test_a_fit_has_the_same_signs_whatever_the_paths_signs() -> None:
    np.testing.assert_allclose(fit_plane(-paths_in(BASIS)).basis, fit_plane(paths_in(BASIS)).basis, atol=1e-6)


def test_coordinates_give_back_points_of_the_plane() -> None:
    plane = fit_plane(paths_in(BASIS))._replace(origin=np.arange(7, dtype=np.float32))
    coordinates = np.array([[1.0, -2.0], [0.5, 0.0]], dtype=np.float32)
    points = torch.tensor(plane.origin + coordinates @ plane.basis)
    np.testing.assert_allclose(project(points, plane), coordinates, atol=1e-5)


def test_the_curvature_of_lanes_is_that_of_each_alone() -> None:
    problem, theta, tasks = prepared(tiny())
    thetas = [theta, {name: 2.0 * value for name, value in theta.items()}]
    weights = torch.tensor([0.0, 2.5], dtype=torch.float64)
    together = curvatures(lanes(*thetas), tasks, problem=problem, how=Adaptation(0.1, proximal=weights))
    for lane, found in enumerate(together):
        alone = curvatures(thetas[lane], tasks, problem=problem, how=Adaptation(0.1, proximal=float(weights[lane])))[0]
        np.testing.assert_allclose(found, alone, rtol=1e-9)
    assert together[0] != together[1]
