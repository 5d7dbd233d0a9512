"""Losses of many tasks at once. Every loss is the MEAN over a task's examples (and outputs).

`per_task` makes such a loss of any other: of those of `torch.nn`, which give one number for all that they see, or one for each point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

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


class PerTask:
    """A loss of one's own, with one number a task [B] whatever it gives; see `per_task`."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.loss = loss
        self._is_batched: bool | None = None
        """Whether it gives one number a task by itself; not known before the first call."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """One number a task, [B].

        Raises:
            ValueError: The loss cannot be computed of one task's predictions and targets, or gives no tensor.
        """
        if self._is_batched is None:
            self._is_batched = self._gives_one_number_a_task(prediction, target)
        if self._is_batched:
            return self.loss(prediction, target)
        try:
            found: Tensor = vmap(self._of_one)(prediction, target)
        except Exception:  # it branches on a value, say; what it cannot do task by task either is said below
            found = torch.stack([self._said(*task) for task in zip(prediction.unbind(), target.unbind(), strict=True)])
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PerTask) and self.loss == other.loss

    def __hash__(self) -> int:
        return hash((PerTask, self.loss))

    def __repr__(self) -> str:
        return f"PerTask({self.loss!r})"

    def _of_one(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Loss of one task, [points, outputs]: its mean, where there is one for each point or output."""
        return self.loss(prediction, target).mean()

    def _said(self, prediction: Tensor, target: Tensor) -> Tensor:
        try:
            return self._of_one(prediction, target)
        except Exception as error:
            name = getattr(self.loss, "__name__", type(self.loss).__name__)
            raise ValueError(
                f"the loss {name} cannot be computed of one task's predictions {list(prediction.shape)} and targets {list(target.shape)} "
                f"({target.dtype}): {error}. Give a function of (predictions [tasks, points, outputs], targets) with one number a task, or "
                "one of (predictions [points, outputs], targets)"
            ) from error

    def _gives_one_number_a_task(self, prediction: Tensor, target: Tensor) -> bool:
        # As many tasks as there are of nothing else, so that they are told apart from points and outputs.
        count = next(count for count in (2, 3, 4, 5, 6) if count not in (*prediction.shape[1:], *target.shape[1:]))
        rows = torch.arange(count, device=prediction.device) % prediction.shape[0]
        try:
            found = self.loss(prediction.detach()[rows], target.detach()[rows])
        except Exception:  # made for one task at a time
            return False
        return isinstance(found, Tensor) and found.shape == (count,)


def per_task(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """A loss with one number a task, of any loss of predictions and targets.

    One that gives [B] for [B, points, outputs] stays as it is. Any other is called for each task by itself, with [points, outputs], and
    where it gives more than one number their mean is taken: so `torch.nn.HuberLoss()`, `torch.nn.CrossEntropyLoss()` and those with
    ``reduction="none"`` are what one would write for a single task.

    >>> import torch
    >>> per_task(torch.nn.MSELoss())(torch.tensor([[[1.0]], [[3.0]]]), torch.zeros(2, 1, 1))
    tensor([1., 9.])
    """
    return loss if isinstance(loss, PerTask) or loss in _BATCHED else PerTask(loss)


_BATCHED: tuple[Any, ...] = (mse, cross_entropy, accuracy)


def name_of(loss: Loss) -> str:
    """What a loss is called where it is written beside its numbers.

    >>> name_of(mse), name_of(per_task(torch.nn.HuberLoss()))
    ('MSE', 'HuberLoss')
    """
    known: dict[Any, str] = {mse: "MSE", cross_entropy: "cross-entropy"}
    if loss in known:
        return known[loss]
    own = loss.loss if isinstance(loss, PerTask) else loss
    return str(getattr(own, "__name__", type(own).__name__))


def _check_shapes(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise ValueError(
            f"predictions {tuple(prediction.shape)} and targets {tuple(target.shape)} differ in shape: [tasks, points, outputs] each is "
            "expected"
        )
