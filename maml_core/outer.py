"""The meta-loss and the meta-gradient of every algorithm, built on the one inner loop.

theta_0 <- theta_0 - beta * grad_{theta_0} mean over tasks of L_query(theta_N(theta_0))   (Finn et al. 2017, equation 1)

- `meta_gradient` differentiates through the inner steps: MAML, FOMAML (first order), ANIL (only the head adapts), Meta-SGD and
  MAML++'s learned rates (the rates are differentiated as well), and MAML++'s multi-step loss (`step_weights`). Joint pretraining is
  N = 0, which equals alpha = 0: the gradient of the plain query loss.
- `reptile_gradient` uses where the inner loop ended; `implicit_gradient` (iMAML) what holds at the end of a proximal inner problem.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from maml_core.inner import adapt
from maml_core.params import aligned, detached, leaves, over_tasks, per_lane
from maml_core.problem import Problem
from maml_core.types import Examples, Params, Rates, Tasks


class MetaGradient(NamedTuple):
    """The meta-loss at theta_0 and its gradient."""

    gradient: Params
    """Of each lane's meta-loss with respect to its theta_0, [L, ...]."""
    query_loss: Tensor
    """Query loss after N steps, mean over tasks, [L]."""
    task_losses: Tensor
    """Query loss after N steps of each task, [L, T]."""
    rates_gradient: tuple[Params, ...] = ()
    """With respect to the learned rates, where there are any."""
    residual: Tensor | None = None
    """iMAML only: relative residual of the linear solve, the worst task of each lane, [L]."""


def meta_gradient(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    alpha: float | Tensor | Rates,
    num_inner_steps: int,
    order: Literal["second", "first"] = "second",
    names: Collection[str] | None = None,
    step_weights: Sequence[float] | None = None,
) -> MetaGradient:
    """Gradient of the mean query loss after adaptation.

    Args:
        theta_0: L lanes of parameters, [L, ...]; never changed.
        tasks: T tasks, common to all lanes.
        problem: Model and loss.
        alpha: Inner step size: a number, one per lane [L], or learned rates of L lanes, which then get a gradient too.
        num_inner_steps: N >= 0.
        order: "second" (MAML) or "first" (FOMAML).
        names: Parameters that adapt in the inner loop; None for all. All of them are meta-learned.
        step_weights: Weights of the query losses after 1..N steps in the meta-loss (multi-step loss, Antoniou et al. 2018, equation 4);
            None counts the last one only.

    Raises:
        ValueError: `step_weights` are not N numbers.
    """
    num_lanes, num_tasks = next(iter(theta_0.values())).shape[0], tasks.support.x.shape[0]
    if step_weights is not None and len(step_weights) != num_inner_steps:
        raise ValueError(f"{len(step_weights)} step weights for {num_inner_steps} inner steps; one a step is needed")
    start, rates = leaves(theta_0), learned(alpha)

    def query_losses(theta: Params) -> Tensor:
        return _query_losses(problem, theta, tasks, num_lanes)

    with torch.enable_grad():
        adapted = adapt(
            over_tasks(start, num_tasks),
            for_lanes(tasks.support, num_lanes),
            model=problem.model,
            loss=problem.loss,
            alpha=alpha_over_tasks(rates or alpha, num_tasks),
            num_steps=num_inner_steps,
            order=order,
            names=names,
            record=query_losses if step_weights is not None else None,
        )
        if step_weights is None:
            task_losses = query_losses(adapted.theta)
            meta_loss = task_losses.mean(1)
        else:
            task_losses = adapted.records[-1]
            weighted = zip(step_weights, adapted.records[1:], strict=True)
            meta_loss = torch.stack([weight * losses.mean(1) for weight, losses in weighted]).sum(0)
        wanted = [*start.values(), *(rate for entry in rates for rate in entry.values())]
        found = iter(torch.autograd.grad(meta_loss.sum(), wanted, allow_unused=True, materialize_grads=True))
    gradient = {name: next(found) for name in start}
    rates_gradient = tuple({name: next(found) for name in entry} for entry in rates)
    return MetaGradient(gradient, task_losses.detach().mean(1), task_losses.detach(), rates_gradient)


def reptile_gradient(
    theta_0: Params, tasks: Tasks, *, problem: Problem, alpha: float | Tensor, num_inner_steps: int
) -> MetaGradient:
    """(theta_0 - theta_N) / (alpha N), mean over tasks (Nichol et al. 2018, algorithm 1, divided so that it is on a gradient's scale).

    Raises:
        ValueError: N = 0 or alpha = 0, where nothing moves.
    """
    if num_inner_steps < 1 or (isinstance(alpha, float | int) and alpha <= 0):
        raise ValueError(f"Reptile needs N >= 1 and alpha > 0, not N = {num_inner_steps} and alpha = {alpha}")
    num_lanes, num_tasks = next(iter(theta_0.values())).shape[0], tasks.support.x.shape[0]
    with torch.no_grad():
        start = over_tasks(detached(theta_0), num_tasks)
        rate = per_lane(alpha, num_tasks)
        theta_n = adapt(
            start,
            for_lanes(tasks.support, num_lanes),
            model=problem.model,
            loss=problem.loss,
            alpha=rate,
            num_steps=num_inner_steps,
            order="first",
        ).theta
        moved = {
            name: (start[name] - value) / (aligned(rate, value) * num_inner_steps) for name, value in theta_n.items()
        }
        task_losses = _query_losses(problem, theta_n, tasks, num_lanes)
    return MetaGradient(mean_over_tasks(moved, num_lanes), task_losses.mean(1), task_losses)


