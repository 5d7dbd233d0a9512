"""What the network says of new points of a task, once it has adapted to a few."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from maml_core.config import RunConfig
from maml_core.inner import adapt
from maml_core.normalization import predict as predictions
from maml_core.params import detached
from maml_core.plain import whole_number
from maml_core.problem import Problem, torch_dtype
from maml_core.run_state import RunState, rule
from maml_core.runs import problem_of
from maml_core.threads import single_threaded
from maml_core.types import Examples, Params

Points = Tensor | npt.ArrayLike
"""Inputs or targets of one task, as a tensor, an array or a list: [points, width], or [points] where the width is 1."""


@single_threaded
def predict(
    config: RunConfig,
    state: RunState,
    x_support: Points,
    y_support: Points,
    x: Points,
    *,
    num_steps: int | None = None,
    problem: Problem | None = None,
) -> Tensor:
    """Adapt theta_0 to one task as the run does, and predict at x.

    Args:
        config: The run's.
        state: Where it stands.
        x_support: Inputs of the points to adapt to, [K, inputs]. Images may be [K, channels, height, width], from 0 (paper) to 1 (ink).
        y_support: Their targets, [K, outputs]; of classes their numbers, [K], from 0 on.
        x: Where to predict, [points, inputs].
        num_steps: Inner steps; None takes the run's N.
        problem: In place of the one that the config names.

    Returns:
        Predictions [points, outputs]: of classes the logits. Where targets were [K] and are no classes, [points].

    Raises:
        ValueError: Shapes that do not fit the network, a class that it has not, no points to adapt to, or values of them that are missing.
        StateError: The state is of another model than the problem's.

    >>> import numpy as np
    >>> from maml_core import init_run
    >>> x = np.linspace(-5.0, 5.0, 10)
    >>> predict(RunConfig(), init_run(RunConfig()), x, np.sin(x), [0.0, 1.0, 2.0]).shape
    torch.Size([3])
    """
    problem, dtype = problem_of(config, state, problem), torch_dtype(config)
    num_steps = config.num_inner_steps if num_steps is None else whole_number("num_steps", num_steps)
    support, flat = support_of(config, problem, x_support, y_support)
    points = _rows("x", x, problem.family.num_inputs, dtype).to(problem.device)
    with torch.no_grad():
        found: Tensor = predictions(
            problem.model,
            adapted(config, state, support, num_steps, problem=problem),
            points.unsqueeze(0),
            step=num_steps,
            normalization=rule(config, problem, state.meta).normalization,
            support_x=support.x,
            first_order_only=True,
        )[0]
    return found[:, 0] if flat and found.shape[1:] == (1,) else found


def support_of(config: RunConfig, problem: Problem, x: Points, y: Points) -> tuple[Examples, bool]:
    """The points of one task as the inner loop takes them, [1, K, ...], and whether targets were given as [K], not as classes.

    Raises:
        ValueError: Shapes that do not fit the problem, a class that it has not, no points, or values that are missing or infinite.
    """
    dtype = torch_dtype(config)
    support_x = _rows("x_support", x, problem.family.num_inputs, dtype).to(problem.device)
    targets, flat = _targets(y, problem.family.num_outputs, dtype, classes=problem.accuracy is not None)
    if len(targets) != len(support_x):
        raise ValueError(
            f"x_support has {len(support_x)} points and y_support {len(targets)}; give one target for each"
        )
    if not len(targets):
        raise ValueError("x_support has no points: give at least one to adapt to")
    for name, values in (("x_support", support_x), ("y_support", targets)):
        if wrong := int((~torch.isfinite(values)).any(1).sum()):
            raise ValueError(f"{name} has {wrong} points with missing or infinite values; leave them out")
    return Examples(support_x.unsqueeze(0), targets.unsqueeze(0).to(problem.device)), flat


def adapted(config: RunConfig, state: RunState, support: Examples, num_steps: int, *, problem: Problem) -> Params:
    """Theta_N of one task: theta_0 after so many inner steps, as the run adapts to held-out tasks."""
    theta = adapt(
        detached(state.meta.theta),
        support,
        model=problem.model,
        loss=problem.loss,
        num_steps=num_steps,
        order="first",
        how=rule(config, problem, state.meta),
    ).theta
    return detached(theta)


def _tensor(name: str, values: Any) -> Tensor:
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} is a {type(values).__name__} that is no table of numbers: {error}") from None


def _rows(name: str, values: Points, width: int, dtype: torch.dtype) -> Tensor:
    """[points, width] of what people write for it."""
    found = _tensor(name, values).to(dtype)
    if found.ndim == 1 and width == 1:
        found = found.unsqueeze(1)
    if found.ndim > 2 and math.prod(found.shape[1:]) == width:
        found = found.flatten(1)
    if found.ndim != 2 or found.shape[1] != width:
        raise ValueError(f"{name} has shape {list(_tensor(name, values).shape)}, where [points, {width}] is expected")
    return found


def _targets(values: Points, width: int, dtype: torch.dtype, *, classes: bool) -> tuple[Tensor, bool]:
    """[points, width], and whether they were given as [points]. Numbers of classes become one-hot."""
    found = _tensor("y_support", values)
    if classes and found.ndim == 1:
        if found.is_floating_point() or found.is_complex() or not bool(((found >= 0) & (found < width)).all()):
            raise ValueError(f"y_support = {found.tolist()}: the numbers of classes are whole, from 0 to {width - 1}")
        return functional.one_hot(found.long(), width).to(dtype), False
    return _rows("y_support", found, width, dtype), found.ndim == 1
