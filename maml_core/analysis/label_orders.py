"""How much depends on which class gets which output: permuted labels (Ye & Chao 2022), and a head that starts from zero (Kao et al. 2022)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from maml_core.analysis_records import LabelOrders
from maml_core.evaluation import evaluate
from maml_core.inner import Adaptation
from maml_core.problem import Problem
from maml_core.records import Ints, Numbers
from maml_core.rng import Stream, generator
from maml_core.threads import single_threaded
from maml_core.types import Examples, Params, Tasks

NUM_ORDERS = 24
"""Numberings of the classes that are tried, at most."""


@single_threaded
def label_orders(
    theta_0: Params, tasks: Tasks, *, problem: Problem, how: Adaptation, num_steps: int, num_orders: int = NUM_ORDERS
) -> LabelOrders:
    """Query accuracy of the same images under several numberings of their classes. Changes nothing.

    Args:
        theta_0: One lane of parameters, [1, ...].
        tasks: T tasks of classes.
        problem: Model and loss.
        how: How theta_0 adapts.
        num_steps: N.
        num_orders: Numberings, all different; all there are where that is fewer.

    Raises:
        ValueError: Tasks that are not of classes.
    """
    if problem.accuracy is None:
        raise ValueError("label orders are of tasks of classes, judged by their accuracy; these tasks have none")
    num_tasks, ways = tasks.support.x.shape[0], tasks.support.y.shape[2]
    orders = _orders(ways, num_orders)
    renamed = Tasks(
        _renamed(tasks.support, orders), _renamed(tasks.query, orders), tasks.parameters.repeat(len(orders), 1)
    )
    without_head = {
        name: torch.zeros_like(value) if name in problem.model.head else value for name, value in theta_0.items()
    }
    accuracy = _accuracy(theta_0, renamed, problem=problem, how=how, num_steps=num_steps)
    accuracy = accuracy.reshape(-1, len(orders), num_tasks).swapaxes(1, 2)
    return LabelOrders(
        orders,
        accuracy,
        _accuracy(without_head, tasks, problem=problem, how=how, num_steps=num_steps),
        _accuracy(theta_0, one_by_one(tasks), problem=problem, how=how, num_steps=num_steps)
        .reshape(num_steps + 1, num_tasks, -1)
        .mean(axis=2),
        accuracy[:, :, 0],
    )


def one_by_one(tasks: Tasks) -> Tasks:
    """A task of each query point in place of the tasks, those of one task side by side: nothing of a batch can then be seen beside it."""
    count = tasks.query.x.shape[1]
    return Tasks(
        Examples(*(values.repeat_interleave(count, dim=0) for values in tasks.support)),
        Examples(*(values.flatten(0, 1).unsqueeze(1) for values in tasks.query)),
        tasks.parameters.repeat_interleave(count, dim=0),
    )


def _orders(ways: int, count: int) -> Ints:
    """Different permutations of the labels, the identity first."""
    rng, count = generator(0, Stream.PROBE, part=1), min(count, math.factorial(ways))
    found = {tuple(range(ways)): None}
    while len(found) < count:
        found[tuple(rng.permutation(ways).tolist())] = None
    return np.array(list(found), dtype=np.int64)


def _renamed(examples: Examples, orders: Ints) -> Examples:
    """All tasks under one numbering after the other, [O * T, ...]: class c is told as orders[o, c]."""
    places = torch.tensor(np.argsort(orders, axis=1), device=examples.y.device)
    return Examples(
        examples.x.repeat(len(orders), 1, 1), torch.cat([examples.y[:, :, of_order] for of_order in places])
    )


def _accuracy(theta_0: Params, tasks: Tasks, *, problem: Problem, how: Adaptation, num_steps: int) -> Numbers:
    found: Tensor | None = evaluate(theta_0, tasks, problem=problem, how=how, num_steps=num_steps).accuracy
    assert found is not None  # the tasks are of classes
    numbers: Numbers = found[:, 0].double().cpu().numpy()
    return numbers
