"""iMAML (Rajeswaran et al. 2019): the meta-gradient from what holds at the end of a proximal inner problem."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from maml_core.inner import Adaptation, adapt, as_adaptation
from maml_core.normalization import predict
from maml_core.outer import (
    MetaGradient,
    judged,
    lane_statistics,
    mean_over_tasks,
    outcome,
    stacked,
    tasks_for_lanes,
)
from maml_core.params import aligned, detached, leaves, over_tasks
from maml_core.problem import Problem
from maml_core.types import Examples, Params, Tasks


def implicit_gradient(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_inner_steps: int,
    num_solver_steps: int,
    own_tasks: bool = False,
) -> MetaGradient:
    """The gradient of iMAML (Rajeswaran et al. 2019, lemma 1): g solves (I + H / lambda) g = grad L_query(phi), mean over tasks.

    phi is where `num_inner_steps` gradient steps on L_support + lambda / 2 ||phi - theta_0||^2 end, H the support Hessian there. The
    system is solved by conjugate gradients, which need no graph of the inner loop; the result is exact when phi is a minimum and the
    solver has converged, and `residual` tells how far the second is from true. Conjugate gradients magnify rounding step by step, so
    the system is set up and solved in double precision whatever that of theta_0, which the result has.

    Args:
        theta_0: L lanes of parameters, [L, ...].
        tasks: T tasks, common to all lanes, or the lanes' own.
        problem: Model and loss.
        how: How the L lanes adapt: the step size of the inner solver and lambda > 0, its `proximal`. What is learned gets no gradient.
        num_inner_steps: Steps of the inner solver.
        num_solver_steps: Steps of conjugate gradients.
        own_tasks: Each lane has T tasks of its own, lane by lane: [L * T, ...].

    Raises:
        ValueError: No proximal term, or only some parameters adapt: the system is that of all.
    """
    how = as_adaptation(how)
    if not how.is_proximal:
        raise ValueError("iMAML needs a proximal term: give Adaptation(..., proximal=) a weight above 0")
    if how.names is not None:
        raise ValueError(f"names = {how.names}: in iMAML all parameters adapt; leave names out")
    first = next(iter(theta_0.values()))
    num_lanes, dtype = first.shape[0], first.dtype
    tasks, num_tasks = tasks_for_lanes(tasks, num_lanes, own=own_tasks)
    how, support = how.for_tasks(num_tasks), tasks.support
    normalization = how.normalization
    with torch.no_grad():
        adapted = adapt(
            over_tasks(detached(theta_0), num_tasks),
            support,
            model=problem.model,
            loss=problem.loss,
            how=how,
            num_steps=num_inner_steps,
            order="first",
            record=lambda step, theta: lane_statistics(
                problem, theta, tasks, num_lanes, step=step, normalization=normalization
            ),
        )
    point = leaves({name: value.double() for name, value in adapted.theta.items()})
    values, weight = list(point.values()), torch.as_tensor(how.proximal, dtype=torch.float64, device=first.device)
    precise = Tasks(_precise(support), _precise(tasks.query), tasks.parameters)
    averages = {name: value.double() for name, value in normalization.running.items()}
    normalization = normalization._replace(running=averages)
    with torch.enable_grad():
        x, y = precise.support
        prediction = predict(problem.model, point, x, step=num_inner_steps, normalization=normalization)
        inner = torch.autograd.grad(
            problem.loss(prediction, y).sum(),
            values,
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        end = judged(problem, point, precise, num_lanes, step=num_inner_steps, normalization=normalization)
        right = torch.autograd.grad(end.losses.sum(), values, allow_unused=True, materialize_grads=True)

    def system(vectors: list[Tensor]) -> list[Tensor]:
        products = torch.autograd.grad(
            inner, values, vectors, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return [v + product / aligned(weight, product) for v, product in zip(vectors, products, strict=True)]

    solution, residual = conjugate_gradients(system, list(right), num_solver_steps)
    gradient = mean_over_tasks(dict(zip(point, solution, strict=True)), num_lanes)
    as_given = end._replace(losses=end.losses.to(dtype))
    return MetaGradient(
        {name: value.to(dtype) for name, value in gradient.items()},
        **outcome(as_given),
        residual=residual.view(num_lanes, num_tasks).amax(1).to(dtype),
        statistics=stacked(adapted.records),
    )


def _precise(examples: Examples) -> Examples:
    """Inputs and targets in double precision; labels, which are whole numbers, as they are."""
    return Examples(*(value.double() if value.is_floating_point() else value for value in examples))


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
