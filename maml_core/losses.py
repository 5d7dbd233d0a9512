"""Losses of many tasks at once. Every loss is the MEAN over a task's examples (and outputs)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
"""(predictions [B, points, outputs], targets) -> one loss a task [B]."""


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of each task, [B].

    Raises:
        ValueError: Predictions and targets differ in shape.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"predictions {tuple(prediction.shape)} and targets {tuple(target.shape)} differ in shape")
    return (prediction - target).square().flatten(1).mean(1)
