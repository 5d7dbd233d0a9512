"""Principal components of task vectors against numpy's, of adapted parameters found one task at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maml_core.analysis.task_vectors import task_vectors
from maml_core.config import LinearConfig, MLPConfig, RunConfig
from maml_core.demonstration import task_fit
from maml_core.inner import Adaptation
from maml_core.landscape import project
from maml_core.problem import Problem, build_problem, held_out_tasks
from maml_core.records import Demonstration, TaskFit
from maml_core.run_state import first_learner, rule
from maml_core.types import Examples, Params, Tasks
from tests.maml_core.analysis.dense import SETUPS, dense_task, row_of
from tests.maml_core.helpers import Array, prepared, task_slice, tiny

ALPHA, STEPS = 0.05, 3


def drawn(config: RunConfig, count: int) -> tuple[Problem, Params, Tasks]:
    problem, theta, _ = prepared(config)
    return problem, theta, held_out_tasks(config, problem, num_tasks=count)


def ends(problem: Problem, theta: Params, tasks: Tasks) -> Array:
    """theta_N of every task, [T, D]."""
    row = row_of(theta)
    count = len(tasks.parameters)
    return np.stack(
        [dense_task(problem, theta, tasks, task).path(row, ALPHA, STEPS)[-1].numpy() for task in range(count)]
    )


def r2(at: Array, target: Array) -> float:
    """Squared multiple correlation, by the correlations of two coordinates with a target and with each other."""
    correlations = np.corrcoef(np.column_stack([at, target]), rowvar=False)
    between, with_target = correlations[:2, :2], correlations[:2, 2]
    return float(with_target @ np.linalg.solve(between, with_target))


@pytest.mark.parametrize("name", SETUPS)
def test_coordinates_and_shares_are_those_of_numpys_svd(name: str) -> None:
    problem, theta, tasks = drawn(SETUPS[name], 6)
    found = task_vectors(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    moved = ends(problem, theta, tasks) - row_of(theta).numpy()
    u, lengths, _ = np.linalg.svd(moved - moved.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found.coordinates), np.abs(u * lengths)[:, :2], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.explained, np.square(lengths)[:2] / np.square(lengths).sum(), rtol=1e-4)
    np.testing.assert_allclose(found.parameters, tasks.parameters.numpy())


def test_r2_is_the_squared_multiple_correlation_with_the_polar_coordinates() -> None:
    problem, theta, tasks = drawn(tiny(), 30)
    found = task_vectors(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    amplitude, phase = tasks.parameters.numpy().T
    at = found.coordinates.astype(np.float64)
    expected = [r2(at, amplitude * np.cos(phase)), r2(at, amplitude * np.sin(phase))]
    assert found.r2 == pytest.approx(np.mean(expected))


def test_a_linear_model_of_two_weights_has_its_task_in_its_weights() -> None:
    """theta_N = P^N theta_0 + (I - P^N) w without noise, and P^N vanishes with N: the weights are the task."""
    config = tiny(
        tasks=LinearConfig(num_features=2, x=(-1.5, 2.0)), model=MLPConfig(hidden_widths=(), use_bias=False), shots=6
    )
    problem, theta, tasks = drawn(config, 30)
    found = task_vectors(theta, tasks, problem=problem, how=Adaptation(0.1), num_steps=2000)
    assert found.r2 == pytest.approx(1.0, abs=1e-4)
    assert found.explained.sum() == pytest.approx(1.0, abs=1e-4)


def test_classes_count_where_they_come_again_and_by_more_than_chance() -> None:
    problem, theta, tasks = drawn(SETUPS["conv"], 8)
    four = task_slice(tasks, [0, 1, 2, 3])
    again = task_slice(tasks, [0, 0, 1, 1, 2, 2, 3, 3])
    how = Adaptation(ALPHA)
    assert math.isnan(task_vectors(theta, four, problem=problem, how=how, num_steps=STEPS).r2)
    twins = task_vectors(theta, again, problem=problem, how=how, num_steps=STEPS)
    assert twins.r2 == pytest.approx(1.0, abs=1e-6)
    shuffled = again._replace(parameters=tasks.parameters[[0, 1, 2, 3, 1, 0, 3, 2]])
    assert task_vectors(theta, shuffled, problem=problem, how=how, num_steps=STEPS).r2 < 0.5


def test_another_theta_n_is_placed_by_the_plane() -> None:
    problem, theta, tasks = drawn(tiny(), 6)
    found = task_vectors(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    one = torch.tensor(ends(problem, theta, tasks))
    np.testing.assert_allclose(project(one, found.plane), found.coordinates, atol=1e-6)


def test_a_new_picture_is_no_mirror_image() -> None:
    problem, theta, tasks = drawn(tiny(), 6)
    how = Adaptation(ALPHA)
    first = task_vectors(theta, tasks, problem=problem, how=how, num_steps=STEPS)
    mirrored = first.plane._replace(basis=-first.plane.basis)
    again = task_vectors(theta, tasks, problem=problem, how=how, num_steps=STEPS, previous=mirrored)
    np.testing.assert_allclose(again.coordinates, -first.coordinates, atol=1e-6)


def test_a_task_that_overflows_is_left_out() -> None:
    problem, theta, tasks = drawn(tiny(), 6)
    wild = tasks.support._replace(y=tasks.support.y.clone())
    wild.y[2] = 1e200
    found = task_vectors(theta, tasks._replace(support=wild), problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    others = task_vectors(
        theta, task_slice(tasks, [0, 1, 3, 4, 5]), problem=problem, how=Adaptation(ALPHA), num_steps=STEPS
    )
    assert np.isnan(found.coordinates[2]).all()
    np.testing.assert_allclose(found.coordinates[[0, 1, 3, 4, 5]], others.coordinates, atol=1e-6)
    assert found.r2 == pytest.approx(others.r2)


@pytest.mark.parametrize(("count", "steps"), [(1, 3), (6, 0)])
def test_where_nothing_moves_apart_there_are_no_shares(count: int, steps: int) -> None:
    problem, theta, tasks = drawn(tiny(), count)
    found = task_vectors(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=steps)
    assert math.isnan(found.r2)
    assert np.isnan(found.explained).all()
    np.testing.assert_allclose(found.coordinates, 0.0, atol=1e-6)


def test_a_held_out_tasks_own_vector_has_its_place_in_the_plane() -> None:
    config = tiny(num_inner_steps=2, alpha=ALPHA)
    problem = build_problem(config)
    learner = first_learner(config, problem)
    tasks = held_out_tasks(config, problem, num_tasks=6)
    how = rule(config, problem, learner)
    found = task_vectors(learner.theta, tasks, problem=problem, how=how, num_steps=2)
    # The task of the fit is another draw, so its place is that of one more theta_N.
    fit = task_fit(config, learner, Demonstration(parameters=(2.0, 0.5)), problem)
    assert isinstance(fit, TaskFit)
    row = row_of(learner.theta)
    task = Examples(
        *(torch.tensor(part, dtype=torch.float64)[None, :, None] for part in (fit.support_x, fit.support_y))
    )
    end = dense_task(problem, learner.theta, Tasks(task, task, torch.zeros(1, 2)), 0).path(row, ALPHA, 2)[-1]
    place = (fit.vector - found.mean) @ found.plane.basis.T
    np.testing.assert_allclose(place, project(end, found.plane), atol=1e-5)
