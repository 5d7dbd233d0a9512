"""A second, slow implementation for the tests of measurements: one task at a time, all parameters in one row, dense Hessians by autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.functional import hessian

from maml_core.config import ConvConfig, GlyphsConfig
from maml_core.problem import Problem
from maml_core.types import Params, Tasks
from tests.maml_core.helpers import flat, tiny

SETUPS = {
    "mlp": tiny(),
    "conv": tiny(
        tasks=GlyphsConfig(ways=2),
        model=ConvConfig(num_layers=2, num_filters=2),
        shots=1,
        num_query=2,
        alpha=0.1,
        joint_baseline=False,
    ),
}
"""A small set-up of each network, in float64."""


class DenseTask(NamedTuple):
    """One task's losses as functions of theta in a row."""

    support: Callable[[Tensor], Tensor]
    query: Callable[[Tensor], Tensor]

    def path(self, row: Tensor, alpha: float, num_steps: int) -> list[Tensor]:
        """theta_0..theta_N."""
        found = [row]
        for _ in range(num_steps):
            found.append(found[-1] - alpha * gradient(self.support, found[-1]))
        return found

    def second_order(self, row: Tensor, alpha: float, num_steps: int) -> Tensor:
        """(I - alpha H_0)...(I - alpha H_{N-1}) grad L_query(theta_N)."""
        path = self.path(row, alpha, num_steps)
        found = gradient(self.query, path[-1])
        for point in reversed(path[:-1]):
            found = found - alpha * hessian(self.support, point) @ found
        return found


def gradient(loss: Callable[[Tensor], Tensor], row: Tensor) -> Tensor:
    """The gradient of a function of one row."""
    point = row.detach().requires_grad_()
    return torch.autograd.grad(loss(point), point)[0]


def row_of(theta: Params) -> Tensor:
    """One lane's parameters in a row."""
    return torch.tensor(flat(theta))


def as_params(theta: Params, row: Tensor) -> Params:
    """A row as one lane of parameters of these shapes."""
    sizes = [value.numel() for value in theta.values()]
    return {name: piece.view(value.shape) for (name, value), piece in zip(theta.items(), row.split(sizes), strict=True)}


def dense_task(problem: Problem, theta: Params, tasks: Tasks, task: int) -> DenseTask:
    """One of the tasks."""

    def loss_on(x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda row: problem.loss(problem.model.apply(as_params(theta, row), x), y)[0]

    support, query = ((half.x[task : task + 1], half.y[task : task + 1]) for half in (tasks.support, tasks.query))
    return DenseTask(loss_on(*support), loss_on(*query))
