"""iMAML (Rajeswaran et al. 2019): the meta-gradient from what holds at the end of a proximal inner problem."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from maml_core.inner import adapt
from maml_core.normalization import BY_BATCH, Normalization, predict
from maml_core.outer import (
    MetaGradient,
    judged,
    lane_statistics,
    mean_over_tasks,
    normalization_over_tasks,
    of_all,
    rows_of,
    stacked,
)
from maml_core.params import aligned, detached, leaves, over_tasks, per_lane
from maml_core.problem import Problem
from maml_core.types import Params, Tasks


def implicit_gradient(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    alpha: float | Tensor,
    num_inner_steps: int,
    proximal: float | Tensor,
    num_solver_steps: int,
    normalization: Normalization = BY_BATCH,
    own_tasks: bool = False,
) -> MetaGradient:
    """The gradient of iMAML (Rajeswaran et al. 2019, lemma 1): g solves (I + H / lambda) g = grad L_query(phi), mean over tasks.

    phi is where `num_inner_steps` gradient steps on L_support + lambda / 2 ||phi - theta_0||^2 end, H the support Hessian there. The
    system is solved by conjugate gradients, which need no graph of the inner loop; the result is exact when phi is a minimum and the
    solver has converged, and `residual` tells how far the second is from true.

    Args:
        theta_0: L lanes of parameters, [L, ...].
        tasks: T tasks, common to all lanes, or the lanes' own.
        problem: Model and loss.
        alpha: Step size of the inner solver, a number or one per lane [L].
        num_inner_steps: Steps of the inner solver.
        proximal: lambda > 0, a number or one per lane [L].
        num_solver_steps: Steps of conjugate gradients.
        normalization: Whose statistics batch norm uses.
        own_tasks: Each lane has T tasks of its own, lane by lane: [L * T, ...].
    """
    num_lanes = next(iter(theta_0.values())).shape[0]
    tasks, num_tasks = rows_of(tasks, num_lanes, own=own_tasks)
    support, weight = tasks.support, per_lane(proximal, num_tasks)
    normalization = normalization_over_tasks(normalization, num_tasks)
    with torch.no_grad():
        adapted = adapt(
            over_tasks(detached(theta_0), num_tasks),
            support,
            model=problem.model,
            loss=problem.loss,
            alpha=per_lane(alpha, num_tasks),
            num_steps=num_inner_steps,
            order="first",
            proximal=weight,
            normalization=normalization,
            record=lambda step, theta: lane_statistics(
                problem, theta, tasks, num_lanes, step=step, normalization=normalization
            ),
        )
    point = leaves(adapted.theta)
    values = list(point.values())
    with torch.enable_grad():
        prediction = predict(problem.model, point, support.x, step=num_inner_steps, normalization=normalization)
        inner = torch.autograd.grad(
            problem.loss(prediction, support.y).sum(),
            values,
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        end = judged(problem, point, tasks, num_lanes, step=num_inner_steps, normalization=normalization)
        right = torch.autograd.grad(end.losses.sum(), values, allow_unused=True, materialize_grads=True)

    def system(vectors: list[Tensor]) -> list[Tensor]:
        products = torch.autograd.grad(
            inner, values, vectors, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return [v + product / aligned(weight, product) for v, product in zip(vectors, products, strict=True)]

    solution, residual = conjugate_gradients(system, list(right), num_solver_steps)
    gradient = mean_over_tasks(dict(zip(point, solution, strict=True)), num_lanes)
    return MetaGradient(
        gradient,
        **of_all(end),
        residual=residual.view(num_lanes, num_tasks).amax(1),
        statistics=stacked(adapted.records),
    )


def conjugate_gradients(
    system: Callable[[list[Tensor]], list[Tensor]], right: list[Tensor], num_steps: int
) -> tuple[list[Tensor], Tensor]:
    """Solve B symmetric systems at once (Hestenes & Stiefel 1952), from zero.

    Returns:
        The solutions, shaped like `right` (tensors [B, ...]), and each system's true relative residual ||b - A x|| / ||b||, [B]. A system that curves downwards
        along the way keeps what it has so far, at least `right` itself; its residual says so.
    """

    def dot(a: list[Tensor], b: list[Tensor]) -> Tensor:
        return torch.stack([(x * y).flatten(1).sum(1) for x, y in zip(a, b, strict=True)]).sum(0)

    def plus(a: list[Tensor], factor: Tensor, b: list[Tensor]) -> list[Tensor]:
        return [x + aligned(factor, y) * y for x, y in zip(a, b, strict=True)]

    solution = [torch.zeros_like(value) for value in right]
    rest, direction = right, right
    size = start = dot(rest, rest)
    tiny = torch.finfo(size.dtype).tiny
    going = size > 0
    started = torch.zeros_like(going)
    for _ in range(num_steps):
        product = system(direction)
        curvature = dot(direction, product)
        # Away from a minimum a system may curve downwards; there the method has no meaning and stops (Steihaug 1983).
        going = going & (curvature > 0) & (size > 0)
        started = started | going
        step = torch.where(going, size / curvature.clamp_min(tiny), 0.0)
        solution = plus(solution, step, direction)
        rest = plus(rest, -step, product)
        new_size = dot(rest, rest)
        direction = plus(rest, new_size / size.clamp_min(tiny), direction)
        size = new_size
    solution = [torch.where(started.view(-1, *[1] * (x.ndim - 1)), x, y) for x, y in zip(solution, right, strict=True)]
    # What the recursion carries along falls without end; what is left of the system itself stops at rounding.
    left = plus(right, torch.full_like(start, -1.0), system(solution))
    return solution, (dot(left, left) / start.clamp_min(tiny)).sqrt()
