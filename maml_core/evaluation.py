"""Evaluation on held-out tasks: the losses after each of 0..N_eval inner steps, and what is said of them.

Every task counts: the mean is over ALL tasks (inf if one is), and the median and the share of diverged tasks stand beside it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from maml_core.inner import adapt
from maml_core.normalization import BY_BATCH, Normalization
from maml_core.outer import alpha_over_tasks, for_lanes, lane_losses, normalization_over_tasks
from maml_core.params import over_tasks
from maml_core.problem import Problem
from maml_core.records import Summary
from maml_core.types import Examples, Params, Rates, Tasks

DIVERGED_FACTOR = 10.0
"""A task counts as diverged when its adapted loss is not finite or above this many times the zero predictor's loss on that task."""


class Evaluation(NamedTuple):
    """Query losses of every lane, step and task."""

    query_loss: Tensor
    """[N_eval + 1, L, T]; index 0 is before adaptation."""
    zero_loss: Tensor
    """Query loss of the zero predictor on each task, [T]."""


def evaluate(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    alpha: float | Tensor | Rates,
    num_steps: int,
    names: Collection[str] | None = None,
    proximal: float = 0.0,
    matrices: Params | None = None,
    normalization: Normalization = BY_BATCH,
    tasks_at_once: int = 1000,
) -> Evaluation:
    """Adapt theta_0 to every task and measure the query loss before each step and after the last. Changes nothing.

    Args:
        theta_0: L lanes of parameters, [L, ...].
        tasks: Held-out tasks, common to all lanes.
        problem: Model and loss.
        alpha: Inner step size: a number, one per lane [L], or learned rates; see `inner.adapt`.
        num_steps: N_eval >= 0; may be more or fewer steps than in training.
        names: Parameters that adapt; None for all.
        proximal: Weight of the proximal term.
        matrices: What the inner gradient is multiplied with, [L, d, d]; see `inner.adapt`.
        normalization: Whose statistics batch norm uses; running averages are those of L lanes.
        tasks_at_once: Bounds the memory; the result does not depend on it beyond rounding.
    """
    num_lanes = next(iter(theta_0.values())).shape[0]
    query_losses = []
    with torch.no_grad():
        for part in in_parts(tasks, tasks_at_once):
            num_tasks = part.support.x.shape[0]
            norm = normalization_over_tasks(normalization, num_tasks)

            def query_loss(step: int, theta: Params, part: Tasks = part, norm: Normalization = norm) -> Tensor:
                with torch.no_grad():
                    return lane_losses(problem, theta, part, num_lanes, step=step, normalization=norm)

            records = adapt(
                over_tasks(theta_0, num_tasks),
                for_lanes(part.support, num_lanes),
                model=problem.model,
                loss=problem.loss,
                alpha=alpha_over_tasks(alpha, num_tasks),
                num_steps=num_steps,
                order="first",
                names=names,
                proximal=proximal,
                matrices=None if matrices is None else over_tasks(matrices, num_tasks),
                normalization=norm,
                record=query_loss,
            ).records
            query_losses.append(torch.stack(records))
        zero_loss = problem.loss(torch.zeros_like(tasks.query.y), tasks.query.y)
    return Evaluation(torch.cat(query_losses, dim=2), zero_loss)


def summarize(evaluation: Evaluation, lane: int = 0) -> Summary:
    """Mean, its confidence interval, median and share of diverged tasks of one lane's query loss."""
    losses = evaluation.query_loss[:, lane].double().numpy()
    losses = np.where(np.isnan(losses), np.inf, losses)  # a NaN loss is a loss beyond all bounds
    finite = np.isfinite(losses).all(axis=1)
    spread = np.full(len(losses), np.inf)
    spread[finite] = 1.96 * losses[finite].std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    diverged = losses > DIVERGED_FACTOR * evaluation.zero_loss.double().numpy()
    return Summary(
        mean=losses.mean(axis=1), ci95=spread, median=np.median(losses, axis=1), diverged_share=diverged.mean(axis=1)
    )


def in_parts(tasks: Tasks, size: int) -> list[Tasks]:
    """The tasks in groups of `size`, the last one smaller."""
    count = tasks.support.x.shape[0]
    return [
        Tasks(
            Examples(tasks.support.x[at : at + size], tasks.support.y[at : at + size]),
            Examples(tasks.query.x[at : at + size], tasks.query.y[at : at + size]),
            tasks.parameters[at : at + size],
        )
        for at in range(0, count, size)
    ]
