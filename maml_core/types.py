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
        """The same, in the memory of a device."""
        return Examples(self.x.to(device), self.y.to(device))


class Tasks(NamedTuple):
    """A batch of tasks: what each adapts on (support) and is judged on (query)."""

    support: Examples
    query: Examples
    parameters: Tensor
    """What defines each task, [T, ...]: amplitude and phase of a sinusoid, w of a linear task. Given to oracles only."""

    def to(self, device: torch.device) -> Tasks:
        """The same, in the memory of a device."""
        return Tasks(self.support.to(device), self.query.to(device), self.parameters.to(device))
