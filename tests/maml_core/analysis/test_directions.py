"""Directions beside MAML's against products of dense Hessians, task by task."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from maml_core.analysis.directions import directions
from maml_core.config import RunConfig
from maml_core.inner import Adaptation
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import Plane
from maml_core.run_state import first_learner, rule
from tests.maml_core.analysis.dense import SETUPS, dense_task, gradient, row_of
from tests.maml_core.helpers import flat, prepared, task_slice, tiny

ALPHA = 0.1


def expected(config: RunConfig, batches: list[list[int]], steps: int) -> dict[str, np.ndarray]:
    """Each rule's direction on each batch, [B, D]."""
    problem, theta, _ = prepared(config)
    tasks, row = held_out_tasks(config, problem, num_tasks=sum(map(len, batches))), row_of(theta)
    found: dict[str, list[torch.Tensor]] = {name: [] for name in ("maml", "fomaml", "joint", "reptile")}
    for batch in batches:
        dense = [dense_task(problem, theta, tasks, task) for task in batch]
        ends = [task.path(row, ALPHA, steps)[-1] for task in dense]
        of_tasks = {
            "maml": [task.second_order(row, ALPHA, steps) for task in dense],
            "fomaml": [gradient(task.query, end) for task, end in zip(dense, ends, strict=True)],
            "joint": [gradient(task.query, row) for task in dense],
            "reptile": [(row - end) / (ALPHA * steps) for end in ends],
        }
        for name, directions_ in of_tasks.items():
            found[name].append(torch.stack(directions_).mean(0))
    return {name: torch.stack(rows).numpy() for name, rows in found.items()}


def angle(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


@pytest.mark.parametrize("name", SETUPS)
@pytest.mark.parametrize("steps", [1, 3])
def test_angles_and_lengths_are_those_of_dense_hessians(name: str, steps: int) -> None:
    config = SETUPS[name]
    problem, theta, _ = prepared(config)
    tasks = held_out_tasks(config, problem, num_tasks=4)
    found = directions(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_inner_steps=[steps], num_batches=2)
    by_rule = expected(config, [[0, 1], [2, 3]], steps)
    maml = by_rule["maml"]
    head = np.concatenate([np.full(value.numel(), key in problem.model.head) for key, value in theta.items()])
    assert found.layers == ("all", *problem.model.layers)
    assert found.rules == ("fomaml", "joint", "reptile")
    for at, rule_name in enumerate(found.rules):
        other = by_rule[rule_name]
        for layer, columns in ((0, slice(None)), (-1, head)):
            one, two = other.mean(0)[columns], maml.mean(0)[columns]
            assert found.cosine[at, 0, layer] == pytest.approx(angle(one, two), abs=1e-8)
            assert found.length_ratio[at, 0, layer] == pytest.approx(np.linalg.norm(one) / np.linalg.norm(two))
            for batch in (0, 1):
                assert found.batch_cosine[at, 0, layer, batch] == pytest.approx(
                    angle(other[batch][columns], maml[batch][columns]), abs=1e-8
                )
    assert found.agreement[0] == pytest.approx(angle(*maml), abs=1e-8)


def test_one_step_of_reptile_is_joint_training_where_the_query_points_are_the_support_points() -> None:
    """Nichol et al. 2018, section 5.1."""
    problem, theta, tasks = prepared(tiny())
    tasks = tasks._replace(query=tasks.support)
    found = directions(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_inner_steps=[1], num_batches=1)
    joint, reptile = found.cosine[1:, 0, 0]
    assert joint == pytest.approx(reptile, abs=1e-10)


def test_an_arrow_is_the_shadow_of_the_unit_step_downhill() -> None:
    problem, theta, tasks = prepared(tiny())
    size = len(flat(theta))
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((size, 2)))[0].T.astype(np.float32)
    plane = Plane(np.zeros(size, np.float32), basis)
    found = directions(
        theta, tasks, problem=problem, how=Adaptation(ALPHA), num_inner_steps=[2], num_batches=3, plane=plane
    )
    maml = np.stack(
        [dense_task(problem, theta, tasks, task).second_order(row_of(theta), ALPHA, 2).numpy() for task in range(3)]
    ).mean(0)
    np.testing.assert_allclose(found.arrows[0, 0], -basis @ (maml / np.linalg.norm(maml)), atol=1e-6)
    assert (np.linalg.norm(found.arrows, axis=-1) <= 1.0).all()


def test_a_layer_that_does_not_adapt_has_no_direction_under_reptile() -> None:
    """ANIL: the body stays where it is, so Reptile's length there is 0 and its angle is not defined."""
    problem, theta, tasks = prepared(tiny())
    how = Adaptation(ALPHA, names=problem.model.head)
    found = directions(theta, tasks, problem=problem, how=how, num_inner_steps=[2], num_batches=1)
    assert np.isnan(found.cosine[2, 0, 1])
    assert found.length_ratio[2, 0, 1] == 0.0
    assert np.isfinite(found.cosine[2, 0, -1])


def test_one_batch_has_nothing_to_agree_with_and_no_plane_has_no_arrows() -> None:
    problem, theta, tasks = prepared(tiny())
    found = directions(theta, task_slice(tasks, slice(1)), problem=problem, how=Adaptation(ALPHA), num_batches=1)
    assert np.isnan(found.agreement).all()
    assert np.isnan(found.arrows).all()
    np.testing.assert_allclose(found.batch_cosine[..., 0], found.cosine, atol=1e-10)


def test_learned_rates_have_no_reptile() -> None:
    config = tiny(algorithm="meta_sgd")
    problem = build_problem(config)
    learner = first_learner(config, problem)
    tasks = held_out_tasks(config, problem, num_tasks=4)
    found = directions(learner.theta, tasks, problem=problem, how=rule(config, problem, learner), num_batches=2)
    assert found.rules == ("fomaml", "joint")


@pytest.mark.parametrize("steps", [[0, 1], []])
def test_no_inner_step_is_refused(steps: list[int]) -> None:
    problem, theta, tasks = prepared(tiny())
    with pytest.raises(ValueError, match="each at least 1"):
        directions(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_inner_steps=steps, num_batches=1)


def test_tasks_that_make_no_equal_batches_are_refused() -> None:
    problem, theta, tasks = prepared(dataclasses.replace(tiny(), meta_batch_size=5))
    with pytest.raises(ValueError, match="5 tasks are not as many for each of 2 lanes"):
        directions(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_batches=2)
