"""Training from scratch: for each task the initial weights, trained on its support points alone until that stops helping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from maml_core.config import RunConfig
from maml_core.evaluation import Evaluation, concatenated, in_parts
from maml_core.normalization import BY_BATCH, Normalization, Treatment, predict
from maml_core.optim import OptimizerState, adam, init_optimizer
from maml_core.params import leaves, over_tasks
from maml_core.problem import Problem
from maml_core.threads import single_threaded
from maml_core.types import Params, Tasks

SCRATCH_BETA = 0.01
"""Adam's step size in training from scratch. 0.003 and 0.001 end at the same query losses, later; so do stricter rules of ending."""

CHECK_EVERY = 100
"""Steps between two looks at the losses."""

FITTED = 1e-4
"""Training on a task ends when its support loss is below this share of the zero predictor's."""

IMPROVEMENT = 0.1
"""It also ends when its support loss has not fallen by this share within the last `PATIENCE` steps."""

PATIENCE = 1000


class ScratchResult(NamedTuple):
    """Training from scratch on T tasks, at H steps from 0 to the end. A task that has ended keeps its last losses.

    Losses are of the parameters with the lowest support loss so far.
    """

    steps: Tensor
    """[H]"""
    support_loss: Tensor
    """[H, T]"""
    query_loss: Tensor
    """[H, T]"""
    num_steps: Tensor
    """Steps that each task took, [T]."""
    converged: Tensor
    """Whether a task ended by itself, and not at the step limit, [T]."""
    zero_level: float
    """Expected loss of the zero predictor over the task family."""
    accuracy: Tensor | None = None
    """Share of right query predictions at the end, [T]; None in regression."""

    @property
    def evaluation(self) -> Evaluation:
        """The losses at the end, beside those of the initial weights."""
        accuracy = None if self.accuracy is None else self.accuracy.view(1, 1, -1)
        start, end = self.query_loss[0].view(1, -1), self.query_loss[-1].view(1, 1, -1)
        return Evaluation(end, self.zero_level, accuracy, start)


class _Training(NamedTuple):
    """Tasks that are still being trained, A of them."""

    place: Tensor
    """Which of all tasks they are, [A]."""
    tasks: Tasks
    theta: Params
    optimizer: OptimizerState
    best: Params
    """Parameters with the lowest support loss so far."""
    lowest: Tensor
    """That loss, [A]."""
    enough: Tensor
    """A support loss that counts as fitted, [A]."""
    fallen_to: Tensor
    """The support loss when it last fell clearly, [A]."""
    fell_at: Tensor
    """And the step, [A]."""


