"""Accuracy under numberings of the classes against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maml_core.analysis.label_orders import label_orders
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig
from maml_core.inner import Adaptation
from maml_core.types import Examples, Params, Tasks
from tests.maml_core.analysis.dense import as_params, dense_task, row_of
from tests.maml_core.helpers import prepared, tiny

ALPHA, STEPS = 0.3, 2
THREE_WAYS = tiny(
    tasks=GlyphsConfig(ways=3),
    model=MLPConfig(hidden_widths=(5,), activation="tanh"),
    shots=1,
    num_query=4,
    joint_baseline=False,
)
CONVOLUTIONS = tiny(
    tasks=GlyphsConfig(ways=3),
    model=ConvConfig(num_layers=2, num_filters=2),
    shots=1,
    num_query=4,
    joint_baseline=False,
)


@pytest.mark.parametrize("config", [THREE_WAYS, CONVOLUTIONS], ids=["mlp", "conv"])
def test_accuracies_are_those_of_tasks_renamed_by_hand(config: object) -> None:
    problem, theta, tasks = prepared(config)  # type: ignore[arg-type]
    found = label_orders(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    assert found.orders.shape == (math.factorial(3), 3)
    assert found.orders[0].tolist() == [0, 1, 2]
    assert len({tuple(order) for order in found.orders.tolist()}) == 6
    for at, order in enumerate(found.orders):

        def renamed(examples: Examples, order: np.ndarray = order) -> Examples:
            names = torch.tensor(order)[examples.y.argmax(2)]
            return Examples(examples.x, torch.nn.functional.one_hot(names, 3).double())

        other = Tasks(renamed(tasks.support), renamed(tasks.query), tasks.parameters)
        for task in range(3):
            path = dense_task(problem, theta, other, task).path(row_of(theta), ALPHA, STEPS)
            for step, point in enumerate(path):
                logits = problem.model.apply(as_params(theta, point), other.query.x[task : task + 1])
                right = (logits.argmax(2) == other.query.y[task : task + 1].argmax(2)).double().mean()
                assert found.accuracy[step, task, at] == pytest.approx(float(right))


@pytest.mark.parametrize("config", [THREE_WAYS, CONVOLUTIONS], ids=["mlp", "conv"])
def test_a_point_that_is_asked_alone_is_a_task_of_its_own(config: object) -> None:
    problem, theta, tasks = prepared(config)  # type: ignore[arg-type]
    found = label_orders(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    num_tasks, count = tasks.query.x.shape[:2]
    for task in range(num_tasks):
        right = np.zeros(STEPS + 1)
        for at in range(count):
            support = Examples(*(values[task : task + 1] for values in tasks.support))
            query = Examples(*(values[task : task + 1, at : at + 1] for values in tasks.query))
            one = Tasks(support, query, tasks.parameters[task : task + 1])
            alone = label_orders(theta, one, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS, num_orders=1)
            right += alone.accuracy[:, 0, 0]
        np.testing.assert_allclose(found.alone_accuracy[:, task], right / count)
    if config is THREE_WAYS:  # without batch norm nobody sees a neighbour
        np.testing.assert_allclose(found.alone_accuracy, found.accuracy[:, :, 0])


def test_a_head_that_starts_from_zero_does_not_care() -> None:
    """From zero every output begins alike, so that renaming the classes renames the adapted head and nothing else."""
    problem, theta, tasks = prepared(THREE_WAYS)
    zeroed: Params = {name: 0.0 * value if name in problem.model.head else value for name, value in theta.items()}
    orders = label_orders(zeroed, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    np.testing.assert_allclose(orders.accuracy[1:].std(2), 0.0, atol=1e-12)
    found = label_orders(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    np.testing.assert_allclose(found.zeroed_accuracy[1:], orders.accuracy[1:, :, 0])
    assert found.accuracy[1:].std(2).max() > 0.01


def test_so_many_orders_as_are_asked_for_and_no_more_than_there_are() -> None:
    problem, theta, tasks = prepared(THREE_WAYS)
    for count, there in ((1, 1), (4, 4), (24, 6)):
        found = label_orders(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=0, num_orders=count)
        assert found.accuracy.shape == (1, 3, there)


def test_curves_have_no_labels() -> None:
    problem, theta, tasks = prepared(tiny())
    with pytest.raises(ValueError, match="tasks of classes"):
        label_orders(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1)
