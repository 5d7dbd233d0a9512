"""What every model offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from maml_core.types import Params


class Model(Protocol):
    """A network as a pure function of its parameters, batched over a leading axis of parameters."""

    @property
    def head(self) -> frozenset[str]:
        """Names of the last layer's parameters: what ANIL adapts."""
        ...

    @property
    def layers(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the parameters of each layer, from input to output, by what people call the layer."""
        ...

    def init(self, seed: int, dtype: torch.dtype = torch.float32) -> Params:
        """Initial parameters, one lane: every tensor [1, ...]. The same seed gives the same bits."""
        ...

    def apply(self, theta: Params, x: Tensor, *, first_order_only: bool = False) -> Tensor:
        """Predictions [B, points, outputs] of B parameter sets for x [B, points, inputs].

        `first_order_only` promises that the predictions are differentiated once at most, so that the fastest form for that may be taken; it
        changes them by rounding only.
        """
        ...

    def statistics(self, theta: Params, x: Tensor, *, first_order_only: bool = False) -> Params:
        """What batch norm measures on x [B, points, inputs]: mean and variance by layer, [B, width]. Empty without batch norm.

        In `theta` they take the place of what `apply` would measure on its own points. `first_order_only` as there.
        """
        ...

    def is_dead(self, theta: Params, x: Tensor) -> Tensor:
        """Whether a whole hidden layer is off on all of x [B, points, inputs], so that no gradient can wake it: [B], boolean."""
        ...

    def features(self, theta: Params, x: Tensor) -> Mapping[str, Tensor]:
        """What each of `layers` hands on for x [B, points, inputs], [B, points, width] each; the head's are the predictions."""
        ...
