"""The ONE inner loop (Finn et al. 2017, algorithm 1, lines 5-6; Antoniou et al. 2018, equation 2).

theta_k = theta_{k-1} - alpha * grad L_support(theta_{k-1}),  k = 1..N

Training, evaluation, curvature and every screen adapt through `adapt`; what they want to know of the way is the argument `record`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from maml_core.losses import Loss
from maml_core.models import Model
from maml_core.params import aligned, leaves
from maml_core.types import Examples, Params

Record = TypeVar("Record")


class Adapted(NamedTuple, Generic[Record]):
    """Where the inner loop ended and what was recorded on the way."""

    theta: Params
    """theta_N, [B, ...]."""
    records: list[Record]
    """``record(theta_k)`` for k = 0..N; empty without `record`."""


def adapt(
    theta_0: Params,
    support: Examples,
    *,
    model: Model,
    loss: Loss,
    alpha: float | Tensor,
    num_steps: int,
    order: Literal["second", "first"],
    record: Callable[[Params], Record] | None = None,
) -> Adapted[Record]:
    """Adapt B copies of theta_0, each to its own support points.

    Args:
        theta_0: Parameters, [B, ...].
        support: Points to learn from, [B, K, ...].
        model: Gives predictions.
        loss: Mean loss of each task, [B].
        alpha: Inner step size, a number or [B].
        num_steps: N >= 0; 0 returns theta_0.
        order: "second" keeps the graph of the inner gradients, so that a gradient of theta_N with respect to theta_0 is exact;
            "first" treats them as constants. Where nothing is differentiated afterwards, "first" is the cheap and equal choice.
        record: Called with theta_0, theta_1, ..., theta_N.

    Returns:
        theta_N, differentiable with respect to theta_0 where theta_0 requires a gradient, and the records.

    Raises:
        ValueError: An order of another name, or a negative number of steps.
    """
    if order not in ("second", "first"):
        raise ValueError(f"order = {order!r}: choose 'second' or 'first'")
    if num_steps < 0:
        raise ValueError(f"num_steps = {num_steps}: give a number from 0 on")
    theta = theta_0
    records = [] if record is None else [record(theta)]
    for _ in range(num_steps):
        # Without a graph to theta_0 there is nothing that a second-order graph could add.
        second = order == "second" and any(value.requires_grad for value in theta.values())
        point = theta if second else leaves(theta)
        with torch.enable_grad():
            # Tasks do not touch each other, so the gradient of the sum holds each task's own gradient.
            total = loss(model.apply(point, support.x), support.y).sum()
            gradient = torch.autograd.grad(total, list(point.values()), create_graph=second, materialize_grads=True)
        theta = {
            name: value - aligned(alpha, value) * g for (name, value), g in zip(theta.items(), gradient, strict=True)
        }
        if record is not None:
            records.append(record(theta))
    return Adapted(theta, records)
