"""The loss over a plane against brute force, point by point."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch

from maml_core.analysis.loss_plane import MARGIN, UNMOVED, loss_plane
from maml_core.config import MLPConfig
from maml_core.inner import Adaptation
from maml_core.normalization import PER_STEP
from maml_core.problem import build_problem, held_out_tasks
from maml_core.runs import init_run
from tests.maml_core.analysis.dense import SETUPS, dense_task, row_of
from tests.maml_core.helpers import flat, linear, prepared, task_slice, tiny

ALPHA = 0.05


@pytest.mark.parametrize("directions", ["path", "random"])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", SETUPS)
def test_losses_are_those_of_the_parameters_at_each_point(name: str, steps: int, directions: Any) -> None:
    problem, theta, tasks = prepared(SETUPS[name])
    found = loss_plane(
        theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=steps, directions=directions, resolution=3
    )
    count, start = len(tasks.parameters), row_of(theta)
    dense = [dense_task(problem, theta, tasks, task) for task in range(count)]
    for row in range(3):
        for column in range(3):
            offset = found.axis[column] * found.plane.basis[0] + found.axis[row] * found.plane.basis[1]
            point = start + torch.tensor(offset, dtype=torch.float64)
            before = [float(task.query(point)) for task in dense]
            after = [float(task.query(task.path(point, ALPHA, steps)[-1])) for task in dense]
            close = {"rel": 1e-4, "abs": 1e-6}
            assert found.support_loss[row, column] == pytest.approx(float(dense[0].support(point)), **close)
            assert found.query_loss[row, column] == pytest.approx(before[0], **close)
            assert found.query_loss_after[row, column] == pytest.approx(after[0], **close)
            assert found.mean_query_loss[row, column] == pytest.approx(np.mean(before), **close)
            assert found.mean_query_loss_after[row, column] == pytest.approx(np.mean(after), **close)


@pytest.mark.parametrize("name", SETUPS)
def test_the_path_and_its_share_are_projections_of_the_tasks_own_steps(name: str) -> None:
    problem, theta, tasks = prepared(SETUPS[name])
    for directions in ("path", "random"):
        found = loss_plane(
            theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=4, directions=directions, resolution=2
        )
        path = torch.stack(dense_task(problem, theta, tasks, 0).path(row_of(theta), ALPHA, 4)).numpy() - flat(theta)
        basis = found.plane.basis.astype(np.float64)
        np.testing.assert_allclose(basis @ basis.T, np.eye(2), atol=1e-6)
        np.testing.assert_allclose(found.path, path @ basis.T, atol=1e-5)
        share = np.square(path @ basis.T).sum() / np.square(path).sum()
        assert found.explained == pytest.approx(share, abs=1e-6)
        assert found.axis[-1] == pytest.approx(MARGIN * np.linalg.norm(path, axis=1).max())
        lengths = np.linalg.svd(path[1:], compute_uv=False)
        best = float(np.square(lengths[:2]).sum() / np.square(lengths).sum())
        assert found.explained == pytest.approx(best, abs=1e-6) if directions == "path" else found.explained < 0.5


def test_a_straight_path_takes_its_second_direction_from_the_other_tasks() -> None:
    problem, theta, tasks = prepared(tiny())
    found = loss_plane(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1, resolution=2)
    steps = np.stack(
        [
            dense_task(problem, theta, tasks, task).path(row_of(theta), ALPHA, 1)[-1].numpy() - flat(theta)
            for task in range(3)
        ]
    )
    first = steps[0] / np.linalg.norm(steps[0])
    others = steps[1:] - np.outer(steps[1:] @ first, first)
    second = np.linalg.svd(others)[2][0]
    assert abs(found.plane.basis[0] @ first) == pytest.approx(1.0, abs=1e-6)
    assert abs(found.plane.basis[1] @ second) == pytest.approx(1.0, abs=1e-6)
    assert found.explained == pytest.approx(1.0, abs=1e-6)


def test_one_straight_path_alone_has_some_second_direction() -> None:
    problem, theta, tasks = prepared(tiny())
    one = task_slice(tasks, slice(1))
    found = loss_plane(theta, one, problem=problem, how=Adaptation(ALPHA), num_steps=1, resolution=2)
    np.testing.assert_allclose(found.plane.basis @ found.plane.basis.T, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(found.mean_query_loss, found.query_loss)


def test_without_inner_steps_the_plane_is_any_and_nothing_is_after_adaptation() -> None:
    problem, theta, tasks = prepared(tiny())
    found = loss_plane(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=0, resolution=3)
    np.testing.assert_allclose(found.path, [[0.0, 0.0]], atol=1e-7)
    assert found.explained == 1.0
    assert found.axis[-1] == pytest.approx(UNMOVED * np.linalg.norm(flat(theta)))
    np.testing.assert_array_equal(found.query_loss, found.query_loss_after)


def test_a_random_plane_lies_in_the_parameters_that_adapt() -> None:
    problem, theta, tasks = prepared(tiny())
    head = torch.cat([torch.full((value.numel(),), name in problem.model.head) for name, value in theta.items()])
    how = Adaptation(ALPHA, names=problem.model.head)
    for directions in ("path", "random"):
        found = loss_plane(theta, tasks, problem=problem, how=how, num_steps=2, directions=directions, resolution=2)
        np.testing.assert_allclose(found.plane.basis[:, ~head.numpy()], 0.0, atol=1e-12)


def test_a_random_plane_leaves_the_norms_of_single_steps_alone() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(3,), batch_norm=True), per_step_norm=True)
    problem, theta = build_problem(config), init_run(config).meta.theta
    tasks = held_out_tasks(config, problem, 2)
    found = loss_plane(
        theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1, directions="random", resolution=2
    )
    moves = torch.cat([torch.full((value.numel(),), not name.startswith(PER_STEP)) for name, value in theta.items()])
    assert (found.plane.basis[:, ~moves.numpy()] == 0.0).all()
    assert (found.plane.basis[:, moves.numpy()] != 0.0).all()


@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("directions", ["path", "random"])
def test_of_one_parameter_the_plane_is_a_line(directions: Any, steps: int) -> None:
    problem, theta, tasks = prepared(linear(1))
    found = loss_plane(
        theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=steps, directions=directions, resolution=3
    )
    np.testing.assert_allclose(np.abs(found.plane.basis), [[1.0], [0.0]])
    point = row_of(theta) + found.axis[2] * float(found.plane.basis[0, 0])
    expected = float(dense_task(problem, theta, tasks, 0).query(point))
    np.testing.assert_allclose(found.query_loss[:, 2], expected, rtol=1e-5)


def test_a_path_that_overflows_leaves_a_picture() -> None:
    problem, theta, tasks = prepared(tiny(dtype="float32"))
    found = loss_plane(theta, tasks, problem=problem, how=Adaptation(1e30), num_steps=3, resolution=3)
    assert np.isfinite(found.query_loss[1, 1])
    assert not np.isfinite(found.query_loss_after).all()
    assert math.isfinite(found.explained)


@pytest.mark.parametrize(("wrong", "words"), [({"resolution": 1}, "at least 2"), ({"directions": "x"}, "'path' or")])
def test_what_is_no_plane_is_refused(wrong: dict[str, Any], words: str) -> None:
    problem, theta, tasks = prepared(tiny())
    with pytest.raises(ValueError, match=words):
        loss_plane(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1, **wrong)


def test_the_memory_that_it_takes_grows_with_the_parameters_and_not_with_their_square() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(64, 64)))
    problem, theta, tasks = prepared(config)
    tracemalloc.start()
    loss_plane(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1, resolution=2)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * flat(theta).size ** 2 / 10
