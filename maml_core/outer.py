"""The meta-loss and its gradient, built on the one inner loop.

theta_0 <- theta_0 - beta * grad_{theta_0} mean over tasks of L_query(theta_N(theta_0))   (Finn et al. 2017, equation 1)

Second order differentiates through the inner steps (MAML); first order drops the Hessian factors (FOMAML, section 5.2). Joint
pretraining is N = 0, which equals alpha = 0: the gradient of the plain query loss.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from maml_core.inner import adapt
from maml_core.params import leaves, over_tasks, per_lane
from maml_core.problem import Problem
from maml_core.types import Examples, Params, Tasks


class MetaGradient(NamedTuple):
    """The meta-loss at theta_0 and its gradient."""

    gradient: Params
    """Of each lane's meta-loss with respect to its theta_0, [L, ...]."""
    query_loss: Tensor
    """Meta-loss: query loss after N steps, mean over tasks, [L]."""
    task_losses: Tensor
    """Query loss after N steps of each task, [L, T]."""


def meta_gradient(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    alpha: float | Tensor,
    num_inner_steps: int,
    order: Literal["second", "first"] = "second",
) -> MetaGradient:
    """Gradient of the mean query loss after adaptation.

    Args:
        theta_0: L lanes of parameters, [L, ...]; never changed.
        tasks: T tasks, common to all lanes.
        problem: Model and loss.
        alpha: Inner step size, a number or one per lane [L].
        num_inner_steps: N >= 0.
        order: "second" (MAML) or "first" (FOMAML).
    """
    num_lanes, num_tasks = next(iter(theta_0.values())).shape[0], tasks.support.x.shape[0]
    start = leaves(theta_0)
    with torch.enable_grad():
        theta_n = adapt(
            over_tasks(start, num_tasks),
            for_lanes(tasks.support, num_lanes),
            model=problem.model,
            loss=problem.loss,
            alpha=per_lane(alpha, num_tasks),
            num_steps=num_inner_steps,
            order=order,
        ).theta
        query = for_lanes(tasks.query, num_lanes)
        task_losses = problem.loss(problem.model.apply(theta_n, query.x), query.y).view(num_lanes, num_tasks)
        query_loss = task_losses.mean(1)
        gradient = torch.autograd.grad(query_loss.sum(), list(start.values()), materialize_grads=True)
    return MetaGradient(dict(zip(start, gradient, strict=True)), query_loss.detach(), task_losses.detach())


def for_lanes(examples: Examples, num_lanes: int) -> Examples:
    """The same tasks for every lane: [T, ...] -> [L * T, ...]."""
    if num_lanes == 1:
        return examples
    return Examples(*(values.repeat(num_lanes, *[1] * (values.ndim - 1)) for values in examples))
