"""The types that everything else speaks, and the legend of axis names used in shape comments.

L lanes (configurations side by side), T tasks, B = L * T, K support points, M query points, N inner steps, D parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Params = dict[str, Tensor]
"""Parameters by name. Every tensor has one leading axis: lanes [L, ...], or lanes x tasks [B, ...] inside the inner loop."""


Rates = Sequence[Params]
"""Learned inner step sizes: for each inner step a rate a parameter tensor, [B] or the tensor's own shape [B, ...]. The last entry
serves all further steps."""


class Examples(NamedTuple):
    """Inputs and targets of many tasks."""

    x: Tensor
    """[B, points, inputs]"""
    y: Tensor
    """[B, points, outputs]"""

    def to(self, device: torch.device) -> Examples:
        """These values in the memory of a device."""
        return Examples(self.x.to(device), self.y.to(device))


def as_examples(examples: Examples | tuple[Tensor, Tensor], name: str) -> Examples:
    """Examples, or a pair of inputs and targets, with a check of their shapes.

    Raises:
        TypeError: No pair of tensors.
        ValueError: Shapes that are no examples of tasks; says which are expected.
    """
    if (
        not isinstance(examples, tuple | list)
        or len(examples) != 2
        or not all(isinstance(of, Tensor) for of in examples)
    ):
        raise TypeError(f"{name} is a {type(examples).__name__}: give Examples(x, y), or (x, y), of tensors")
    x, y = examples
    if x.ndim < 3:
        one = [1, *x.shape, *[1] * (2 - x.ndim)][:3]
        raise ValueError(
            f"{name}.x has shape {list(x.shape)}, where [tasks, points, inputs] is expected; x.view({', '.join(map(str, one))}) is one task"
        )
    if y.ndim < 2 or x.shape[:2] != y.shape[:2]:
        raise ValueError(
            f"{name}.x has shape {list(x.shape)} and {name}.y {list(y.shape)}, where [tasks, points, inputs] and [tasks, points, outputs] "
            "are expected"
        )
    return Examples(x, y)


class Tasks(NamedTuple):
    """A batch of tasks: what each adapts on (support) and is judged on (query)."""

    support: Examples
    query: Examples
    parameters: Tensor
    """What defines each task, [T, ...]: amplitude and phase of a sinusoid, w of a linear task. Given to oracles only."""

    def to(self, device: torch.device) -> Tasks:
        """These values in the memory of a device."""
        return Tasks(self.support.to(device), self.query.to(device), self.parameters.to(device))


def as_tasks(tasks: Tasks | tuple[object, ...]) -> Tasks:
    """Tasks, or a tuple of their support, query and parameters, with a check of their shapes.

    Raises:
        TypeError: Something else.
        ValueError: Shapes that are no tasks'; says which are expected.
    """
    if not isinstance(tasks, tuple) or len(tasks) != 3:
        raise TypeError(f"a {type(tasks).__name__} where Tasks(support, query, parameters) are expected")
    support, query, parameters = tasks
    if not isinstance(parameters, Tensor):
        raise TypeError(
            f"parameters is a {type(parameters).__name__}; give a tensor [tasks, ...], with nothing in it if there are none"
        )
    return Tasks(as_examples(support, "support"), as_examples(query, "query"), parameters)  # type: ignore[arg-type]  # checked there