@single_threaded
def from_scratch(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    treatment: Treatment = "batch",
    beta: float = SCRATCH_BETA,
    max_steps: int = 10_000,
) -> ScratchResult:
    """Train a copy of theta_0 on each task's support points alone until that stops helping, by Adam on all of them at once.

    A task ends when its support loss is below `FITTED` times the zero predictor's, or has not fallen by the share `IMPROVEMENT` within
    `PATIENCE` steps, or at the limit. The query points decide nothing, and no task touches another. Changes nothing.

    Args:
        theta_0: The initial weights, one lane [1, ...].
        tasks: T tasks.
        problem: Model and loss.
        treatment: Whose statistics batch norm uses on the query points. Training sees no other points than the support's, so running
            averages are the support set's own statistics.
        beta: Adam's step size.
        max_steps: Step limit, a multiple of `CHECK_EVERY`.

    Raises:
        ValueError: Several lanes, or another step limit.
    """
    num_lanes, num_tasks = next(iter(theta_0.values())).shape[0], tasks.support.x.shape[0]
    if num_lanes != 1:
        raise ValueError(f"theta_0 has {num_lanes} lanes; give the initial weights, one lane")
    if max_steps < CHECK_EVERY or max_steps % CHECK_EVERY != 0:
        raise ValueError(f"max_steps = {max_steps}: give a multiple of {CHECK_EVERY}")

    def support_losses(theta: Params, tasks: Tasks) -> Tensor:
        return problem.loss(problem.model.apply(theta, tasks.support.x, first_order_only=True), tasks.support.y)

    def query(theta: Params, tasks: Tasks) -> tuple[Tensor, Tensor | None]:
        by = BY_BATCH if treatment == "batch" else Normalization("support")
        found = predict(
            problem.model,
            theta,
            tasks.query.x,
            step=0,
            normalization=by,
            support_x=tasks.support.x,
            first_order_only=True,
        )
        shares = None if problem.accuracy is None else problem.accuracy(found, tasks.query.y)
        return problem.loss(found, tasks.query.y), shares

    with torch.no_grad():
        theta = {name: value.detach().clone() for name, value in over_tasks(theta_0, num_tasks).items()}
        start = support_losses(theta, tasks)
        losses, accuracy = query(theta, tasks)
        steps, support_rows, query_rows = [0], [start], [losses]
        num_steps = torch.zeros(num_tasks, dtype=torch.int64, device=start.device)
        converged = torch.zeros_like(num_steps, dtype=torch.bool)
        now = _Training(
            place=torch.arange(num_tasks, device=start.device),
            tasks=tasks,
            theta=theta,
            optimizer=init_optimizer("adam", theta),
            best=theta,
            lowest=start,
            enough=FITTED * problem.loss(torch.zeros_like(tasks.support.y), tasks.support.y),
            fallen_to=start,
            fell_at=torch.zeros_like(num_steps),
        )
        while len(now.place) > 0 and steps[-1] < max_steps:
            for _ in range(CHECK_EVERY):
                now = _stepped(now, support_losses, beta)
            steps.append(steps[-1] + CHECK_EVERY)
            now = _judged(now, support_losses(now.theta, now.tasks), steps[-1])
            support_rows.append(support_rows[-1].index_copy(0, now.place, now.lowest))
            losses, shares = query(now.best, now.tasks)
            query_rows.append(query_rows[-1].index_copy(0, now.place, losses))
            if accuracy is not None and shares is not None:
                accuracy = accuracy.index_copy(0, now.place, shares)
            ended = (now.lowest <= now.enough) | (steps[-1] - now.fell_at >= PATIENCE)
            num_steps[now.place], converged[now.place] = steps[-1], ended
            now = _only(now, ~ended)
    return ScratchResult(
        steps=torch.tensor(steps),
        support_loss=torch.stack(support_rows),
        query_loss=torch.stack(query_rows),
        num_steps=num_steps,
        converged=converged,
        zero_level=problem.at_test.zero_level(),
        accuracy=accuracy,
    )


def scratch_evaluation(
    config: RunConfig, theta_0: Params, tasks: Tasks, *, problem: Problem, tasks_at_once: int = 1000
) -> Evaluation:
    """Where `from_scratch` ends, in groups of tasks, which bounds the memory: no task touches another."""
    parts = [
        from_scratch(theta_0, part, problem=problem, treatment=config.batch_norm_treatment).evaluation
        for part in in_parts(tasks, tasks_at_once)
    ]
    return concatenated(parts)


def _stepped(now: _Training, losses: Callable[[Params, Tasks], Tensor], beta: float) -> _Training:
    """One step of Adam on every task's support loss."""
    theta = leaves(now.theta)
    with torch.enable_grad():
        # Tasks do not touch each other, so the gradient of the sum holds each task's own gradient.
        found = torch.autograd.grad(losses(theta, now.tasks).sum(), list(theta.values()))
    theta, optimizer = adam(now.theta, dict(zip(theta, found, strict=True)), now.optimizer, beta=beta)
    return now._replace(theta=theta, optimizer=optimizer)


def _judged(now: _Training, support_loss: Tensor, step: int) -> _Training:
    """What is known of each task after this step's support loss. A NaN is never lower."""
    lower = support_loss < now.lowest
    lowest = torch.where(lower, support_loss, now.lowest)
    fell = lowest < (1.0 - IMPROVEMENT) * now.fallen_to
    return now._replace(
        best={
            name: torch.where(lower.view(-1, *[1] * (value.ndim - 1)), now.theta[name], value)
            for name, value in now.best.items()
        },
        lowest=lowest,
        fallen_to=torch.where(fell, lowest, now.fallen_to),
        fell_at=torch.where(fell, step, now.fell_at),
    )


def _only(part: Any, which: Tensor) -> Any:
    """Some of the tasks, in everything that is made of tensors with one row a task."""
    match part:
        case Tensor():
            return part[which]
        case dict():
            return {name: _only(value, which) for name, value in part.items()}
        case tuple():
            return type(part)(*(_only(value, which) for value in part))
        case _:
            return part