def implicit_gradient(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    alpha: float | Tensor,
    num_inner_steps: int,
    proximal: float,
    num_solver_steps: int,
) -> MetaGradient:
    """The gradient of iMAML (Rajeswaran et al. 2019, lemma 1): g solves (I + H / lambda) g = grad L_query(phi), mean over tasks.

    phi is where `num_inner_steps` gradient steps on L_support + lambda / 2 ||phi - theta_0||^2 end, H the support Hessian there. The
    system is solved by conjugate gradients, which need no graph of the inner loop; the result is exact when phi is a minimum and the
    solver has converged, and `residual` tells how far the second is from true.

    Args:
        theta_0: L lanes of parameters, [L, ...].
        tasks: T tasks, common to all lanes.
        problem: Model and loss.
        alpha: Step size of the inner solver, a number or one per lane [L].
        num_inner_steps: Steps of the inner solver.
        proximal: lambda > 0.
        num_solver_steps: Steps of conjugate gradients.
    """
    num_lanes, num_tasks = next(iter(theta_0.values())).shape[0], tasks.support.x.shape[0]
    support = for_lanes(tasks.support, num_lanes)
    with torch.no_grad():
        phi = adapt(
            over_tasks(detached(theta_0), num_tasks),
            support,
            model=problem.model,
            loss=problem.loss,
            alpha=per_lane(alpha, num_tasks),
            num_steps=num_inner_steps,
            order="first",
            proximal=proximal,
        ).theta
    point = leaves(phi)
    values = list(point.values())
    with torch.enable_grad():
        support_loss = problem.loss(problem.model.apply(point, support.x), support.y).sum()
        inner = torch.autograd.grad(support_loss, values, create_graph=True)
        task_losses = _query_losses(problem, point, tasks, num_lanes)
        right = torch.autograd.grad(task_losses.sum(), values)

    def system(vectors: list[Tensor]) -> list[Tensor]:
        products = torch.autograd.grad(
            inner, values, vectors, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return [v + product / proximal for v, product in zip(vectors, products, strict=True)]

    solution, residual = conjugate_gradients(system, list(right), num_solver_steps)
    gradient = mean_over_tasks(dict(zip(point, solution, strict=True)), num_lanes)
    losses = task_losses.detach()
    return MetaGradient(gradient, losses.mean(1), losses, residual=residual.view(num_lanes, num_tasks).amax(1))


def conjugate_gradients(
    system: Callable[[list[Tensor]], list[Tensor]], right: list[Tensor], num_steps: int
) -> tuple[list[Tensor], Tensor]:
    """Solve B symmetric systems at once (Hestenes & Stiefel 1952), from zero.

    Returns:
        The solutions, shaped like `right` (tensors [B, ...]), and each system's relative residual [B]. A system that curves downwards
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
    return solution, (size / start.clamp_min(tiny)).sqrt()


def learned(alpha: float | Tensor | Rates) -> tuple[Params, ...]:
    """Learned rates as leaves that require a gradient; empty where alpha is a given number."""
    return () if isinstance(alpha, float | int | Tensor) else tuple(leaves(entry) for entry in alpha)


def alpha_over_tasks(alpha: float | Tensor | Rates, num_tasks: int) -> float | Tensor | Rates:
    """Each lane's step size or learned rates for each of its tasks."""
    if isinstance(alpha, float | int | Tensor):
        return per_lane(alpha, num_tasks)
    return [over_tasks(entry, num_tasks) for entry in alpha]


def mean_over_tasks(theta: Params, num_lanes: int) -> Params:
    """[L * T, ...] -> [L, ...]."""
    return {name: value.view(num_lanes, -1, *value.shape[1:]).mean(1) for name, value in theta.items()}


def _query_losses(problem: Problem, theta: Params, tasks: Tasks, num_lanes: int) -> Tensor:
    query = for_lanes(tasks.query, num_lanes)
    return problem.loss(problem.model.apply(theta, query.x), query.y).view(num_lanes, -1)


def for_lanes(examples: Examples, num_lanes: int) -> Examples:
    """The same tasks for every lane: [T, ...] -> [L * T, ...]."""
    if num_lanes == 1:
        return examples
    return Examples(*(values.repeat(num_lanes, *[1] * (values.ndim - 1)) for values in examples))
