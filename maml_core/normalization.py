"""Batch norm in adaptation: whose statistics a prediction uses, and which scale, shift and averages belong to an inner step.

What belongs to a step is kept under a name that starts with ``steps/``, with an axis of steps behind that of lanes or tasks: learned
scale and shift (BNWB, Antoniou et al. 2018, section 4) in theta, running averages (BNRS) beside it. `at_step` picks one step; a step
beyond the last uses the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, assert_never

import torch
from torch import Tensor

from maml_core.models import Model
from maml_core.params import detached, over_tasks
from maml_core.types import Examples, Params

PER_STEP = "steps/"

Treatment = Literal["batch", "support", "running"]


class Normalization(NamedTuple):
    """Whose mean and variance batch norm uses; a model without batch norm does not care."""

    treatment: Treatment = "batch"
    running: Mapping[str, Tensor] = {}
    """The running averages that stand in for a batch's own, [B, S, width] under ``steps/`` names."""

    def for_tasks(self, num_tasks: int) -> Normalization:
        """Each lane's running averages for each of its tasks."""
        return self._replace(running=over_tasks(dict(self.running), num_tasks))


BY_BATCH = Normalization()
"""Each batch by its own statistics."""


def at_step(theta: Params, step: int) -> Params:
    """Theta as the model takes it after `step` inner steps: of what belongs to a step, that step's."""
    if not any(name.startswith(PER_STEP) for name in theta):
        return theta
    return {
        name.removeprefix(PER_STEP): value[:, min(step, value.shape[1] - 1)] if name.startswith(PER_STEP) else value
        for name, value in theta.items()
    }


def predict(
    model: Model,
    theta: Params,
    x: Tensor,
    *,
    step: int,
    normalization: Normalization,
    support_x: Tensor | None = None,
    first_order_only: bool = False,
) -> Tensor:
    """Predictions for x [B, points, inputs] of parameters that have taken `step` inner steps.

    Args:
        model: Gives predictions.
        theta: Parameters, [B, ...].
        x: Inputs.
        step: k of theta_k.
        normalization: Whose statistics batch norm uses.
        support_x: The support inputs of the same tasks; needed to judge other points under the treatment ``support``.
        first_order_only: The predictions are differentiated once at most; see `Model.apply`.
    """
    settled = as_taken(
        model, theta, step=step, normalization=normalization, support_x=support_x, first_order_only=first_order_only
    )
    return model.apply(settled, x, first_order_only=first_order_only)


def as_taken(
    model: Model,
    theta: Params,
    *,
    step: int,
    normalization: Normalization,
    support_x: Tensor | None = None,
    first_order_only: bool = False,
) -> Params:
    """Theta as the model takes it to predict, with the statistics that the treatment gives it. The arguments are those of `predict`."""
    theta = at_step(theta, step)
    match normalization.treatment:
        case "support":
            if support_x is not None:
                theta = {**theta, **model.statistics(theta, support_x, first_order_only=first_order_only)}
        case "running":
            if normalization.running:
                theta = {**theta, **at_step(dict(normalization.running), step)}
        case "batch":
            pass
        case other:
            assert_never(other)
    return theta


def measured(
    model: Model, theta: Params, support: Examples, query: Examples, *, step: int, running: Mapping[str, Tensor]
) -> Params:
    """Batch norm's statistics on the points of each task at theta_k, as they arise under the running averages: [B, width], outside any
    graph.
    """
    with torch.no_grad():
        theta = {**detached(at_step(theta, step)), **at_step(dict(running), step)}
        return model.statistics(theta, torch.cat([support.x, query.x], dim=1), first_order_only=True)


def per_step(params: Params, num_steps: int) -> Params:
    """Copies for `num_steps` steps: [L, ...] -> [L, S, ...], under ``steps/`` names."""
    return {
        PER_STEP + name: value.unsqueeze(1).repeat(1, num_steps, *[1] * (value.ndim - 1))
        for name, value in params.items()
    }


def averaged(running: Params, batch: Params, momentum: float) -> Params:
    """Running averages, a step of `momentum` further towards a batch's statistics [L, S', width].

    Where one average serves all steps (S = 1), the batch's steps are averaged first; a run that now takes fewer steps than it has
    averages for leaves the others as they are.
    """
    moved: Params = {}
    for name, old in running.items():
        new = batch[name]
        if old.shape[1] == 1:
            new = new.mean(1, keepdim=True)
        count = min(old.shape[1], new.shape[1])
        moved[name] = torch.cat([torch.lerp(old[:, :count], new[:, :count], momentum), old[:, count:]], dim=1)
    return moved
