"""What adaptation does to each layer: are features reused or learned anew? (Raghu et al. 2020; linear CKA of Kornblith et al. 2019, section 3)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from maml_core.analysis.angles import columns_of_layers, length
from maml_core.analysis_records import LayerChanges
from maml_core.inner import Adaptation, adapt, as_adaptation
from maml_core.landscape import flat
from maml_core.models import Model
from maml_core.normalization import as_taken
from maml_core.params import over_tasks
from maml_core.problem import Problem
from maml_core.records import Numbers
from maml_core.threads import single_threaded
from maml_core.types import Params, Tasks


@single_threaded
def layer_changes(
    theta_0: Params, tasks: Tasks, *, problem: Problem, how: Adaptation, num_steps: int, x: Tensor | None = None
) -> LayerChanges:
    """Similarity of each layer's outputs before and after adaptation, beside how far its parameters move. Changes nothing.

    Of a few points CKA is higher than of many: points are best many more than a task is learned from.

    Args:
        theta_0: One lane of parameters, [1, ...].
        tasks: T tasks.
        problem: Model and loss.
        how: How theta_0 adapts.
        num_steps: N.
        x: Inputs at which outputs are compared, [T or 1, points, inputs]; None takes the tasks' query points.

    Raises:
        TypeError: The model does not say what its layers give.
    """
    if not callable(getattr(problem.model, "features", None)):
        raise TypeError(
            f"model is a {type(problem.model).__name__}, which has no features(theta, x): the outputs of its layers"
        )
    num_tasks = tasks.support.x.shape[0]
    by_task, start = as_adaptation(how).for_tasks(num_tasks), over_tasks(theta_0, num_tasks)
    points = tasks.query.x if x is None else x.expand(num_tasks, -1, -1)

    def outputs(theta: Params, step: int) -> Mapping[str, Tensor]:
        normalization = by_task.normalization
        support_x = tasks.support.x if normalization.treatment == "support" else None
        taken = as_taken(problem.model, theta, step=step, normalization=normalization, support_x=support_x)
        return problem.model.features(taken, points)

    with torch.no_grad():
        end = adapt(
            start,
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            how=by_task,
            num_steps=num_steps,
            order="first",
        ).theta
        before, after = outputs(start, 0), outputs(end, num_steps)
        similarity = [linear_cka(before[layer].double(), after[layer].double()).cpu().numpy() for layer in before]
    moved = layer_moves(problem.model, start, end)
    return LayerChanges(
        tuple(before), np.stack(similarity, axis=1), np.stack([moved[layer] for layer in before], axis=1)
    )


def layer_moves(model: Model, start: Params, end: Params) -> dict[str, Numbers]:
    """||end - start|| / ||start|| of each layer's parameters, [B]; a layer that is zero at the start has moved infinitely far, or not at all."""
    at_start = flat(start).double().cpu().numpy()
    moved = flat(end).double().cpu().numpy() - at_start
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            layer: np.where(moved_far > 0.0, moved_far / length(at_start[:, columns]), moved_far)
            for layer, columns in columns_of_layers(model, start).items()
            for moved_far in [length(moved[:, columns])]
        }


def linear_cka(one: Tensor, other: Tensor) -> Tensor:
    """Linear centred kernel alignment of outputs at the same points, [B, points, width] each: [B] (Kornblith et al. 2019, equation 4).

    ||Y'X||^2 / (||X'X|| ||Y'Y||) of centred columns, by the points' inner products, which are fewer than a convolution's outputs.
    """
    inner_one, inner_other = (
        torch.bmm(centred, centred.transpose(1, 2))
        for centred in (values - values.mean(1, keepdim=True) for values in (one, other))
    )

    def product(left: Tensor, right: Tensor) -> Tensor:
        return (left * right).flatten(1).sum(1)

    length = (product(inner_one, inner_one) * product(inner_other, inner_other)).sqrt()
    return torch.where(length > 0.0, product(inner_one, inner_other) / length, torch.nan)
