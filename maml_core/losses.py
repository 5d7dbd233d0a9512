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
    _check_shapes(prediction, target)
    return (prediction - target).square().flatten(1).mean(1)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy in nats of each task, [B]: the MEAN over its examples, where the released MAML code sums over the classes, which
    is `ways` times as much.

    Args:
        logits: [B, points, ways]; before the softmax.
        target: Probabilities of the same shape, usually one-hot.

    Raises:
        ValueError: Logits and targets differ in shape.
    """
    _check_shapes(logits, target)
    return -(target * logits.log_softmax(2)).sum(2).mean(1)


def accuracy(logits: Tensor, target: Tensor) -> Tensor:
    """Share of the examples of each task whose largest logit is the target's class, [B]; NaN logits are never right. Has no gradient.

    >>> import torch
    >>> accuracy(torch.tensor([[[2.0, 1.0], [2.0, 1.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    tensor([0.5000])

    Raises:
        ValueError: Logits and targets differ in shape.
    """
    _check_shapes(logits, target)
    right = (logits.detach().argmax(2) == target.argmax(2)) & ~logits.detach().isnan().any(2)
    return right.to(logits.dtype).mean(1)


def _check_shapes(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise ValueError(f"predictions {tuple(prediction.shape)} and targets {tuple(target.shape)} differ in shape")
